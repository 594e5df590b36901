"""Watches calibrated cameras in use: mirrored, bumped, out of focus, or set otherwise.

In: what the tracker sees of the marker bodies, and with what settings the cameras run. Out: a
sentence for each camera that no longer fits its calibration, with the remedy. Calibration that has
gone wrong costs millimetres without looking wrong: the pose still fits its corners well enough.

From what several cameras see of resting bodies, the change of each camera's place or focus that
would explain it better is computed as in bundle adjustment, all poses being free. If it is large,
certain, and explains much of the misfit, the camera is named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.calibration.bundle import common_equations
from tracking.calibration.bundle_model import CAMERA, LENS, SHAPE, Knowns, Sighting, Unknowns
from tracking.calibration.lens import lens_of
from tracking.calibration.result import DeviceSettings
from tracking.cameras import Camera
from tracking.detection import TagDetector
from tracking.poses import TrackingState
from tracking.tracker import TrackedFrames

FloatArray = NDArray[np.float64]

KEPT = 40
"""Newest views of bodies that are looked at."""

FEWEST = 12
"""Views of bodies below which nothing is said."""

FEWEST_CORNERS = 8

PAUSE_NS = 150_000_000
"""Time between two views that are kept of a body."""

LEAST_TURN_DEG, LEAST_SHIFT, LEAST_FOCUS = 0.06, 0.5, 0.0015
"""Changes that are spoken of: degrees, mm, share of the focal length."""

CLEAR = 5.0
"""...if they are this many standard deviations large."""

LEAST_EXPLAINED = 0.3
"""...and explain this part of the squared misfit."""

ALIKE = 0.85
"""Explanations nearly as good as the best cannot be told from it."""

SIMPLER = 0.03
"""Advantage of the focus, one number, over a move, six, which can imitate it."""

STILL_DEG_PER_S, STILL_MM_PER_S = 10.0, 20.0
"""Faster bodies are left out: cameras do not take their pictures at the same time."""

BLIND = 10
"""Pictures in a row without tags after which they are looked at turned over."""


@dataclass(frozen=True, eq=False, slots=True)
class _View:
    """One body at one instant: its pose, and what each camera saw of it."""

    pose: FloatArray
    seen: Mapping[str, tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of one camera that would explain what is seen."""

    camera: str
    sentence: str
    explained: float


