"""What all cameras see of the tags at one instant, as calibrations of bodies gather it.

In: the frames of one instant, not all taken at quite the same time. Out: a :class:`TagView`, the
refined corners of all tags, led to one common time by those of the frame before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.corners import refine_corners
from tracking.detection import TagDetector, TagObservation
from tracking.frames import Frame

FloatArray = NDArray[np.float64]

TOGETHER_NS = 100_000
"""Frames so close in time are one instant: a hand moves by no more than 0.02 mm."""

LONGEST_GAP_NS = 120_000_000
"""Between frames further apart a hand does not move evenly enough to say where a tag was."""


@dataclass(frozen=True, eq=False, slots=True)
class TagView:
    """The tags at one instant.

    Attributes
    ----------
    time_ns
        To which all corners belong.
    tags
        Camera name -> tags seen, refined; cameras that see none are left out.
    speed
        How fast the quickest tag moves in any picture, px/s; infinite if not known.
    repeated
        Ids that were seen twice in one picture; they are not among `tags`.
    """

    time_ns: int
    tags: Mapping[str, tuple[TagObservation, ...]]
    speed: float = np.inf
    repeated: frozenset[int] = frozenset()

    def only(self, ids: Iterable[int]) -> TagView:
        """Keep the tags `ids` only."""
        wanted = frozenset(ids)
        kept = {
            camera: tuple(one for one in seen if one.tag in wanted)
            for camera, seen in self.tags.items()
        }
        kept = {camera: seen for camera, seen in kept.items() if seen}
        return TagView(self.time_ns, kept, self.speed, self.repeated & wanted)

    @property
    def ids(self) -> frozenset[int]:
        """All tags that any camera sees."""
        return frozenset(one.tag for seen in self.tags.values() for one in seen)


class TagViewer:
    """Finds tags frame by frame and remembers those of the frame before. For one thread.

    Parameters
    ----------
    cameras
        All calibrated cameras that frames will come from.
    family
        Tag family.

    Raises
    ------
    TagFamilyError
        If the family is unknown.
    """

    def __init__(self, cameras: Sequence[Camera], family: str) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._detector = TagDetector(family)
        self._before: dict[str, tuple[int, dict[int, FloatArray]]] = {}

    def look(self, frames: Sequence[Frame]) -> TagView:
        """Find the tags in `frames`, at least one, at most one of each camera."""
        time_ns = min(frame.time_ns for frame in frames)
        tags: dict[str, tuple[TagObservation, ...]] = {}
        speeds: list[float] = []
        repeated: set[int] = set()
        for frame in frames:
            found = self._detector.detect(frame.image)
            counts = Counter(one.tag for one in found)
            twice = {tag for tag, count in counts.items() if count > 1}
            repeated |= twice
            once = [one for one in found if one.tag not in twice]
            refined = refine_corners(frame.image, once, self._cameras[frame.camera])
            now = {one.tag: one.corners for one in refined}
            before = self._before.get(frame.camera)
            self._before[frame.camera] = (frame.time_ns, now)
            seen, speed = _at(time_ns, frame.time_ns, now, before)
            speeds += speed
            if seen:
                tags[frame.camera] = seen
        fastest = max(speeds) if speeds else np.inf
        return TagView(time_ns, tags, fastest, frozenset(repeated))


def _at(
    wanted_ns: int,
    time_ns: int,
    now: Mapping[int, FloatArray],
    before: tuple[int, Mapping[int, FloatArray]] | None,
) -> tuple[tuple[TagObservation, ...], list[float]]:
    """Where the tags were at `wanted_ns`, and how fast each moved, px/s."""
    gap_ns = 0 if before is None else time_ns - before[0]
    known = before[1] if before is not None and 0 < gap_ns <= LONGEST_GAP_NS else {}
    late_ns = time_ns - wanted_ns
    seen, speeds = [], []
    for tag, corners in now.items():
        if tag in known:
            motion = corners - known[tag]
            speeds.append(float(np.hypot(*motion.T).mean()) / gap_ns * 1e9)
            if TOGETHER_NS < late_ns <= gap_ns:
                seen.append(TagObservation(tag, corners - motion * (late_ns / gap_ns)))
        if late_ns <= TOGETHER_NS:
            seen.append(TagObservation(tag, corners))
    return tuple(seen), speeds
