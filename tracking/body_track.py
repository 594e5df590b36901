"""One body from image to image: its motion, its newest pose, and what it is called when unseen.

In: the tags that each camera sees of the body, each at its own capture time. Out: the body's
:class:`~tracking.poses.BodyPose` at the newest of these times, resting on the newest image of each
camera and nothing older.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.detection import TagObservation
from tracking.motion_filter import MotionFilter, MotionState
from tracking.pose_fit import TimeShift, TwistPrior
from tracking.pose_solver import Expected, PoseSolution, solve_body_pose
from tracking.poses import POSE_LIMIT_NS, BodyPose, TrackingState
from tracking.reprojection import Placement

FloatArray = NDArray[np.float64]

COMPANION_NS = 40_000_000
"""How old another camera's newest image may be to take part in a pose."""

VERIFY_NS, SURE_VERIFY_NS = 400_000_000, 1_600_000_000
"""So often other poses than the expected one are looked for, whether or not it fits; less often
while many tags of the body are seen, when a wrong pose cannot fit for long. It takes as long as
following the body for a whole image."""

MANY_TAGS = 4

GATE_STRENGTH = 300.0
"""Acceleration (mm/s in 0.1 s) that an expected pose allows for, however still the body was."""


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """What one camera's newest image shows of a body: capture time and tags, corners refined."""

    time_ns: int
    tags: Sequence[TagObservation]


