"""Still images as grey levels, whatever they are stored as.

In: an image file. Out: grey levels (height, width), or one sentence on why there are none.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


class ImageFileError(ValueError):
    """An image that cannot be used; the message names the file and the remedy."""


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Read an image as 8-bit grey levels, turned as its EXIF data say.

    Deeper images are scaled by a power of two, to the least that holds their brightest pixel, for
    cameras of 10 and 12 bits leave the upper ones of 16 empty.

    Raises
    ------
    ImageFileError
        If the file is missing, no image, or cut off.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageFileError(
            f"{path} cannot be read ({error.strerror}). Check its name."
        ) from error
    if _cut_off(data):
        raise ImageFileError(f"{path} is cut off before its end. Copy or save the image anew.")
    try:
        # Unlike imread, this opens any name on every system.
        image = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
        )
    except cv2.error:  # no bytes at all, or a header that tells of more pixels than OpenCV takes
        image = None
    if image is None or image.ndim != 2 or not image.size:
        raise ImageFileError(
            f"{path} is no image that can be read, or it is damaged. "
            "Give a PNG, JPEG, TIFF or BMP file."
        )
    return _eight_bits(np.asarray(image))


def _cut_off(data: bytes) -> bool:
    """Whether a file ends too early: OpenCV fills up what is missing and says nothing."""
    if data.startswith(JPEG):
        # The end must come after the start of the last scan; previews end before it.
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda") or b"\xff\xda" not in data
    if data.startswith(PNG):
        return b"IEND" not in data[-64:]
    if data.startswith(b"BM") and len(data) >= 6:
        return len(data) < int.from_bytes(data[2:6], "little")
    return False


def _eight_bits(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return np.asarray(image, dtype=np.uint8)
    levels = np.nan_to_num(image.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    brightest = float(levels.max())
    if np.issubdtype(image.dtype, np.integer):
        white = 2.0 ** max(8, int(np.ceil(np.log2(brightest + 1)))) - 1
    else:
        white = max(brightest, 1e-9)
    return np.rint(levels * (255 / white)).astype(np.uint8)
