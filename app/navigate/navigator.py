"""Live navigation: each tracked set of images becomes a :class:`Navigation` that others read.

In: the tracker's results, on the tracker's thread, and the operator's choice of target and
tolerance, on the window's. Out: the newest statement in a single slot that the window reads when
it draws, and a call for each statement, on the tracker's thread, for permission and record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from psygnal import Signal

from app.navigate.guidance import Tolerance
from app.navigate.navigation import HeadSurfaces, Navigation, Setup, navigate
from app.plan.target import Target
from tracking.poses import BodyPose, TrackingState
from tracking.tracker import TrackedFrames


class Navigator:
    """Holds the setup in force and the newest statement about the coil."""

    target_changed = Signal(Target)
    tolerance_changed = Signal(Tolerance)

    def __init__(
        self,
        setup: Setup,
        surfaces: HeadSurfaces,
        on_navigation: Callable[[Navigation], None] = lambda _navigation: None,
    ) -> None:
        self._setup = setup
        self._surfaces = surfaces
        self._on_navigation = on_navigation
        self._setup_lock = threading.Lock()
        self._newest: Navigation | None = None
        self._newest_frames: TrackedFrames | None = None
        self._seen: dict[str, BodyPose] = {}

    @property
    def setup(self) -> Setup:
        """The setup that the next statement will be made with."""
        return self._setup

    @property
    def newest(self) -> Navigation | None:
        """The newest statement; None before the first images."""
        return self._newest

    @property
    def newest_frames(self) -> TrackedFrames | None:
        """The newest images with what was found in them; None before the first."""
        return self._newest_frames

    def last_seen(self, body: str) -> BodyPose | None:
        """Give the last pose in which `body` was really seen; None if it never was."""
        return self._seen.get(body)

    def choose_target(self, target: Target) -> None:
        """Steer to `target` from the next images on."""
        with self._setup_lock:
            self._setup = replace(self._setup, target=target)
        self.target_changed.emit(target)

    def set_tolerance(self, tolerance: Tolerance) -> None:
        """Count hits by `tolerance` from the next images on."""
        with self._setup_lock:
            self._setup = replace(self._setup, tolerance=tolerance)
        self.tolerance_changed.emit(tolerance)

    def on_tracked(self, tracked: TrackedFrames) -> None:
        """Take what the tracker found. Called on the tracker's thread."""
        navigation = navigate(tracked.poses, self._setup, self._surfaces, tracked.time_ns)
        for body, pose in tracked.poses.items():
            if pose.state is TrackingState.TRACKED:
                self._seen[body] = pose
        self._newest = navigation
        if tracked.frames:
            self._newest_frames = tracked
        self._on_navigation(navigation)