class CameraHealth:
    """Judges `cameras` by what is tracked of `bodies`. Used by one thread at a time.

    Cheap enough for being asked with every frame: most of the time it only keeps what was seen.

    Parameters
    ----------
    cameras
        The calibrated cameras.
    bodies
        The marker bodies that are tracked.
    """

    def __init__(self, cameras: Sequence[Camera], bodies: Sequence[MarkerBody]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._bodies = {body.name: body for body in bodies}
        self._views: deque[_View] = deque(maxlen=KEPT)
        self._last: dict[str, tuple[int, FloatArray]] = {}
        self._kept_ns: dict[str, int] = {}
        self._fresh = 0
        self.judged = 0
        """How often there was enough to judge by."""
        self._changed: tuple[str, ...] = ()
        self._blind = dict.fromkeys(self._cameras, 0)
        self._mirrored: dict[str, str] = {}
        self._detectors = [TagDetector(family) for family in {body.family for body in bodies}]

    def update(self, tracked: TrackedFrames) -> tuple[str, ...]:
        """Take in one instant and give a sentence for each camera that is not well."""
        for name, body in self._bodies.items():
            pose = tracked.poses.get(name)
            if pose is None or pose.state is not TrackingState.TRACKED:
                continue
            if pose.world_from_body is None:
                continue
            matrix = pose.world_from_body.as_matrix()
            if self._is_due(name, pose.time_ns, matrix):
                self._keep(body, matrix, tracked)
        if self._fresh >= FEWEST and len(self._views) >= FEWEST:
            self._fresh = 0
            self.judged += 1
            self._changed = self._judge()
        self._look_mirrored(tracked)
        return (*self._mirrored.values(), *self._changed)

    def _is_due(self, body: str, time_ns: int, matrix: FloatArray) -> bool:
        """Whether the body rests and was not kept a moment ago."""
        before = self._last.get(body)
        self._last[body] = (time_ns, matrix)
        if before is None or time_ns <= before[0]:
            return False
        seconds = (time_ns - before[0]) / 1e9
        moved = float(np.linalg.norm(matrix[:3, 3] - before[1][:3, 3]))
        cosine = (np.trace(matrix[:3, :3] @ before[1][:3, :3].T) - 1) / 2
        turned = float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))
        # Rest is told from noise only over some time.
        still = moved <= max(0.3, STILL_MM_PER_S * seconds)
        still &= turned <= max(0.2, STILL_DEG_PER_S * seconds)
        return still and time_ns - self._kept_ns.get(body, -PAUSE_NS) >= PAUSE_NS

    def _keep(self, body: MarkerBody, pose: FloatArray, tracked: TrackedFrames) -> None:
        seen = {}
        for name, tags in tracked.detections.items():
            own = [one for one in tags if one.tag in body.corners]
            if name in self._cameras and 4 * len(own) >= FEWEST_CORNERS:
                points = np.concatenate([body.corners[one.tag] for one in own])
                seen[name] = (points, np.concatenate([one.corners for one in own]))
        if len(seen) > 1:
            self._views.append(_View(pose, seen))
            self._kept_ns[body.name] = self._last[body.name][0]
            self._fresh += 1

    def _judge(self) -> tuple[str, ...]:
        """Find the change of one camera that explains the views best, if one is called for."""
        names = sorted({name for view in self._views for name in view.seen})
        matrix, side, square = common_equations(*self._problem(names))
        changes = []
        for number, name in enumerate(names):
            place = len(names) * LENS + number * CAMERA + np.arange(6)
            changes.append(_moved(name, matrix, side, square, place))
            changes.append(_refocused(self._cameras[name], matrix, side, square, number))
        best = max((one.explained for one in changes if one is not None), default=0.0)
        if best < LEAST_EXPLAINED:
            return ()
        likely = [one for one in changes if one is not None and one.explained >= ALIKE * best]
        if len(likely) == 1:
            return (likely[0].sentence,)
        which = " or ".join(f"'{name}'" for name in sorted({one.camera for one in likely}))
        what = max(likely, key=lambda one: one.explained).sentence.partition(": ")[2]
        return (f"Camera {which}: {what}",)

    def _problem(self, names: Sequence[str]) -> tuple[list[Sighting], Unknowns, Knowns]:
        """All views as one bundle adjustment in which each view has its own body pose."""
        sightings = [
            Sighting(names.index(name), number, 0.0, points, pixels)
            for number, view in enumerate(self._views)
            for name, (points, pixels) in view.seen.items()
        ]
        lenses = np.array([lens_of(self._cameras[name]) for name in names])
        count = len(self._views)
        unknowns = Unknowns(
            lenses=lenses,
            camera_from_world=np.array(
                [self._cameras[name].camera_from_world.as_matrix() for name in names]
            ),
            world_from_board=np.array([view.pose for view in self._views]),
            velocity=np.zeros((count, 6)),
            shape=np.zeros(SHAPE),
            late=np.zeros(len(names)),
        )
        knowns = Knowns(
            lenses=lenses,
            lens_sigma=np.full_like(lenses, np.inf),
            half_size=np.ones(2),
            times=np.arange(count, dtype=np.float64),
            moving=False,
            shaped=False,
        )
        return sightings, unknowns, knowns

    def _look_mirrored(self, tracked: TrackedFrames) -> None:
        """Look for the bodies' tags in turned pictures of cameras that see none."""
        known = {tag for body in self._bodies.values() for tag in body.corners}
        for name, frame in tracked.frames.items():
            if name not in self._blind:
                continue
            if tracked.detections.get(name):
                self._blind[name] = 0
                self._mirrored.pop(name, None)
                continue
            self._blind[name] += 1
            if self._blind[name] % BLIND:
                continue
            turned = np.ascontiguousarray(frame.image[:, ::-1])
            found = [one for detector in self._detectors for one in detector.detect(turned)]
            if sum(one.tag in known for one in found) >= 2:
                self._mirrored[name] = (
                    f"Camera '{name}' mirrors its pictures. Switch mirroring off in its driver, or "
                    "calibrate it as it is."
                )


