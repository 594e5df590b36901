"""A recorded feed, opened: everything in it checked before the first frame is asked for.

In: the folder ``NAME.feed``. Out: a :class:`Feed` with cameras, bodies, capture times and, if
recorded with it, the true poses.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.feed_description import (
    CameraModel,
    FeedDescription,
    FeedError,
    read_description,
)
from tracking.frames import FrameSourceError
from tracking.video_file import VideoReader

__all__ = ["Feed", "FeedCamera", "FeedError", "open_feed", "open_video"]

TIMES_HEADER = ["frame", "time_ns"]


@dataclass(frozen=True, eq=False)
class FeedCamera:
    """One camera of a feed.

    Attributes
    ----------
    camera
        Its calibration.
    video
        The video file.
    times_ns
        (N,) int64 capture time of each frame in the feed's own clock, strictly increasing.
    """

    camera: Camera
    video: Path
    times_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Instant:
    """Frames of different cameras less than half an interval apart.

    Attributes
    ----------
    start_ns, end_ns
        Capture times of the first and the last of them.
    frames
        (index of the recording, index of the frame) of each.
    """

    start_ns: int
    end_ns: int
    frames: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Feed:
    """A whole feed: where it is, what it says of itself, its cameras and bodies."""

    path: Path
    description: FeedDescription
    recordings: tuple[FeedCamera, ...]
    bodies: tuple[MarkerBody, ...]

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The calibrated cameras, in the order of ``feed.json``."""
        return tuple(recording.camera for recording in self.recordings)

    @property
    def start_ns(self) -> int:
        """Capture time of the first frame, in the feed's clock."""
        return min(int(recording.times_ns[0]) for recording in self.recordings)

    @property
    def end_ns(self) -> int:
        """Capture time of the last frame, in the feed's clock."""
        return max(int(recording.times_ns[-1]) for recording in self.recordings)

    @property
    def duration_ns(self) -> int:
        """Time from the first frame to the last."""
        return self.end_ns - self.start_ns

    @property
    def interval_ns(self) -> int:
        """Median time between two frames of one camera."""
        return median_interval([recording.times_ns for recording in self.recordings])

    def instants(self) -> list[Instant]:
        """All frames of all cameras, put together by capture time, in order."""
        return group_instants([recording.times_ns for recording in self.recordings])

    @property
    def truth_path(self) -> Path | None:
        """``truth.csv``, if the feed has one."""
        path = self.path / "truth.csv"
        return path if path.is_file() else None


def median_interval(times_ns: Sequence[NDArray[np.int64]]) -> int:
    """Median time between two frames of one camera, given the times of each.

    A thirtieth of a second if there is one frame only.
    """
    joined = np.concatenate([np.diff(times) for times in times_ns])
    return int(np.median(joined)) if joined.size else 33_333_333


def group_instants(times_ns: Sequence[NDArray[np.int64]]) -> list[Instant]:
    """Put frames together that different cameras took less than half an interval apart."""
    frames = sorted(
        (time_ns, recording, index)
        for recording, times in enumerate(times_ns)
        for index, time_ns in enumerate(times.tolist())
    )
    tolerance = median_interval(times_ns) // 2
    groups: list[list[tuple[int, int, int]]] = []
    for frame in frames:
        group = groups[-1] if groups else None
        fits = group is not None and frame[0] - group[0][0] <= tolerance
        if group is not None and fits and all(frame[1] != other[1] for other in group):
            group.append(frame)
        else:
            groups.append([frame])
    return [
        Instant(group[0][0], group[-1][0], tuple((one[1], one[2]) for one in group))
        for group in groups
    ]


def open_feed(path: Path) -> Feed:
    """Open and check the feed folder at `path` without decoding its videos.

    Raises
    ------
    FeedError
        If the folder, its feed.json, a video or a file of times is missing or damaged, or if
        they do not agree; the message names the file and the remedy.
    """
    if not path.is_dir():
        raise FeedError(
            f"{path} is no folder. A feed is a folder NAME.feed with a feed.json in it; "
            "check the path."
        )
    description = read_description(path / "feed.json")
    _check_unique(path, "camera", [camera.name for camera in description.cameras])
    _check_unique(path, "body", [body.name for body in description.bodies])
    if not description.bodies:
        raise FeedError(
            f"{path / 'feed.json'} names no marker bodies, so there is nothing to track. "
            "Add the bodies that were filmed."
        )
    cameras = [camera.camera() for camera in description.cameras]
    videos = [open_video(path, camera) for camera in description.cameras]
    return Feed(
        path=path,
        description=description,
        recordings=tuple(
            FeedCamera(camera, video, times_ns)
            for camera, (video, times_ns) in zip(cameras, videos, strict=True)
        ),
        bodies=tuple(body.body() for body in description.bodies),
    )


def _check_unique(path: Path, kind: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise FeedError(
                f"{path / 'feed.json'} names the {kind} '{name}' twice. Give each its own name."
            )


def open_video(folder: Path, model: CameraModel) -> tuple[Path, NDArray[np.int64]]:
    """Check the video of one camera of a feed; its path and (N,) capture times of its frames.

    Raises
    ------
    FeedError
        If video or times are missing or damaged, or do not agree with each other or `model`.
    """
    times = _read_times(folder / model.times, finished=model.finished)
    video = folder / model.video
    try:
        reader = VideoReader(video)
        properties = reader.properties
        try:
            reader.read()
        finally:
            reader.close()
    except FrameSourceError as error:
        raise FeedError(str(error)) from error
    if (properties.width, properties.height) != (model.width, model.height):
        raise FeedError(
            f"{video} has {properties.width} x {properties.height} pixels, but feed.json "
            f"calibrates camera '{model.name}' for {model.width} x {model.height}. "
            "Use the calibration made at the video's size."
        )
    if not model.finished:
        times = times[: properties.frames]
    if properties.frames != len(times) and model.finished:
        raise FeedError(
            f"{video} has {properties.frames} frames, but {folder / model.times} has times for "
            f"{len(times)}. Copy or record the feed anew."
        )
    return video, times


def _read_times(path: Path, *, finished: bool) -> NDArray[np.int64]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = file.readlines()
        if not finished and lines and not lines[-1].endswith("\n"):
            # The recording was cut off in the middle of a line.
            lines.pop()
        rows = list(csv.reader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FeedError(
            f"{path} cannot be read ({error}). It must list the capture time of each frame."
        ) from error
    if not rows or rows[0] != TIMES_HEADER or len(rows) < 2:
        raise FeedError(
            f"{path} must start with the line 'frame,time_ns' and list a time for each frame. "
            "Copy or record the feed anew."
        )
    times: list[int] = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or not _integer(row[0]) or not _integer(row[1]):
            raise FeedError(
                f"{path}, line {number}: expected a frame number and a time in whole nanoseconds, "
                f"found '{','.join(row)}'. Correct the line or record the feed anew."
            )
        if int(row[0]) != len(times):
            raise FeedError(
                f"{path}, line {number}: expected frame {len(times)}, found {row[0]}. "
                "Correct the line or record the feed anew."
            )
        if times and int(row[1]) <= times[-1]:
            raise FeedError(
                f"{path}, line {number}: the time goes backwards or stands still. "
                "Record the feed anew with a monotonic clock."
            )
        times.append(int(row[1]))
    return np.array(times, dtype=np.int64)


def _integer(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 18
