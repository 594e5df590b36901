"""The tags of all bodies in one camera's frame, found where the bodies are expected.

In: a frame and, of each body, the motion expected. Out: tags with refined corners. Tags that should
be there are read right where they should be. Only where a tag that was there before cannot be read
so, or where the body may have gone too far, a detector searches the region around.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.corners import refine_corners
from tracking.detection import Region, TagDetector, TagObservation
from tracking.expected_tags import TagLayout
from tracking.frames import Frame
from tracking.motion_filter import LEVER_MM, MotionState
from tracking.tag_reading import read_tags
from tracking.whole_search import Sighted

FloatArray = NDArray[np.float64]

CLOSE_PX = 2.0
"""Uncertainty of where a tag will be, up to which it is read right there."""

SPEED = 0.6
"""Speed over distance (1/s) of a body for which a place is widened with its age."""

MARGIN_PX = 25.0
"""Least width of the border searched around where a body is expected, pixels."""


class TagFinder:
    """Finds tags of `bodies` in frames of one camera. Used by one thread at a time."""

    def __init__(self, camera: Camera, bodies: Sequence[MarkerBody]) -> None:
        self._camera = camera
        self._extrinsics = camera.camera_from_world.as_matrix()
        self._layouts = {body.name: TagLayout(body) for body in bodies}
        self._families: dict[str, list[str]] = {}
        for body in bodies:
            self._families.setdefault(body.family, []).append(body.name)
        self._detectors = {family: TagDetector(family) for family in self._families}
        self._before: set[tuple[str, int]] = set()

    def find(
        self,
        frame: Frame,
        expected: Mapping[str, MotionState],
        places: Mapping[str, Sequence[Region]] = MappingProxyType({}),
    ) -> list[TagObservation]:
        """Find tags.

        Parameters
        ----------
        frame
            Of this camera. In one of another size than it is calibrated for nothing is found.
        expected
            Body name -> motion at the time of the frame, of bodies that were just seen.
        places
            Family -> regions to search besides.
        """
        found: list[TagObservation] = []
        if frame.image.shape != (self._camera.height, self._camera.width):
            return found
        for family, bodies in self._families.items():
            poses = {
                name: self._extrinsics @ expected[name].world_from_body
                for name in bodies
                if name in expected
            }
            found += self._of_family(family, frame, poses, expected, places.get(family, ()))
        return found

    def refine(self, sighted: Sighted) -> list[TagObservation]:
        """Take in what a search of a whole image found: refine it, and look for it from now on."""
        tags = refine_corners(
            sighted.frame.image, sighted.tags, self._camera, family=sighted.family
        )
        self._before |= {(sighted.family, one.tag) for one in tags}
        return tags

    def place(self, sighted: Sighted, body: str, time_ns: int) -> Region | None:
        """Where the tags of `body` that were `sighted` may be at `time_ns`."""
        own = set(self._layouts[body].tags)
        quads = [one.corners for one in sighted.tags if one.tag in own]
        if not quads:
            return None
        age_s = max(time_ns - sighted.frame.time_ns, 0) / 1e9
        return Region.around(
            np.concatenate(quads),
            MARGIN_PX + SPEED * age_s * float(self._camera.matrix[0, 0]),
            self._camera.width,
            self._camera.height,
        )

    def _of_family(
        self,
        family: str,
        frame: Frame,
        poses: Mapping[str, FloatArray],
        expected: Mapping[str, MotionState],
        places: Sequence[Region],
    ) -> list[TagObservation]:
        close = {
            name: self._layouts[name].expected(self._camera, pose)
            for name, pose in poses.items()
            if self._uncertainty_px(pose, expected[name]) <= CLOSE_PX
        }
        wanted = [one for tags in close.values() for one in tags]
        read = read_tags(frame.image, wanted, self._camera, family) if wanted else []
        ids = {one.tag for one in read}
        missed = [name for name in poses if name not in close or self._misses(family, name, ids)]
        regions = [self._region(name, poses[name], expected[name]) for name in missed]
        detected = self._detectors[family].detect(
            frame.image, [*places, *(region for region in regions if region is not None)]
        )
        more = [one for one in detected if one.tag not in ids]
        read = [*read, *refine_corners(frame.image, more, self._camera, family=family)]
        others = {one for one in self._before if one[0] != family}
        self._before = others | {(family, one.tag) for one in read}
        return read

    def _misses(self, family: str, body: str, ids: set[int]) -> bool:
        """Whether a tag of `body` that was in sight before is not among those read."""
        return any(
            (family, tag) in self._before and tag not in ids for tag in self._layouts[body].tags
        )

    def _uncertainty_px(self, camera_from_body: FloatArray, state: MotionState) -> float:
        """Give the standard deviation of where the body's tags will be, pixels."""
        spread = np.diagonal(state.covariance)
        wander = float(np.sqrt(spread[3:6].max()))
        wander += LEVER_MM * float(np.sqrt(spread[:3].max()))
        return float(self._camera.matrix[0, 0]) * wander / max(float(camera_from_body[2, 3]), 1.0)

    def _region(self, body: str, camera_from_body: FloatArray, state: MotionState) -> Region | None:
        outline = self._layouts[body].outline(self._camera, camera_from_body)
        if outline is None:
            return None
        margin = MARGIN_PX + 3.0 * self._uncertainty_px(camera_from_body, state)
        return Region.around(outline, margin, self._camera.width, self._camera.height)
