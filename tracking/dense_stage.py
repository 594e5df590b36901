"""When poses are refined by all pixels of their tags, and when there is no time for it.

In: a body's pose from corners, with the images it rests on. Out: the refined pose, or the same one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.dense import DenseRefiner
from tracking.detection import GreyImage, TagObservation
from tracking.poses import BodyPose, TrackingState

FloatArray = NDArray[np.float64]

BUDGET_SHARE = 0.5
"""Part of the time between two sets of images that all work on one of them may take."""

SHIFT_PX = 0.0045
"""Standard deviation of a shift common to all that one camera sees, which pixels do not betray."""

NOISE_FACTOR = 1.5
"""Neighbouring pixels err together where a picture was compressed; counted as independent, they
claim so much too little noise."""

CAUTION = 1.5
"""How much longer than usual a refinement is reckoned with."""


class Dense(StrEnum):
    """When to refine poses by all pixels."""

    ALWAYS = "always"
    SPARE_TIME = "spare_time"
    NEVER = "never"


class DenseStage:
    """Refines poses as far as its mode and the time allow. Used by one thread at a time."""

    def __init__(
        self, cameras: Sequence[Camera], bodies: Sequence[MarkerBody], mode: Dense
    ) -> None:
        self.mode = mode
        self._refiner = DenseRefiner(cameras, bodies)
        self._usual_ns = 10e6
        self._times_ns: list[int] = []

    def note_images(self, time_ns: int) -> None:
        """Learn from the capture time of new images how far apart they come."""
        self._times_ns = [*self._times_ns[-8:], time_ns]

    def refine(
        self,
        pose: BodyPose,
        images: Mapping[str, GreyImage],
        observations: Mapping[str, Sequence[TagObservation]],
        shift_spread: FloatArray,
        began_ns: int,
    ) -> BodyPose:
        """Refine `pose`, which rests on `observations` in `images`.

        `shift_spread` (6, 6) is the pose's covariance for a common shift of one pixel in each
        camera; `began_ns` is when work on these images began, by ``time.perf_counter_ns()``.
        """
        if pose.state is not TrackingState.TRACKED or not self._has_time(began_ns):
            return pose
        if pose.world_from_body is None or pose.quality is None:
            return pose
        start = time.perf_counter_ns()
        found = self._refiner.refine(
            pose.body, images, observations, pose.world_from_body, pose.quality.covariance
        )
        self._usual_ns += 0.2 * (time.perf_counter_ns() - start - self._usual_ns)
        if found is None:
            return pose
        covariance = NOISE_FACTOR**2 * found.covariance + SHIFT_PX**2 * shift_spread
        quality = replace(pose.quality, covariance=covariance)
        return replace(pose, world_from_body=found.world_from_body, quality=quality)

    def _has_time(self, began_ns: int) -> bool:
        if self.mode is not Dense.SPARE_TIME:
            return self.mode is Dense.ALWAYS
        gaps = [b - a for a, b in zip(self._times_ns, self._times_ns[1:], strict=False) if b > a]
        if not gaps:
            return False
        spent = time.perf_counter_ns() - began_ns
        return spent + CAUTION * self._usual_ns <= BUDGET_SHARE * min(gaps)
