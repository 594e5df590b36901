"""Paints the bullseye, which ``render`` gives as a list of circles, lines and words."""

from __future__ import annotations

from typing import assert_never

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.widgets.pictures import fitted
from app.widgets.theme import number_font
from render.bullseye import Bullseye
from render.primitives import Arc, Circle, Line, Polygon, Primitive, Text

_TEXT_SCALE = 100.0
"""Fonts have whole sizes: text is laid out this much larger than the drawing and scaled down."""


class BullseyePanel(QWidget):
    """A square in which the drawing fits."""

    def __init__(self) -> None:
        super().__init__()
        self._bullseye: Bullseye | None = None
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
        painter = QPainter(self)
        if self._bullseye is None:
            return
        left, bottom, right, top = self._bullseye.extent
        area = fitted(right - left, top - bottom, QRectF(self.rect()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(area.topLeft())
        scale = area.width() / (right - left)
        painter.scale(scale, -scale)
        painter.translate(-left, -top)
        for primitive in self._bullseye.primitives:
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
    painter.save()
    painter.translate(*text.at)
    painter.scale(1 / _TEXT_SCALE, -1 / _TEXT_SCALE)
    font = number_font(max(round(text.height * _TEXT_SCALE), 1))
    font.setBold(text.bold)
    painter.setFont(font)
    painter.setPen(QColor(text.colour))
    flags = {
        "centre": Qt.AlignmentFlag.AlignHCenter,
        "left": Qt.AlignmentFlag.AlignLeft,
        "right": Qt.AlignmentFlag.AlignRight,
    }[text.anchor]
    wide = 10 * _TEXT_SCALE
    start = {"centre": -wide / 2, "left": 0.0, "right": -wide}[text.anchor]
    box = QRectF(start, -_TEXT_SCALE, wide, 2 * _TEXT_SCALE)
    painter.drawText(box, flags | Qt.AlignmentFlag.AlignVCenter, text.words)
    painter.restore()
