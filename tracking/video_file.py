"""Grey frames of a video file, one after another, and a quick check that the file is whole.

In: a path. Out: :class:`VideoProperties` from the container alone, and a :class:`VideoReader`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.frames import FrameSourceError

MP4_SUFFIXES = {".mp4", ".m4v", ".mov"}

MOST_FRAMES = 10**8
"""More than any feed has: a container that says so does not know."""

PLANAR_YUV = int.from_bytes(b"I420", "little")
"""Code of pixel formats whose first plane is the luma, as `cv2.CAP_PROP_CODEC_PIXEL_FORMAT`."""


@dataclass(frozen=True, slots=True)
class VideoProperties:
    """Size in pixels and number of frames, as the container says."""

    width: int
    height: int
    frames: int


class VideoReader:
    """Decodes a video file in order. Used by one thread.

    Raises
    ------
    FrameSourceError
        If the file is missing, cut short or no video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next = 0
        _check_whole(path)
        # One thread per file: two feeds at 30 frames/s need no more and leave the other cores.
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise FrameSourceError(
                f"{path} cannot be opened as a video. Copy or record the feed anew."
            )
        if int(self._capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) == PLANAR_YUV:
            # The way through colour costs as much again as decoding. OpenCV then hands out the
            # first plane as it is, and says with each frame that it does not know the others.
            cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)

    @property
    def properties(self) -> VideoProperties:
        """What the container says of the video."""
        return VideoProperties(
            width=int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height=int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            frames=self._frames(),
        )

    def _frames(self) -> int:
        told = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        # A recording that was cut off does not say how many frames it has.
        return int(told) if 0 < told < MOST_FRAMES else _count_frames(self.path)

    def read(self) -> NDArray[np.uint8]:
        """Decode the next frame, (height, width) grey: the luma as it was encoded.

        Raises
        ------
        FrameSourceError
            If it cannot be decoded, naming the file and the frame.
        """
        decoded, image = self._capture.read()
        if not decoded or image is None:
            raise FrameSourceError(
                f"{self.path}: frame {self._next} cannot be decoded. "
                "The video is damaged: copy or record the feed anew."
            )
        self._next += 1
        return grey(np.asarray(image, dtype=np.uint8))

    def rewind(self) -> None:
        """Go back to the first frame."""
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        self._next = 0

    def close(self) -> None:
        """Release the file."""
        self._capture.release()


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma (height, width) of a BGR image; a grey image as it is."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _count_frames(path: Path) -> int:
    try:
        with av.open(str(path)) as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)
    except av.FFmpegError as error:
        raise FrameSourceError(
            f"{path} cannot be read to its end ({error}). Copy or record the feed anew."
        ) from error


def _check_whole(path: Path) -> None:
    try:
        with path.open("rb") as file:
            whole = path.suffix.lower() not in MP4_SUFFIXES or _boxes_fill(
                file, path.stat().st_size
            )
    except OSError as error:
        raise FrameSourceError(
            f"{path} cannot be read ({error.strerror}). Put the video where the feed names it."
        ) from error
    if not whole:
        raise FrameSourceError(
            f"{path} is cut short: the video file is not whole. Copy or record the feed anew."
        )


def _boxes_fill(file: BinaryIO, size: int) -> bool:
    """Whether the top-level boxes of an MP4 (ISO/IEC 14496-12, 4.2) fill it and moov is there."""
    position, kinds = 0, set()
    while position < size:
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            return False
        length, kind = int.from_bytes(header[:4]), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16])
        elif length == 0:
            length = size - position
        if length < 8:
            return False
        kinds.add(kind)
        position += length
    return position == size and b"moov" in kinds