class BodyTrack:
    """Follows one body. Used by one thread at a time."""

    def __init__(self, body: MarkerBody, cameras: Mapping[str, Camera]) -> None:
        self.body = body
        self._cameras = cameras
        self._views: dict[str, View] = {}
        self._last: BodyPose | None = None
        self._motion: MotionFilter | None = None
        self._verified_ns: int | None = None
        self._stands = False
        self.shift_spread: FloatArray | None = None
        self._used: Mapping[str, View] = {}
        self.time_shifts: Mapping[str, TimeShift] = {}

    def forget(self) -> None:
        """Start anew, as if the body had never been seen."""
        self._views.clear()
        self._last = self._motion = self._verified_ns = None
        self._stands = False

    def expect(self, time_ns: int) -> MotionState | None:
        """Motion expected at `time_ns`; None if the body was not seen within the pose limit."""
        if self._motion is None or self._fresh(time_ns) is None:
            return None
        return self._motion.expect(time_ns)

    def follow(self, views: Mapping[str, View], now_ns: int) -> BodyPose:
        """Take in new images and give the pose, or why there is none.

        Parameters
        ----------
        views
            Camera name -> what its new image shows, also if that is nothing.
        now_ns
            Newest capture time among the new images.
        """
        for camera, view in views.items():
            if camera not in self._views or view.time_ns >= self._views[camera].time_ns:
                self._views[camera] = view
        fresh = [camera for camera, view in views.items() if view.tags]
        if not fresh:
            return self._standing(now_ns)
        time_ns = max(self._views[camera].time_ns for camera in fresh)
        used = {
            camera: view
            for camera, view in self._views.items()
            if view.tags and abs(time_ns - view.time_ns) <= COMPANION_NS
        }
        # An image that comes after a newer one of another camera joins the pose at that time.
        time_ns = max(view.time_ns for view in used.values())
        return self._solve(used, fresh, time_ns, now_ns)

    def unseen(self, now_ns: int) -> BodyPose:
        """Give the last pose as predicted while it is young enough, then lost."""
        fresh = self._fresh(now_ns)
        if fresh is None:
            return BodyPose(self.body.name, now_ns, TrackingState.LOST, None, None)
        return BodyPose(
            self.body.name,
            fresh.time_ns,
            TrackingState.PREDICTED,
            fresh.world_from_body,
            fresh.quality,
        )

    def views_of(self, pose: BodyPose, fresh: Collection[str]) -> Mapping[str, View]:
        """Give what the newest `pose` rests on, if a `fresh` camera took part in it; else none."""
        if pose is not self._last or not any(camera in self._used for camera in fresh):
            return {}
        return self._used

    def replace(self, pose: BodyPose) -> None:
        """Take a better pose of the same images in place of the newest."""
        self._last = pose

    def _solve(
        self, used: Mapping[str, View], fresh: Sequence[str], time_ns: int, now_ns: int
    ) -> BodyPose:
        motion = None if self._fresh(time_ns) is None else self._motion
        many = sum(len(view.tags) for view in used.values()) >= MANY_TAGS
        pause_ns = SURE_VERIFY_NS if many else VERIFY_NS
        due = self._verified_ns is None or not 0 <= time_ns - self._verified_ns < pause_ns
        solution = solve_body_pose(
            self.body,
            {camera: view.tags for camera, view in used.items()},
            self._cameras,
            None if motion is None else _expected(motion, time_ns),
            lags={camera: (view.time_ns - time_ns) / 1e9 for camera, view in used.items()},
            verify=due,
            fresh=fresh,
        )
        if due or motion is None:
            self._verified_ns = time_ns
        self.time_shifts = solution.time_shifts
        self._stands = solution.state is TrackingState.TRACKED
        if solution.state is TrackingState.AMBIGUOUS:
            return BodyPose(self.body.name, now_ns, TrackingState.AMBIGUOUS, None, None)
        if solution.world_from_body is None or solution.quality is None:
            return self.unseen(now_ns)
        self._move_on(solution, time_ns, motion)
        # Outliers may have left out all that the newest image shows.
        taken = max(used[camera].time_ns for camera in solution.cameras)
        self.shift_spread = solution.shift_spread
        self._used = {camera: used[camera] for camera in solution.cameras}
        self._last = BodyPose(
            body=self.body.name,
            time_ns=taken,
            state=TrackingState.TRACKED,
            world_from_body=solution.world_from_body,
            quality=solution.quality,
        )
        return self._last

    def _move_on(self, solution: PoseSolution, time_ns: int, motion: MotionFilter | None) -> None:
        transform, quality, glimpse = solution.world_from_body, solution.quality, solution.glimpse
        if transform is None or quality is None:
            return
        pose = transform.as_matrix()
        if motion is not None and glimpse is not None:
            seen = _moved(pose, glimpse.shift)
            if not solution.surprising and motion.update(time_ns, seen, glimpse.covariance):
                return
        self._motion = MotionFilter(time_ns, pose, quality.covariance)

    def _standing(self, now_ns: int) -> BodyPose:
        """Without new sight of the body: its pose still counts until its cameras say otherwise.

        With cameras that take turns, every other image may come from one that cannot see the body.
        """
        last = self._last
        if last is None or last.quality is None or now_ns - last.time_ns > COMPANION_NS:
            return self.unseen(now_ns)
        standing = any(view.tags and view.time_ns == last.time_ns for view in self._views.values())
        return last if standing else self.unseen(now_ns)

    def _fresh(self, now_ns: int) -> BodyPose | None:
        last = self._last
        return last if last is not None and now_ns - last.time_ns <= POSE_LIMIT_NS else None


def _expected(motion: MotionFilter, time_ns: int) -> Expected:
    state = motion.expect(time_ns)
    loose = motion.expect(time_ns, GATE_STRENGTH)
    return Expected(
        placement=Placement(state.rotation, state.translation),
        covariance=loose.covariance[:6, :6],
        twist=TwistPrior(state.twist, np.asarray(np.linalg.inv(state.covariance[6:, 6:]))),
    )


def _moved(pose: FloatArray, shift: FloatArray) -> FloatArray:
    matrix = pose.copy()
    matrix[:3, :3] = np.asarray(cv2.Rodrigues(shift[:3])[0]) @ matrix[:3, :3]
    matrix[:3, 3] += shift[3:]
    return matrix
