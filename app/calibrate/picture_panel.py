"""One camera's picture with what was found in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.calibrate.coverage_picture import coverage_picture
from app.widgets import theme
from app.widgets.pictures import fitted, qimage
from render import palette

NOTHING_FOUND: NDArray[np.float64] = np.empty((0, 2))
NO_MAP: NDArray[np.int64] = np.empty((0, 0), dtype=np.int64)


class PicturePanel(QWidget):
    """Shows the newest picture of a camera, as large as there is room for."""

    def __init__(self, camera: str) -> None:
        super().__init__()
        self._camera = camera
        self._shown: tuple[NDArray[np.uint8], NDArray[np.float64], int] | None = None
        self._picture: NDArray[np.uint8] | None = None
        self.setAccessibleName(f"Camera {camera}")
        self.setMinimumSize(240, 135)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_picture(
        self,
        image: NDArray[np.uint8],
        found: NDArray[np.float64] = NOTHING_FOUND,
        coverage: NDArray[np.int64] = NO_MAP,
    ) -> None:
        """Show `image` (H, W), unless it is shown already."""
        area = fitted(image.shape[1], image.shape[0], QRectF(self.rect()))
        width = round(area.width() * self.devicePixelRatioF())
        if self._shown is not None:
            before, points, wide = self._shown
            if before is image and points is found and wide == width:
                return
        self._shown = (image, found, width)
        self._picture = coverage_picture(image, found, coverage, width)
        self.update()

    def clear(self, camera: str) -> None:
        """Show nothing, and be of `camera` from now on."""
        self._camera, self._shown, self._picture = camera, None, None
        self.setAccessibleName(f"Camera {camera}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(640, 360)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.SUNKEN))
        if self._picture is None:
            return
        height, width = self._picture.shape[:2]
        area = fitted(width, height, QRectF(self.rect()))
        painter.drawImage(area, qimage(self._picture))
        corner = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        painter.setFont(theme.number_font(13))
        place = painter.boundingRect(area.adjusted(8, 6, -8, -6), corner, self._camera)
        painter.fillRect(place.adjusted(-4, -2, 4, 2), QColor(0, 0, 0, 150))
        painter.setPen(QColor(palette.TEXT))
        painter.drawText(place, corner, self._camera)
