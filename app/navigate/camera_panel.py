"""One camera's live picture, with the tags that were found drawn on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.widgets import theme
from app.widgets.pictures import fitted, qimage, thumbnail
from render import palette
from tracking.cameras import Camera
from tracking.detection import TagObservation

_COLOURS = {"head": palette.SKY_BLUE, "coil_body": palette.ORANGE}


class CameraPanel(QWidget):
    """Shows the newest frame of one camera."""

    def __init__(self, camera: Camera, body_of_tag: dict[int, str]) -> None:
        super().__init__()
        self._shape = camera.height / camera.width
        self._camera = camera.name
        self._body_of_tag = body_of_tag
        self._image: NDArray[np.uint8] | None = None
        self._tags: tuple[TagObservation, ...] = ()
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
        if image is self._image and stale == self._stale:
            return
        self._image, self._tags, self._stale = image, tags, stale
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(288, self.heightForWidth(288))

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        return round(width * self._shape)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.SUNKEN))
        if self._image is None:
            painter.setPen(QColor(palette.MUTED))
            painter.drawText(
                self.rect(), Qt.AlignmentFlag.AlignCenter, f"{self._camera}: no picture yet"
            )
            return
        height, width = self._image.shape
        area = fitted(width, height, QRectF(self.rect()))
        painter.setOpacity(0.35 if self._stale else 1.0)
        ratio = self.devicePixelRatioF()
        painter.drawImage(area, qimage(thumbnail(self._image, round(area.width() * ratio))))
        painter.setOpacity(1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scale = area.width() / width
        if not self._stale:
            for tag in self._tags:
                self._draw_tag(painter, tag, area, scale)
        text = f"{self._camera}  NO NEW PICTURE" if self._stale else self._camera
        painter.setPen(QColor(palette.TEXT))
        painter.drawText(
            area.adjusted(6, 4, -6, -4),
            Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft,
            text,
        )

    def _draw_tag(self, painter: QPainter, tag: TagObservation, area: QRectF, scale: float) -> None:
        # Pixel centres are whole numbers in the tracker's convention and halves in the painter's.
        points = [
            QPointF(area.x() + (x + 0.5) * scale, area.y() + (y + 0.5) * scale)
            for x, y in tag.corners
        ]
        body = self._body_of_tag.get(tag.tag)
        colour = {"head": palette.SKY_BLUE, "coil_body": palette.ORANGE}.get(
            body or "", palette.MUTED
        )
        painter.setPen(QPen(QColor(colour), 2.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolygon(QPolygonF(points))
        # The first corner is marked, so that a tag read the wrong way round is seen.
        painter.setBrush(QColor(colour))
        painter.drawEllipse(points[0], 2.5, 2.5)