def _moved(
    name: str, matrix: FloatArray, side: FloatArray, square: float, place: NDArray[np.intp]
) -> _Change | None:
    change, sigma, explained = _explained(matrix, side, square, place)
    turn, shift = np.linalg.norm(change[:3]), np.linalg.norm(change[3:])
    degrees = float(np.rad2deg(turn))
    certain_turn = degrees >= LEAST_TURN_DEG and turn >= CLEAR * np.linalg.norm(sigma[:3])
    certain_shift = shift >= LEAST_SHIFT and shift >= CLEAR * np.linalg.norm(sigma[3:])
    if not (certain_turn or certain_shift):
        return None
    return _Change(
        name,
        f"Camera '{name}': it was bumped (turned by {degrees:.2f} degrees, moved by {shift:.1f} mm "
        "against the others). Calibrate anew where the cameras stand.",
        explained,
    )


def _refocused(
    camera: Camera, matrix: FloatArray, side: FloatArray, square: float, number: int
) -> _Change | None:
    # Both focal lengths change by the same share: one unknown.
    both = np.zeros((len(side), 1))
    both[number * LENS : number * LENS + 2, 0] = camera.matrix[0, 0], camera.matrix[1, 1]
    change, sigma, explained = _explained(
        both.T @ matrix @ both, both.T @ side, square, np.arange(1)
    )
    share = float(change[0])
    if abs(share) < LEAST_FOCUS or abs(share) < CLEAR * sigma[0]:
        return None
    return _Change(
        camera.name,
        f"Camera '{camera.name}': its focus has changed (focal length by {100 * share:+.2f} %). "
        "Lock the focus as it was, or calibrate its lens anew.",
        explained + SIMPLER,
    )


def _explained(
    matrix: FloatArray, side: FloatArray, square: float, rows: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, float]:
    """Best change of the unknowns `rows`, its standard deviations, and the misfit it explains."""
    part = matrix[np.ix_(rows, rows)]
    inverse = np.linalg.pinv(part, rcond=1e-10, hermitian=True)
    change = inverse @ side[rows]
    explained = float(side[rows] @ change) / max(square, 1e-9)
    # Noise is what remains once the change is made, not the misfit that it causes.
    left = np.clip(1 - explained, 1e-4, 1.0)
    return change, np.sqrt(np.maximum(np.diag(inverse), 0.0) * left), explained


def settings_faults(name: str, calibrated: DeviceSettings, now: DeviceSettings) -> tuple[str, ...]:
    """Sentences on settings of camera `name` that differ from those of its calibration.

    What the driver does not tell, in either, is not compared.
    """
    if calibrated.device and now.device and calibrated.device != now.device:
        return (
            f"'{name}' is another camera ({now.device}) than the one calibrated "
            f"({calibrated.device}). Connect that one, or calibrate this one.",
        )
    told = []
    if (now.width, now.height) != (calibrated.width, calibrated.height):
        told.append(
            f"Camera '{name}' gives {now.width} x {now.height} pixels but was calibrated with "
            f"{calibrated.width} x {calibrated.height}. Set that resolution, or calibrate anew."
        )
    for what in ("focus", "zoom"):
        before, after = getattr(calibrated, what), getattr(now, what)
        if before is not None and after is not None and before != after:
            told.append(
                f"The {what} of camera '{name}' is {after:g} but was {before:g} when it was "
                f"calibrated. Set it back and lock it, or calibrate anew."
            )
    return tuple(told)


def camera_settings_faults(
    calibrated: Mapping[str, DeviceSettings], now: Mapping[str, DeviceSettings]
) -> tuple[str, ...]:
    """Sentences of :func:`settings_faults` for all cameras that both know."""
    return tuple(
        sentence
        for name, settings in calibrated.items()
        if name in now
        for sentence in settings_faults(name, settings, now[name])
    )
