"""Opens whatever was recorded, for calibrating: a feed, a caliscope folder, plain video files.

In: a path. Out: a :class:`Recording`, whose cameras need not be calibrated yet, and its frames
instant by instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.calibration.board import Board
from tracking.cameras import Camera
from tracking.feed import Instant, group_instants, open_video
from tracking.feed_description import TransformModel, read_description
from tracking.frames import Frame, FrameSourceError
from tracking.video_file import VideoProperties, VideoReader

VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm"}


class RecordingError(FrameSourceError):
    """A recording that cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, eq=False)
class RecordedCamera:
    """One camera of a recording.

    Attributes
    ----------
    name, width, height
        What it is called and the size of its pictures.
    video
        The video file.
    times_ns
        (N,) capture time of each frame, strictly increasing, one clock for all cameras.
    calibration
        What the recording says of the camera; None if nothing.
    placed
        Whether `calibration` tells also where the camera stands among the others.
    """

    name: str
    width: int
    height: int
    video: Path
    times_ns: NDArray[np.int64]
    calibration: Camera | None = None
    placed: bool = False


@dataclass(frozen=True, eq=False)
class Recording:
    """Cameras that were filmed with, and what is known of what they saw.

    Attributes
    ----------
    path, name
        Where it is and what it is called.
    cameras
        At least one.
    board
        The board it says it shows; None if it says nothing.
    bodies
        The marker bodies it says it shows.
    """

    path: Path
    name: str
    cameras: tuple[RecordedCamera, ...]
    board: Board | None = None
    bodies: tuple[MarkerBody, ...] = ()

    def instants(self) -> list[Instant]:
        """All frames of all cameras, put together by capture time, in order."""
        return group_instants([camera.times_ns for camera in self.cameras])

    def frames(self) -> Iterator[list[Frame]]:
        """Decode the recording: the frames of one instant after another.

        Raises
        ------
        FrameSourceError
            If a frame cannot be decoded.
        """
        readers = [VideoReader(camera.video) for camera in self.cameras]
        try:
            for instant in self.instants():
                yield [
                    Frame(
                        camera=self.cameras[number].name,
                        sequence=index,
                        time_ns=int(self.cameras[number].times_ns[index]),
                        image=readers[number].read(),
                    )
                    for number, index in instant.frames
                ]
        finally:
            for reader in readers:
                reader.close()


def open_recording(path: Path) -> Recording:
    """Open the recording at `path` without decoding its videos.

    A folder with ``feed.json`` is a feed, one with caliscope's files a caliscope workspace, any
    other folder a set of video files; a file is one video.

    Raises
    ------
    FrameSourceError
        If there is no recording or something in it is missing or damaged; the message names the
        file and the remedy.
    """
    # Here, since the caliscope reader itself builds on this module.
    from tracking.caliscope import is_caliscope, open_caliscope

    if path.is_file():
        return Recording(path=path, name=path.stem, cameras=(open_video_file(path),))
    if not path.is_dir():
        raise RecordingError(f"{path} does not exist. Check the path of the recording.")
    if (path / "feed.json").is_file():
        return _open_feed(path)
    if is_caliscope(path):
        return open_caliscope(path)
    videos = sorted(file for file in path.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES)
    if not videos:
        raise RecordingError(
            f"{path} holds neither a feed.json nor video files. Name a feed, a folder of videos "
            "or a video file."
        )
    return Recording(
        path=path, name=path.name, cameras=tuple(open_video_file(video) for video in videos)
    )


def open_video_file(path: Path) -> RecordedCamera:
    """Open a plain video as the recording of one camera; its times are the frames' own.

    Raises
    ------
    FrameSourceError
        If it is no whole video, or does not say when its frames were taken.
    """
    properties = video_properties(path)
    times = _presentation_times(path)
    if len(times) < 1 or (np.diff(times) <= 0).any():
        raise RecordingError(
            f"{path} does not say when its frames were taken. Record it anew, or convert it to a "
            "format with time stamps such as MP4."
        )
    return RecordedCamera(path.stem, properties.width, properties.height, path, times)


def video_properties(path: Path) -> VideoProperties:
    """Size and number of frames of the video at `path`, of which the first can be decoded.

    Raises
    ------
    FrameSourceError
        If it is missing, cut short or no video.
    """
    reader = VideoReader(path)
    try:
        reader.read()
        return reader.properties
    finally:
        reader.close()


def _presentation_times(path: Path) -> NDArray[np.int64]:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stamps = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
            base = stream.time_base
    except (av.FFmpegError, IndexError) as error:
        raise RecordingError(
            f"{path} cannot be opened as a video. Copy or record it anew."
        ) from error
    return np.array([round(stamp * base * 1_000_000_000) for stamp in sorted(stamps)], np.int64)


def _open_feed(path: Path) -> Recording:
    description = read_description(path / "feed.json")
    cameras = []
    for model in description.cameras:
        video, times = open_video(path, model)
        calibrated = model.matrix is not None and model.distortion is not None
        placed = calibrated and model.camera_from_world is not None
        here = TransformModel.of(RigidTransform.identity())
        whole = model if placed else model.model_copy(update={"camera_from_world": here})
        cameras.append(
            RecordedCamera(
                name=model.name,
                width=model.width,
                height=model.height,
                video=video,
                times_ns=times,
                calibration=whole.camera() if calibrated else None,
                placed=placed,
            )
        )
    bodies = tuple(body.body() for body in description.bodies)
    return Recording(path, description.name, tuple(cameras), bodies=bodies)
