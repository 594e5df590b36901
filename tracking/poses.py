"""What the tracker says of a body at a time: its state, its pose and how good that pose is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

FloatArray = NDArray[np.float64]

POSE_LIMIT_NS = 150_000_000
"""A pose older than this is lost: on screen, in the metrics, in the permission, in the record."""


class TrackingState(StrEnum):
    """How a body's pose came about, or why there is none."""

    TRACKED = "tracked"
    """Seen in this frame and solved."""
    PREDICTED = "predicted"
    """Not seen in this frame; the last pose is younger than the limit. Shown, never fired on."""
    AMBIGUOUS = "ambiguous"
    """Seen, but two poses explain the picture about equally well: no pose is given."""
    LOST = "lost"
    """Not seen for longer than the limit: no pose is given."""


@dataclass(frozen=True, eq=False, slots=True)
class PoseQuality:
    """What a pose rests on. A residual is not an accuracy and must not be shown as one.

    Attributes
    ----------
    corners, tags, cameras
        How many tag corners, tags and cameras the pose rests on.
    rms_px
        RMS reprojection residual over those corners, pixels.
    covariance
        (6, 6) of a small left-hand error of ``world_from_body`` about the body's origin:
        rotation vector (rad) first, then translation (mm), both in ``world`` axes.
    camera_rms_px
        Camera name -> RMS residual in it alone: a camera that was bumped stands out.

    A pose of another tracker comes without all this: see :meth:`unknown`.
    """

    corners: int
    tags: int
    cameras: int
    rms_px: float
    covariance: FloatArray
    camera_rms_px: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def unknown(cls) -> PoseQuality:
        """Quality of a pose whose giver says nothing of it: numbers that are none."""
        return cls(0, 0, 0, math.nan, np.full((6, 6), math.nan))

    @property
    def known(self) -> bool:
        """Whether anything is known; otherwise no number of it may be shown."""
        return math.isfinite(self.rms_px) and bool(np.isfinite(self.covariance).all())

    @property
    def sigma_mm(self) -> float:
        """Largest standard deviation of the body's origin over all directions, mm."""
        if not self.known:
            return math.nan
        return float(np.sqrt(np.linalg.eigvalsh(self.covariance[3:, 3:])[-1]))

    @property
    def sigma_deg(self) -> float:
        """Largest standard deviation of the rotation over all axes, degrees."""
        if not self.known:
            return math.nan
        return float(np.rad2deg(np.sqrt(np.linalg.eigvalsh(self.covariance[:3, :3])[-1])))


@dataclass(frozen=True, eq=False, slots=True)
class BodyPose:
    """One body at one time.

    Attributes
    ----------
    body
        Name of the body's frame.
    time_ns
        Capture time of the images that the pose rests on (for a predicted pose: of the last
        images in which the body was seen), ``time.monotonic_ns()``.
    state
        See :class:`TrackingState`.
    world_from_body
        The pose, mm; None if `state` is ambiguous or lost.
    quality
        None exactly when `world_from_body` is None.
    """

    body: str
    time_ns: int
    state: TrackingState
    world_from_body: RigidTransform | None
    quality: PoseQuality | None
