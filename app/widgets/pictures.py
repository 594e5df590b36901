"""From numpy images to what Qt paints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage

_LAYOUTS = {
    1: QImage.Format.Format_Grayscale8,
    3: QImage.Format.Format_RGB888,
    4: QImage.Format.Format_RGBX8888,
}


def qimage(image: NDArray[np.uint8]) -> QImage:
    """Wrap a (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBX image, without copying.

    The fourth byte of RGBX is 255.

    The picture shares its memory with `image`: the caller keeps `image` alive and unchanged for
    as long as the picture is used.
    """
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    layout = _LAYOUTS[image.shape[2] if image.ndim == 3 else 1]
    return QImage(image.data, width, height, image.strides[0], layout)


def fitted(width: float, height: float, into: QRectF) -> QRectF:
    """Give the largest centred rectangle of the proportions width : height within `into`."""
    scale = min(into.width() / width, into.height() / height)
    size_x, size_y = width * scale, height * scale
    return QRectF(into.center().x() - size_x / 2, into.center().y() - size_y / 2, size_x, size_y)
