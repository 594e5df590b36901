"""Paints the bullseye, which ``render`` gives as a list of circles, lines and words."""

from __future__ import annotations

from typing import assert_never

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.widgets.pictures import fitted
from app.widgets.theme import number_font
from render.bullseye import Bullseye
from render.primitives import Arc, Circle, Line, Polygon, Primitive, Text


class BullseyePanel(QWidget):
    """A square in which the drawing fits."""

    def __init__(self) -> None:
        super().__init__()
        self._bullseye: Bullseye | None = None
        self._ground_key: tuple[tuple[Primitive, ...], QSize, float] | None = None
        self._ground_pixmap = QPixmap()
        self.setMinimumSize(240, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Bullseye")
        self.setToolTip("Seen from behind the coil, handle down; the target is at the centre")

    def show_bullseye(self, bullseye: Bullseye) -> None:
        """Show `bullseye`."""
        if bullseye == self._bullseye:
            return
        self._bullseye = bullseye
        self.setAccessibleDescription(f"{bullseye.state.value}. {bullseye.hint.words}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(310, 330)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102
        if self._bullseye is None:
            return
        ground = self._ground(self._bullseye)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, ground)
        self._paint_all(painter, self._bullseye, self._bullseye.moving)

    def _ground(self, bullseye: Bullseye) -> QPixmap:
        """Give what stays the same, painted once for each size and tolerance."""
        ratio = self.devicePixelRatioF()
        key = (bullseye.still, self.size(), ratio)
        if key != self._ground_key:
            self._ground_key = key
            self._ground_pixmap = QPixmap(self.size() * ratio)
            self._ground_pixmap.setDevicePixelRatio(ratio)
            self._ground_pixmap.fill(QColor(bullseye.background))
            painter = QPainter(self._ground_pixmap)
            self._paint_all(painter, bullseye, bullseye.still)
            painter.end()
        return self._ground_pixmap

    def _paint_all(
        self, painter: QPainter, bullseye: Bullseye, primitives: tuple[Primitive, ...]
    ) -> None:
        left, bottom, right, top = bullseye.extent
        area = fitted(right - left, top - bottom, QRectF(self.rect()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(area.topLeft())
        scale = area.width() / (right - left)
        painter.scale(scale, -scale)
        painter.translate(-left, -top)
        for primitive in primitives:
            _paint(painter, primitive)


def _paint(painter: QPainter, primitive: Primitive) -> None:
    match primitive:
        case Circle():
            _use(painter, primitive.stroke, primitive.width, primitive.fill, primitive.dashed)
            painter.drawEllipse(QPointF(*primitive.centre), primitive.radius, primitive.radius)
        case Line():
            _use(painter, primitive.stroke, primitive.width)
            painter.drawLine(QPointF(*primitive.start), QPointF(*primitive.end))
        case Polygon():
            _use(painter, primitive.stroke, primitive.width, primitive.fill)
            painter.drawPolygon(QPolygonF([QPointF(*point) for point in primitive.points]))
        case Arc():
            _use(painter, primitive.stroke, primitive.width)
            _paint_arc(painter, primitive)
        case Text():
            _paint_text(painter, primitive)
        case _:
            assert_never(primitive)


def _use(
    painter: QPainter,
    stroke: str | None,
    width: float,
    fill: str | None = None,
    dashed: bool = False,
) -> None:
    if stroke is None:
        painter.setPen(Qt.PenStyle.NoPen)
    else:
        pen = QPen(QColor(stroke), width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setStyle(Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
        painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush if fill is None else QBrush(QColor(fill)))


def _paint_arc(painter: QPainter, arc: Arc) -> None:
    x, y = arc.centre
    box = QRectF(x - arc.radius, y - arc.radius, 2 * arc.radius, 2 * arc.radius)
    # Qt counts sixteenths of a degree anticlockwise from three o'clock with y down; the drawing
    # counts clockwise from twelve with y up.
    painter.drawArc(box, round((arc.start_deg - 90.0) * 16), round(arc.span_deg * 16))


def _paint_text(painter: QPainter, text: Text) -> None:
    # In pixels of the widget, where the painter keeps its letters ready; turned and scaled text
    # would be drawn as outlines each time.
    drawing = painter.worldTransform()
    at = drawing.map(QPointF(*text.at))
    pixels = text.height * drawing.m11()
    font = number_font(max(round(pixels), 1))
    font.setBold(text.bold)
    painter.save()
    painter.resetTransform()
    painter.setFont(font)
    painter.setPen(QColor(text.colour))
    flags = {
        "centre": Qt.AlignmentFlag.AlignHCenter,
        "left": Qt.AlignmentFlag.AlignLeft,
        "right": Qt.AlignmentFlag.AlignRight,
    }[text.anchor]
    wide = 40 * pixels
    start = {"centre": -wide / 2, "left": 0.0, "right": -wide}[text.anchor]
    box = QRectF(at.x() + start, at.y() - 2 * pixels, wide, 4 * pixels)
    painter.drawText(box, flags | Qt.AlignmentFlag.AlignVCenter, text.words)
    painter.restore()
