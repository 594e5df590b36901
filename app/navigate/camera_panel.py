"""One camera's live picture, with the tags that were found drawn on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.live.camera_reading import CameraReading
from app.navigate.camera_picture import camera_picture
from app.widgets import theme
from app.widgets.pictures import fitted, qimage
from app.widgets.theme import number_font, text_font
from render import palette
from tracking.cameras import Camera
from tracking.detection import TagObservation

TAG_COLOURS = "Tags of the head are blue, tags of the coil orange"


class CameraPanel(QWidget):
    """Shows the newest frame of one camera."""

    def __init__(self, camera: Camera, body_of_tag: Mapping[int, str]) -> None:
        super().__init__()
        self._shape = camera.height / camera.width
        self._body_of_tag = body_of_tag
        self._shown: NDArray[np.uint8] | None = None
        self._picture: NDArray[np.uint8] | None = None
        self._reading = CameraReading(f"{camera.name}  ·  no picture yet", "", live=False)
        self.setMinimumSize(200, 112)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(f"Camera {camera.name}")
        self.setToolTip(TAG_COLOURS)

    def show_frame(self, image: NDArray[np.uint8], tags: tuple[TagObservation, ...]) -> None:
        """Show `image` (H, W) with `tags`."""
        if self._shown is image:
            return
        self._shown = image
        width = round(self.width() * self.devicePixelRatioF())
        self._picture = camera_picture(image, tags, self._body_of_tag, width)
        self.update()

    def show_reading(self, reading: CameraReading) -> None:
        """Write on the picture how the camera is doing; it is greyed if it is not of now."""
        if reading == self._reading:
            return
        self._reading = reading
        self.setAccessibleDescription(f"{reading.caption}. {reading.sentence}".strip())
        self.setToolTip(reading.sentence or TAG_COLOURS)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(288, self.heightForWidth(288))

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        return round(width * self._shape)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.SUNKEN))
        area = QRectF(self.rect())
        if self._picture is not None:
            height, width = self._picture.shape[:2]
            area = fitted(width, height, area)
            painter.setOpacity(1.0 if self._reading.live else 0.25)
            painter.drawImage(area, qimage(self._picture))
            painter.setOpacity(1.0)
        self._write(painter, area)

    def _write(self, painter: QPainter, area: QRectF) -> None:
        inside = area.adjusted(6, 4, -6, -4)
        left = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        painter.setPen(QColor(palette.TEXT if self._reading.live else palette.VERMILION))
        painter.setFont(number_font(13))
        painter.drawText(inside, left | Qt.AlignmentFlag.AlignTop, self._reading.caption)
        if not self._reading.sentence:
            return
        painter.setFont(text_font(11))
        below = left | Qt.AlignmentFlag.AlignBottom
        place = painter.boundingRect(inside, below, self._reading.sentence)
        painter.fillRect(place.adjusted(-4, -2, 4, 2), QColor(0, 0, 0, 170))
        painter.setPen(QColor(palette.TEXT))
        painter.drawText(inside, below, self._reading.sentence)
