"""Poses that another program gives: what their names mean, and which of them to believe.

In: a 4x4 matrix with its name and times, as it came over the network or stands in a file. Out:
the :class:`~tracking.poses.BodyPose` of one of our bodies: tracked, or lost where the matrix says
nothing. A tracker that loses its tool goes on sending: the identity, the last pose again, a zero
matrix. None of these is a measurement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.poses import BodyPose, PoseQuality, TrackingState

FloatArray = NDArray[np.float64]

RIGID_TOLERANCE = 2e-3
"""How far the products of a rotation's columns may be from 0 and 1: single precision and texts of
four digits stay well below, a scaled or sheared matrix is far above."""
FARTHEST = 1e5
"""No tracker sees 100 m far, mm."""
TRACKER = "Tracker"
"""Name of the tracker's own frame in PLUS and 3D Slicer; our ``world`` when poses come from it."""

_IDENTITY = np.eye(4)

KNOWN_NAMES: Mapping[str, str] = {
    "HeadToTracker": "head",
    "ReferenceToTracker": "head",
    "CoilToTracker": "coil_body",
    "StylusToTracker": "pointer",
    "PointerToTracker": "pointer",
}
"""What usual names of transforms mean here."""


class PoseRefused(ValueError):
    """A matrix that is no pose; the message says why."""


class NamesError(ValueError):
    """Names of transforms that cannot be followed; the message says which and why."""


def rigid_from_matrix(matrix: FloatArray) -> RigidTransform:
    """Check a (4, 4) matrix, mm, and make it exactly rigid.

    Raises
    ------
    PoseRefused
        If it is not finite, not rigid (scaled, sheared, mirrored, zero), the identity, or far
        beyond what any tracker sees.
    """
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise PoseRefused("it is not finite")
    if not np.array_equal(matrix[3], [0.0, 0.0, 0.0, 1.0]):
        raise PoseRefused("its last row is not 0 0 0 1")
    if np.abs(matrix - _IDENTITY).max() < 1e-6:
        raise PoseRefused("it is the identity")
    # Finite numbers may still overflow when they are multiplied.
    if np.abs(matrix[:3]).max() > FARTHEST:
        raise PoseRefused("it is farther away than any tracker sees")
    rotation = matrix[:3, :3]
    if np.abs(rotation.T @ rotation - _IDENTITY[:3, :3]).max() > RIGID_TOLERANCE:
        raise PoseRefused("it is not rigid")
    if np.linalg.det(rotation) < 0:
        raise PoseRefused("it is mirrored")
    left, _, right = np.linalg.svd(rotation)
    exact = matrix.copy()
    exact[:3, :3] = left @ right
    # scipy would check and orthonormalise once more, which takes several times as long.
    return RigidTransform(exact, normalize=False)


@dataclass(frozen=True, slots=True)
class TransformNames:
    """Which transforms are poses of which bodies.

    A name ``AToB`` maps frame A to frame B: ``HeadToTracker`` is ``tracker_from_head`` and is
    taken as it is, ``TrackerToHead`` is inverted. A name without ``To``, such as that of a tool
    in tracking data, is a tool seen from the tracker.

    Attributes
    ----------
    bodies
        Name of the transform -> name of our body.
    tracker
        Name of the tracker's frame.
    others
        Whether a transform that is not listed is a body of its own name.

    Raises
    ------
    NamesError
        If a listed transform does not lead to or from the tracker.
    """

    bodies: Mapping[str, str] = field(default_factory=lambda: dict(KNOWN_NAMES))
    tracker: str = TRACKER
    others: bool = False

    def __post_init__(self) -> None:
        for name, body in self.bodies.items():
            ends = frames_of(name)
            if not name or not body:
                raise NamesError("A transform and the body it belongs to both need a name.")
            if ends is not None and self.tracker not in ends:
                raise NamesError(
                    f"The transform '{name}' neither leads to '{self.tracker}' nor from it, so it "
                    f"cannot place '{body}'. Send a transform such as "
                    f"{ends[0]}To{self.tracker}."
                )

    def body(self, name: str) -> str | None:
        """Give the body whose pose the transform `name` is; None if it is none of ours."""
        return self.bodies.get(name, name if self.others and name else None)

    def inverted(self, name: str) -> bool:
        """Whether the transform `name` leads from the tracker to the body."""
        ends = frames_of(name)
        return ends is not None and ends[0] == self.tracker and ends[1] != self.tracker


def frames_of(name: str) -> tuple[str, str] | None:
    """Give the frames A and B of a name ``AToB``; None if it is not of that form."""
    found = re.fullmatch(r"(.+?)To([A-Z].*)", name)
    return None if found is None else (found[1], found[2])


def parse_names(words: Sequence[str]) -> dict[str, str]:
    """Read words such as ``HeadToTracker=head``.

    Raises
    ------
    NamesError
        If a word is not of that form, or a transform is named twice.
    """
    names: dict[str, str] = {}
    for word in words:
        name, equals, body = (part.strip() for part in word.partition("="))
        if not (name and equals and body):
            raise NamesError(
                f"{word!r} does not say which body a transform belongs to. "
                "Write it like HeadToTracker=head."
            )
        if names.setdefault(name, body) != body:
            raise NamesError(f"The transform '{name}' is given to two bodies. Name it once.")
    return names


class PoseWatch:
    """Follows one body and tells measurements from repeats. For one thread."""

    def __init__(self, body: str) -> None:
        self._body = body
        self._stamp_ns: int | None = None
        self._bits = b""

    def judge(
        self, matrix: FloatArray, *, inverted: bool, stamp_ns: int | None, time_ns: int
    ) -> BodyPose | None:
        """Give what `matrix` says of the body; None if it only repeats what is known.

        A repeat does not make the old pose younger, so a tracker that repeats itself is lost
        when the pose limit has passed.

        Parameters
        ----------
        matrix
            (4, 4), mm.
        inverted
            Whether it is ``body_from_world``.
        stamp_ns
            The sender's own time, None without one: the same or an earlier one is a repeat.
        time_ns
            The time of the measurement, ``time.monotonic_ns()``.
        """
        stamp_before = self._stamp_ns
        if stamp_ns is not None:
            if stamp_before is not None and stamp_ns <= stamp_before:
                return None
            self._stamp_ns = stamp_ns
        try:
            transform = rigid_from_matrix(matrix)
        except PoseRefused:
            return lost(self._body, time_ns)
        bits = matrix.tobytes()
        if bits == self._bits:
            return None
        self._bits = bits
        return BodyPose(
            body=self._body,
            time_ns=time_ns,
            state=TrackingState.TRACKED,
            world_from_body=transform.inv() if inverted else transform,
            quality=PoseQuality.unknown(),
        )


def lost(body: str, time_ns: int) -> BodyPose:
    """Say that `body` is lost at `time_ns`."""
    return BodyPose(body, time_ns, TrackingState.LOST, None, None)
