"""From images, each taken at its own time, to the pose and state of every body.

In: frames of one or several cameras, alone or together as they come. Out: :class:`TrackedFrames`.
Every camera's corners count at their own capture time. No clock of its own; one thread beside, if
whole images shall be searched without holding up the rest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tracking.bodies import MarkerBody
from tracking.body_track import BodyTrack, View
from tracking.cameras import Camera
from tracking.dense_stage import Dense, DenseStage
from tracking.detection import GreyImage, Region, TagObservation
from tracking.frames import Frame
from tracking.motion_filter import MotionState
from tracking.poses import BodyPose
from tracking.tag_finder import TagFinder
from tracking.time_shifts import CameraShift, TimeShifts
from tracking.whole_search import SearchThread, Sighted, WholeSearch

SEARCH_INTERVAL_NS = 90_000_000
"""Pause between two searches of a whole image for bodies that are out of sight."""

SIGHTED_NS = 250_000_000
"""How long it counts where a search of a whole image found a body."""

JUMP_NS = 500_000_000
"""A camera's time that goes back by more than this has been set anew."""

DENSE_SHIFT_MM = 0.02
"""Motion between the images of two cameras that is small enough to refine one pose in both."""


@dataclass(frozen=True, eq=False, slots=True)
class TrackedFrames:
    """What the tracker made of new images.

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
    camera_shifts
        Camera name -> how much later than stated it takes its images, as far as moving bodies
        have told.
    """

    time_ns: int
    frames: Mapping[str, Frame]
    detections: Mapping[str, tuple[TagObservation, ...]]
    poses: Mapping[str, BodyPose]
    processing_ns: int
    camera_shifts: Mapping[str, CameraShift] = field(default_factory=dict)


