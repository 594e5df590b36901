"""Records what the cameras see into a feed, without ever holding the tracker up.

In: frames, from any thread, and what is known of cameras and bodies. Out: a folder ``NAME.feed``
that replays. Each frame is a JPEG of its own in a Matroska file: a tenth of the computing that
H.264 would take for the same corners and about the same size, and everything up to the last
frame is readable whenever the program is killed. What cannot be encoded in time is left out of
the recording, and counted.
"""

from __future__ import annotations

import ctypes
import os
import queue
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import av
import av.error
import cv2

from tracking.cameras import Camera
from tracking.feed import TIMES_HEADER
from tracking.feed_description import (
    CameraModel,
    FeedDescription,
    TransformModel,
    write_description,
)
from tracking.frames import Frame, FrameSourceError
from tracking.setups import Setup

QUALITY = 92
"""Of the JPEGs. Corners then lie within 0.03 px of where they are without compression."""
MOST_WAITING = 48
"""Frames that may wait to be encoded, of all cameras: under a second, under 50 MB at 720p."""
NICENESS = 10


class FeedRecordingError(FrameSourceError):
    """A feed that cannot be recorded; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class RecordingProgress:
    """How the recording is doing.

    Attributes
    ----------
    folder
        The feed.
    written, dropped
        Frames of all cameras that are in it; that came but could not be taken in time.
    megabytes
        Size so far.
    failure
        Why it has stopped by itself, in a sentence; None while it goes on.
    """

    folder: Path
    written: int
    dropped: int
    megabytes: float
    failure: str | None


class FeedRecorder:
    """Takes frames and writes them on a thread of its own, which gives way to all others.

    Parameters
    ----------
    folder
        New folder, made here.
    description
        What ``feed.json`` says; it is written before the first frame.
    frames_per_s
        Nominal, for programs that play the videos; the times of capture are in the tables.

    Raises
    ------
    FeedRecordingError
        If the folder is there already or cannot be written.
    """

    def __init__(
        self, folder: Path, description: FeedDescription, *, frames_per_s: float = 30.0
    ) -> None:
        self.folder = folder
        self._description = description.model_copy(
            update={"cameras": [_unfinished(camera) for camera in description.cameras]}
        )
        self._lock = threading.Lock()
        self._closing = False
        self._failure: str | None = None
        self._written = dict.fromkeys((camera.name for camera in description.cameras), 0)
        self._dropped = dict(self._written)
        self._bytes = 0
        self._waiting: queue.Queue[Frame | None] = queue.Queue()
        try:
            folder.mkdir(parents=True)
            write_description(folder / "feed.json", self._description)
            self._videos = {
                camera.name: _Video(folder, camera, frames_per_s)
                for camera in self._description.cameras
            }
        except FileExistsError as error:
            raise FeedRecordingError(
                f"{folder} is there already. Give the recording a name of its own."
            ) from error
        except (OSError, av.error.FFmpegError) as error:
            raise FeedRecordingError(
                f"{folder} cannot be written ({error}). Choose a folder on a disk with room."
            ) from error
        self._thread = threading.Thread(target=self._run, name="record feed", daemon=True)
        self._thread.start()

    @property
    def progress(self) -> RecordingProgress:
        """How it is doing. To be read from any thread."""
        with self._lock:
            return RecordingProgress(
                folder=self.folder,
                written=sum(self._written.values()),
                dropped=sum(self._dropped.values()),
                megabytes=self._bytes / 1e6,
                failure=self._failure,
            )

    def put(self, frame: Frame) -> None:
        """Offer a frame; returns at once. Frames of cameras that are not recorded are ignored."""
        with self._lock:
            if self._closing or frame.camera not in self._written:
                return
            if self._failure is not None or self._waiting.qsize() >= MOST_WAITING:
                self._dropped[frame.camera] += 1
                return
            self._waiting.put(frame)

    def close(self) -> RecordingProgress:
        """Write what still waits and finish the feed. Safe to call twice."""
        with self._lock:
            first, self._closing = not self._closing, True
            if first:
                self._waiting.put(None)
        self._thread.join()
        if first:
            self._finish()
        return self.progress

    def _run(self) -> None:
        give_way()
        while (frame := self._waiting.get()) is not None:
            if self._failure is not None:
                with self._lock:
                    self._dropped[frame.camera] += 1
                continue
            try:
                size = self._videos[frame.camera].write(frame)
            except (OSError, av.error.FFmpegError, cv2.error) as error:
                with self._lock:
                    self._dropped[frame.camera] += 1
                    self._failure = (
                        f"Recording to {self.folder.name} has stopped ({error}). What was "
                        "recorded is kept; make room on the disk and start a new recording."
                    )
                continue
            with self._lock:
                self._written[frame.camera] += 1
                self._bytes += size

    def _finish(self) -> None:
        try:
            for video in self._videos.values():
                video.close()
            models = [
                camera.model_copy(update={"finished": True, "dropped": self._dropped[camera.name]})
                for camera in self._description.cameras
                if self._written[camera.name]
            ]
            if models and self._failure is None:
                fresh = self.folder / "feed.json.new"
                write_description(fresh, self._description.model_copy(update={"cameras": models}))
                os.replace(fresh, self.folder / "feed.json")
        except (OSError, av.error.FFmpegError) as error:
            with self._lock:
                self._failure = (
                    f"{self.folder.name} could not be finished ({error}). What was recorded can "
                    "be replayed up to where it was cut off."
                )


class _Video:
    """The files of one camera."""

    def __init__(self, folder: Path, camera: CameraModel, frames_per_s: float) -> None:
        rate = Fraction(frames_per_s).limit_denominator(1001)
        self._tick = 1 / rate
        self._count = 0
        self._times: TextIO = (folder / camera.times).open("x", encoding="utf-8", newline="")
        self._times.write(",".join(TIMES_HEADER) + "\n")
        self._times.flush()
        # Short clusters, each written at once: a kill costs the last frame.
        self._container: Any = av.open(
            str(folder / camera.video),
            "w",
            format="matroska",
            options={"cluster_time_limit": "200", "flush_packets": "1"},
        )
        self._stream: Any = self._container.add_mux_stream(
            "mjpeg", rate=rate, width=camera.width, height=camera.height
        )

    def write(self, frame: Frame) -> int:
        """Encode and write one frame; its size in bytes."""
        encoded, data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not encoded:
            raise OSError("the picture cannot be encoded")
        packet: Any = av.Packet(data.tobytes())
        packet.stream = self._stream
        packet.time_base = self._tick
        packet.pts = packet.dts = self._count
        packet.duration = 1
        packet.is_keyframe = True
        self._container.mux(packet)
        self._times.write(f"{self._count},{frame.time_ns}\n")
        self._times.flush()
        self._count += 1
        return len(data)

    def close(self) -> None:
        self._times.close()
        self._container.close()


def feed_of(
    name: str,
    cameras: Sequence[Camera],
    **known: Any,  # noqa: ANN401  (fields of FeedDescription, which checks them)
) -> FeedDescription:
    """Describe a feed of calibrated cameras; `known` are further fields of the description."""
    models = [
        CameraModel(
            name=camera.name,
            video=f"{_stem(number, camera.name)}.mkv",
            times=f"{_stem(number, camera.name)}.csv",
            width=camera.width,
            height=camera.height,
            matrix=camera.matrix.tolist(),
            distortion=camera.distortion.tolist(),
            camera_from_world=TransformModel.of(camera.camera_from_world),
        )
        for number, camera in enumerate(cameras)
    ]
    return FeedDescription(schema_version=1, name=name, cameras=models, **known)


def feed_of_setup(name: str, setup: Setup) -> FeedDescription:
    """Describe a feed of the cameras of `setup`, calibrated or not."""
    only = len(setup.cameras) == 1
    here = TransformModel(translation=(0, 0, 0), quaternion=(0, 0, 0, 1)) if only else None
    models = [
        CameraModel(
            name=camera.name,
            video=f"{_stem(number, camera.name)}.mkv",
            times=f"{_stem(number, camera.name)}.csv",
            width=camera.settings.width,
            height=camera.settings.height,
            matrix=None if camera.intrinsics is None else camera.intrinsics.matrix,
            distortion=None if camera.intrinsics is None else camera.intrinsics.distortion,
            camera_from_world=camera.camera_from_world or here,
        )
        for number, camera in enumerate(setup.cameras)
    ]
    return FeedDescription(
        schema_version=1,
        name=name,
        cameras=models,
        bodies=list(setup.bodies),
        mri_from_head=setup.mri_from_head,
        coil_body_from_coil=setup.coil_body_from_coil,
    )


def give_way() -> None:
    """Let the calling thread run only when nobody else wants to, where the system can do that."""
    if sys.platform == "linux":
        with suppress(OSError):
            # Linux gives each thread a niceness of its own.
            thread = threading.get_native_id()
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(19, now + NICENESS))
    elif sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        kernel.SetThreadPriority(kernel.GetCurrentThread(), -2)


def _stem(number: int, name: str) -> str:
    """Name a camera's files: what no file system objects to, and no two alike."""
    plain = "".join(one if one.isascii() and one.isalnum() else "_" for one in name)
    return f"{number}-{plain}"


def _unfinished(camera: CameraModel) -> CameraModel:
    return camera.model_copy(update={"finished": False})
