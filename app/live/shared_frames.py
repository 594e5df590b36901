"""Frames of a camera that the tracker has open already, for whoever else wants to look.

In: the cameras of a running rig. Out: sources of the same frames. The tracker is not held up: who
is slow gets the newest frame and misses those between.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import cv2
import numpy as np

from app.live.live_cameras import LiveCameras
from app.live.room import Room
from tracking.cameras import Camera
from tracking.frames import Frame, FrameSource
from tracking.live_camera import camera_for_calibration, open_live_camera
from tracking.setups import SetupCamera


class SharedFrames:
    """A :class:`~tracking.frames.FrameSource` of frames that another one reads.

    Parameters
    ----------
    cameras
        Where the frames go by.
    camera
        Which camera, and what is known of it.
    flipped
        Whether its images are to be turned over, left to right.
    """

    def __init__(self, cameras: LiveCameras, camera: Camera, *, flipped: bool) -> None:
        self._cameras = cameras
        self._camera = camera
        self._flipped = flipped
        self._condition = threading.Condition()
        self._newest: Frame | None = None
        self._closed = False
        cameras.listen(self._take)

    @property
    def camera(self) -> Camera:
        """The camera that the frames come from."""
        return self._camera

    def read(self) -> Frame | None:
        """Wait for a frame that was not given yet; None once closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._newest is not None)
            frame, self._newest = self._newest, None
            if self._closed or frame is None:
                return None
        if not self._flipped:
            return frame
        return replace(frame, image=np.asarray(cv2.flip(frame.image, 1), dtype=np.uint8))

    def close(self) -> None:
        """Look no more; the camera itself goes on. Safe to call twice."""
        self._cameras.leave(self._take)
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _take(self, frame: Frame) -> None:
        if frame.camera == self._camera.name:
            with self._condition:
                self._newest = frame
                self._condition.notify_all()


class SharedCameras:
    """Opens the cameras of a room, those that its rig has open by sharing them.

    Parameters
    ----------
    cameras
        Of the running rig.
    room
        What it runs in.
    """

    def __init__(self, cameras: LiveCameras, room: Room) -> None:
        self._cameras = cameras
        self._started = {camera.name: camera for camera in room.setup.cameras}

    def open_raw(self, camera: SetupCamera) -> FrameSource:
        """Open a camera as it is, calibrated or not, for showing it a board."""
        own = camera_for_calibration(camera)
        return self._shared(camera, own.camera, turned_back=False) or own

    def open_calibrated(self, camera: SetupCamera) -> FrameSource:
        """Open a camera as tracking sees it; SetupError if it is not calibrated."""
        own = open_live_camera(camera)
        return self._shared(camera, own.camera, turned_back=own.mirrored) or own

    def _shared(
        self, camera: SetupCamera, known: Camera, *, turned_back: bool
    ) -> SharedFrames | None:
        live, before = self._cameras.live(camera.name), self._started.get(camera.name)
        if live is None or before is None or not _is_same(before, camera):
            return None
        return SharedFrames(self._cameras, known, flipped=live.mirrored != turned_back)


def _is_same(one: SetupCamera, other: SetupCamera) -> bool:
    size, other_size = ((s.width, s.height) for s in (one.settings, other.settings))
    return one.address == other.address and size == other_size