class Tracker:
    """Follows bodies through the images of calibrated cameras. Used by one thread at a time.

    Parameters
    ----------
    cameras
        All cameras that frames will come from.
    bodies
        The bodies to follow. No tag may be on two of them.
    dense
        When to refine poses by all pixels of their tags: ``always``, ``spare_time`` or ``never``.

    Raises
    ------
    ValueError
        If two cameras or two bodies have one name, or two bodies share a tag.
    TagFamilyError
        If a body's tag family is unknown.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        bodies: Sequence[MarkerBody],
        *,
        dense: Dense | str = Dense.NEVER,
    ) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._bodies = {body.name: body for body in bodies}
        if len(self._cameras) < len(cameras) or len(self._bodies) < len(bodies):
            raise ValueError("Each camera and each body needs its own name.")
        _check_tags(bodies)
        self._families = tuple(sorted({body.family for body in bodies}))
        self._finders = {camera.name: TagFinder(camera, bodies) for camera in cameras}
        self._tracks = {body.name: BodyTrack(body, self._cameras) for body in bodies}
        self._searched_ns: dict[str, int] = {}
        self._search = WholeSearch(self._families)
        self._beside: SearchThread | None = None
        self._sighted: list[Sighted] = []
        self._times_ns: dict[str, int] = {}
        self._shifts = TimeShifts([camera.name for camera in cameras])
        self._images: dict[str, GreyImage] = {}
        self._dense = DenseStage(cameras, bodies, Dense(dense))

    @property
    def body_names(self) -> tuple[str, ...]:
        """Names of the bodies followed."""
        return tuple(self._bodies)

    def search_beside(self) -> None:
        """From now on search whole images on a thread of its own; :meth:`close` ends it."""
        if self._beside is None:
            self._beside = SearchThread(self._families)

    def close(self) -> None:
        """End the thread that searches, if there is one. Safe to call twice."""
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def process(self, frames: Sequence[Frame]) -> TrackedFrames:
        """Detect, refine and solve.

        Parameters
        ----------
        frames
            At least one frame, at most one of each camera. Frames that were taken together are
            best given together; otherwise each is given as it comes.
        """
        began_ns = time.perf_counter_ns()
        self._check_times(frames)
        times = {one.camera: one.time_ns + self._shifts.applied_ns(one.camera) for one in frames}
        now_ns = max(times.values())
        self._dense.note_images(now_ns)
        self._collect_sighted(now_ns)
        # One camera at a time searches its whole image: found by one, a body is found by all.
        searcher = min(frames, key=lambda frame: self._searched_ns.get(frame.camera, 0)).camera
        detections = {
            frame.camera: self._detect(
                frame, times[frame.camera], may_search=frame.camera == searcher
            )
            for frame in frames
        }
        poses = {}
        for track in self._tracks.values():
            views = {
                camera: View(times[camera], [one for one in tags if one.tag in track.body.corners])
                for camera, tags in detections.items()
            }
            poses[track.body.name] = track.follow(views, now_ns)
            self._shifts.add(track.time_shifts)
        poses = self._refined(poses, frames, began_ns)
        return TrackedFrames(
            time_ns=now_ns,
            frames=MappingProxyType({frame.camera: frame for frame in frames}),
            detections=MappingProxyType(
                {camera: tuple(tags) for camera, tags in detections.items()}
            ),
            poses=MappingProxyType(poses),
            processing_ns=time.perf_counter_ns() - began_ns,
            camera_shifts=MappingProxyType(dict(self._shifts.estimates)),
        )

    def tick(self, now_ns: int) -> TrackedFrames:
        """States at `now_ns` while no image comes: predicted until the limit, then lost."""
        return TrackedFrames(
            time_ns=now_ns,
            frames=MappingProxyType({}),
            detections=MappingProxyType({}),
            poses=MappingProxyType(
                {name: track.unseen(now_ns) for name, track in self._tracks.items()}
            ),
            processing_ns=0,
            camera_shifts=MappingProxyType(dict(self._shifts.estimates)),
        )

    def _check_times(self, frames: Sequence[Frame]) -> None:
        """Start anew if a camera's clock has been set back."""
        for frame in frames:
            if frame.time_ns < self._times_ns.get(frame.camera, frame.time_ns) - JUMP_NS:
                for track in self._tracks.values():
                    track.forget()
                self._times_ns.clear()
                self._searched_ns.clear()
                self._sighted.clear()
        self._times_ns.update({frame.camera: frame.time_ns for frame in frames})

    def _detect(self, frame: Frame, time_ns: int, *, may_search: bool) -> list[TagObservation]:
        finder = self._finders[frame.camera]
        motions = {name: track.expect(time_ns) for name, track in self._tracks.items()}
        expected = {name: motion for name, motion in motions.items() if motion is not None}
        found: list[TagObservation] = []
        if may_search and len(expected) < len(self._bodies) and self._search_is_due(frame):
            found = self._search_whole(frame, expected)
        seen = {one.tag for one in found}
        places = self._places(frame, expected)
        return [
            *found,
            *(one for one in finder.find(frame, expected, places) if one.tag not in seen),
        ]

    def _search_is_due(self, frame: Frame) -> bool:
        last = self._searched_ns.get(frame.camera)
        return last is None or frame.time_ns - last >= SEARCH_INTERVAL_NS

    def _search_whole(
        self, frame: Frame, expected: Mapping[str, MotionState]
    ) -> list[TagObservation]:
        """Search the whole frame for bodies not `expected`, or have it searched beside."""
        missing = [body for name, body in self._bodies.items() if name not in expected]
        families = sorted({body.family for body in missing})
        if self._beside is not None:
            if self._beside.ask(frame, families):
                self._searched_ns[frame.camera] = frame.time_ns
            return []
        self._searched_ns[frame.camera] = frame.time_ns
        own = {tag for body in missing for tag in body.corners}
        finder = self._finders[frame.camera]
        found = [
            tag for family in families for tag in finder.refine(self._search.search(frame, family))
        ]
        return [one for one in found if one.tag in own]

    def _collect_sighted(self, now_ns: int) -> None:
        """Keep what was found beside as long as it tells where a body may be."""
        if self._beside is not None:
            self._sighted += self._beside.found()
        self._sighted = [
            one for one in self._sighted if 0 <= now_ns - one.frame.time_ns <= SIGHTED_NS
        ]

    def _places(
        self, frame: Frame, expected: Mapping[str, MotionState]
    ) -> Mapping[str, Sequence[Region]]:
        """Family -> regions of `frame` in which bodies were sighted that are not yet followed.

        What was found in an earlier image is verified in this one before it counts.
        """
        places: dict[str, list[Region]] = {}
        finder = self._finders[frame.camera]
        for sighted in self._sighted:
            for name, body in self._bodies.items():
                if sighted.frame.camera != frame.camera or body.family != sighted.family:
                    continue
                place = None if name in expected else finder.place(sighted, name, frame.time_ns)
                if place is not None:
                    places.setdefault(body.family, []).append(place)
        return places

    def _refined(
        self, poses: Mapping[str, BodyPose], frames: Sequence[Frame], began_ns: int
    ) -> dict[str, BodyPose]:
        """Refine by all pixels what was seen in these frames."""
        if self._dense.mode is Dense.NEVER:
            return dict(poses)
        self._images.update({frame.camera: frame.image for frame in frames})
        refined = {}
        for name, pose in poses.items():
            used = self._tracks[name].views_of(pose, {frame.camera for frame in frames})
            motion = self._tracks[name].expect(pose.time_ns) if used else None
            speed = 0.0 if motion is None else motion.speed
            spread_s = max((abs(pose.time_ns - view.time_ns) for view in used.values()), default=0)
            better, spread = pose, self._tracks[name].shift_spread
            if used and spread is not None and speed * spread_s / 1e9 <= DENSE_SHIFT_MM:
                seen = {camera: view.tags for camera, view in used.items()}
                images = {camera: self._images[camera] for camera in used}
                better = self._dense.refine(pose, images, seen, spread, began_ns)
                self._tracks[name].replace(better)
            refined[name] = better
        return refined


def _check_tags(bodies: Sequence[MarkerBody]) -> None:
    owners: dict[tuple[str, int], str] = {}
    for body in bodies:
        for tag in body.corners:
            owner = owners.setdefault((body.family, tag), body.name)
            if owner != body.name:
                raise ValueError(
                    f"Tag {tag} is on '{owner}' and on '{body.name}'. Give each body its own tags."
                )
