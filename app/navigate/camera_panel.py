"""One camera's live picture, with the tags that were found drawn on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.navigate.camera_picture import camera_picture
from app.widgets import theme
from app.widgets.pictures import fitted, qimage
from render import palette
from tracking.cameras import Camera
from tracking.detection import TagObservation


class CameraPanel(QWidget):
    """Shows the newest frame of one camera."""

    def __init__(self, camera: Camera, body_of_tag: Mapping[int, str]) -> None:
        super().__init__()
        self._shape = camera.height / camera.width
        self._camera = camera.name
        self._body_of_tag = body_of_tag
        self._shown: tuple[NDArray[np.uint8], bool] | None = None
        self._picture: NDArray[np.uint8] | None = None
        self._stale = True
        self.setMinimumSize(200, 112)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(f"Camera {camera.name}")
        self.setToolTip("Tags of the head are blue, tags of the coil orange")

    def show_frame(
        self, image: NDArray[np.uint8], tags: tuple[TagObservation, ...], *, stale: bool
    ) -> None:
        """Show `image` (H, W) with `tags`; greyed and named stale if it is no longer live."""
        if self._shown is not None and self._shown[0] is image and self._shown[1] == stale:
            return
        self._shown = (image, stale)
        self._stale = stale
        width = round(self.width() * self.devicePixelRatioF())
        self._picture = camera_picture(image, () if stale else tags, self._body_of_tag, width)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(288, self.heightForWidth(288))

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        return round(width * self._shape)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.SUNKEN))
        if self._picture is None:
            painter.setPen(QColor(palette.MUTED))
            painter.drawText(
                self.rect(), Qt.AlignmentFlag.AlignCenter, f"{self._camera}: no picture yet"
            )
            return
        height, width = self._picture.shape[:2]
        area = fitted(width, height, QRectF(self.rect()))
        painter.setOpacity(0.35 if self._stale else 1.0)
        painter.drawImage(area, qimage(self._picture))
        painter.setOpacity(1.0)
        text = f"{self._camera}  NO NEW PICTURE" if self._stale else self._camera
        painter.setPen(QColor(palette.TEXT))
        corner = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        painter.drawText(area.adjusted(6, 4, -6, -4), corner, text)
