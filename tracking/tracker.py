"""From the images of one instant to the pose and state of every body.

In: frames of one or several cameras taken at about the same time. Out: :class:`TrackedFrames`.
Plain computation: no threads, no clock of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.corners import refine_corners
from tracking.detection import Region, TagDetector, TagObservation
from tracking.frames import Frame
from tracking.pose_solver import PoseSolution, solve_body_pose
from tracking.poses import POSE_LIMIT_NS, BodyPose, TrackingState

FloatArray = NDArray[np.float64]

SEARCH_INTERVAL_NS = 90_000_000
"""Pause between two searches of a whole image for bodies that are out of sight."""

MARGIN_PX = 30.0
"""Least width of the border searched around where a body is expected, pixels."""

SPEED_MM_PER_S = 400.0
"""Speed of a body for which the border is widened with the age of its last pose."""


@dataclass(frozen=True, eq=False, slots=True)
class TrackedFrames:
    """What the tracker made of the images of one instant.

    Attributes
    ----------
    time_ns
        Newest capture time among the images, ``time.monotonic_ns()``; without images the time at
        which the states were looked at.
    frames
        Camera name -> the frame itself (image and capture time). Without entry: no new image.
    detections
        Camera name -> the tags seen in it, corners refined.
    poses
        Body name -> its pose and state. Every body is there.
    processing_ns
        Time that the computation took.
    """

    time_ns: int
    frames: Mapping[str, Frame]
    detections: Mapping[str, tuple[TagObservation, ...]]
    poses: Mapping[str, BodyPose]
    processing_ns: int


@dataclass(slots=True)
class _Sight:
    """What is remembered of a body between frames."""

    last: BodyPose | None = None


@dataclass(slots=True)
class _Search:
    """When an image of a camera was last searched as a whole, and how."""

    last_ns: int | None = None
    count: int = 0


class Tracker:
    """Follows bodies through the images of calibrated cameras. Used by one thread at a time.

    Parameters
    ----------
    cameras
        All cameras that frames will come from.
    bodies
        The bodies to follow. No tag may be on two of them.

    Raises
    ------
    ValueError
        If two cameras or two bodies have one name, or two bodies share a tag.
    TagFamilyError
        If a body's tag family is unknown.
    """

    def __init__(self, cameras: Sequence[Camera], bodies: Sequence[MarkerBody]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._bodies = {body.name: body for body in bodies}
        if len(self._cameras) < len(cameras) or len(self._bodies) < len(bodies):
            raise ValueError("Each camera and each body needs its own name.")
        _check_tags(bodies)
        self._detectors = {
            family: TagDetector(family) for family in sorted({body.family for body in bodies})
        }
        self._points = {body.name: np.concatenate(list(body.corners.values())) for body in bodies}
        self._extrinsics = {camera.name: camera.camera_from_world.as_matrix() for camera in cameras}
        self._sights = {body.name: _Sight() for body in bodies}
        self._searches = {camera.name: _Search() for camera in cameras}

    @property
    def body_names(self) -> tuple[str, ...]:
        """Names of the bodies followed."""
        return tuple(self._bodies)

    def process(self, frames: Sequence[Frame]) -> TrackedFrames:
        """Detect, refine and solve.

        Parameters
        ----------
        frames
            At least one frame, at most one of each camera.
        """
        began = time.perf_counter_ns()
        now = max(frame.time_ns for frame in frames)
        # One camera at a time searches its whole image: found by one, a body is found by all.
        searcher = min(frames, key=lambda frame: self._searches[frame.camera].last_ns or 0).camera
        detections = {
            frame.camera: self._detect(frame, may_search=frame.camera == searcher)
            for frame in frames
        }
        poses = {}
        for body in self._bodies.values():
            poses[body.name] = self._follow(body, frames, detections, now)
        return TrackedFrames(
            time_ns=now,
            frames=MappingProxyType({frame.camera: frame for frame in frames}),
            detections=MappingProxyType(
                {camera: tuple(tags) for camera, tags in detections.items()}
            ),
            poses=MappingProxyType(poses),
            processing_ns=time.perf_counter_ns() - began,
        )

    def tick(self, now_ns: int) -> TrackedFrames:
        """States at `now_ns` while no image comes: predicted until the limit, then lost."""
        return TrackedFrames(
            time_ns=now_ns,
            frames=MappingProxyType({}),
            detections=MappingProxyType({}),
            poses=MappingProxyType({name: self._unseen(name, now_ns) for name in self._bodies}),
            processing_ns=0,
        )

    def _detect(self, frame: Frame, *, may_search: bool) -> list[TagObservation]:
        camera = self._cameras[frame.camera]
        found: list[TagObservation] = []
        for family, detector in self._detectors.items():
            bodies = [body for body in self._bodies.values() if body.family == family]
            if may_search and self._search_is_due(bodies, frame):
                found += self._search_whole(detector, frame)
                continue
            regions = [self._region(body, camera, frame) for body in bodies]
            found += detector.detect(frame.image, [one for one in regions if one is not None])
        return refine_corners(frame.image, found, camera)

    def _search_is_due(self, bodies: Sequence[MarkerBody], frame: Frame) -> bool:
        missing = any(self._fresh(body.name, frame.time_ns) is None for body in bodies)
        last = self._searches[frame.camera].last_ns
        return missing and (last is None or frame.time_ns - last >= SEARCH_INTERVAL_NS)

    def _search_whole(self, detector: TagDetector, frame: Frame) -> list[TagObservation]:
        search = self._searches[frame.camera]
        search.last_ns = frame.time_ns
        search.count += 1
        # Half the resolution is quick but misses small tags: take turns.
        return detector.detect(frame.image) if search.count % 2 else detector.acquire(frame.image)

    def _region(self, body: MarkerBody, camera: Camera, frame: Frame) -> Region | None:
        last = self._fresh(body.name, frame.time_ns)
        if last is None or last.world_from_body is None:
            return None
        pose = self._extrinsics[camera.name] @ last.world_from_body.as_matrix()
        points = self._points[body.name] @ pose[:3, :3].T + pose[:3, 3]
        depth = float(points[:, 2].min())
        if depth <= 1.0:
            return None
        travelled = SPEED_MM_PER_S * (frame.time_ns - last.time_ns) / 1e9
        margin = MARGIN_PX + float(camera.matrix[0, 0]) * travelled / depth
        return Region.around(camera.project(points), margin, camera.width, camera.height)

    def _follow(
        self,
        body: MarkerBody,
        frames: Sequence[Frame],
        detections: Mapping[str, Sequence[TagObservation]],
        now_ns: int,
    ) -> BodyPose:
        seen = {
            camera: [one for one in tags if one.tag in body.corners]
            for camera, tags in detections.items()
        }
        seen = {camera: tags for camera, tags in seen.items() if tags}
        if not seen:
            return self._unseen(body.name, now_ns)
        fresh = self._fresh(body.name, now_ns)
        prior = None if fresh is None else fresh.world_from_body
        solution = solve_body_pose(body, seen, self._cameras, prior)
        if solution.state is TrackingState.TRACKED:
            pose = BodyPose(
                body=body.name,
                time_ns=_time_of(solution, frames),
                state=solution.state,
                world_from_body=solution.world_from_body,
                quality=solution.quality,
            )
            self._sights[body.name].last = pose
            return pose
        if solution.state is TrackingState.AMBIGUOUS:
            return BodyPose(body.name, now_ns, TrackingState.AMBIGUOUS, None, None)
        return self._unseen(body.name, now_ns)

    def _fresh(self, body: str, now_ns: int) -> BodyPose | None:
        last = self._sights[body].last
        return last if last is not None and now_ns - last.time_ns <= POSE_LIMIT_NS else None

    def _unseen(self, body: str, now_ns: int) -> BodyPose:
        fresh = self._fresh(body, now_ns)
        if fresh is None:
            return BodyPose(body, now_ns, TrackingState.LOST, None, None)
        return BodyPose(
            body, fresh.time_ns, TrackingState.PREDICTED, fresh.world_from_body, fresh.quality
        )


def _time_of(solution: PoseSolution, frames: Sequence[Frame]) -> int:
    """Mean capture time of the images that the pose rests on."""
    times = [frame.time_ns for frame in frames if frame.camera in solution.cameras]
    return sum(times) // len(times)


def _check_tags(bodies: Sequence[MarkerBody]) -> None:
    owners: dict[tuple[str, int], str] = {}
    for body in bodies:
        for tag in body.corners:
            owner = owners.setdefault((body.family, tag), body.name)
            if owner != body.name:
                raise ValueError(
                    f"Tag {tag} is on '{owner}' and on '{body.name}'. Give each body its own tags."
                )
