"""Grey images to an H.264 file that every player decodes frame by frame.

In: (height, width) uint8 images. Out: an mp4 with grey in luma, no B-frames, no audio and a
keyframe every two seconds, so that frames come out in order and seeking is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

FRAMES_PER_SECOND = 30
KEYFRAME_INTERVAL = 2 * FRAMES_PER_SECOND

CODEC_OPTIONS: Mapping[str, str] = {
    "preset": "veryslow",
    "crf": "18",
    # A fixed quantiser in the whole picture: the flat wall needs no extra bits, edges do.
    "aq-mode": "0",
    "psy": "0",
    "bf": "0",
}
"""x264's options; the corner precision that they cost is measured in the benchmarks."""


def encode_video(
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    width: int,
    height: int,
    options: Mapping[str, str] = CODEC_OPTIONS,
) -> None:
    """Write `images` (height, width) to `path` at `FRAMES_PER_SECOND`, with x264's `options`.

    One encoder thread: the same images give the same file on any machine with the same x264.
    """
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=FRAMES_PER_SECOND, options={**options, "threads": "1"}
        )
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p"
        stream.gop_size = KEYFRAME_INTERVAL
        stream.time_base = Fraction(1, FRAMES_PER_SECOND)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="gray")
            frame.pts = number
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
