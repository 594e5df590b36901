"""Draws sheets as a PDF of vectors at true scale.

In: sheets. Out: the bytes of a PDF, the same for the same sheets. Page points have y down, PDF has
y up; this is the one place that knows.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from reportlab.pdfgen.canvas import Canvas

from tracking.sheets.page import BOLD_FONT, FONT, MM_PT
from tracking.sheets.sheet import (
    MODULES,
    RESEARCH_USE,
    Label,
    Line,
    Paper,
    PlacedBoard,
    Point,
    PrintedTag,
    Ruler,
    Sheet,
)
from tracking.tag_families import DICTIONARIES

Rectangle = tuple[float, float, float, float]
"""Left, top, width, height in mm."""

LINE_WIDTHS = {"cut": 0.25, "fold": 0.25, "fine": 0.15}
DASHES = {"cut": (), "fold": (1.6, 1.0), "fine": ()}
RULER_TICKS = {10: 3.6, 5: 2.6, 1: 1.6}
"""Every so many mm a tick of this length."""


def draw_sheets(sheets: Sequence[Sheet]) -> bytes:
    """Draw one page for each of `sheets`.

    The viewer is asked to print at 100 %. The bytes carry no date.
    """
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1, pageCompression=1)
    canvas.setTitle("Coilpilot marker sheets")
    canvas.setSubject(RESEARCH_USE)
    canvas.setCreator("Coilpilot")
    canvas.setViewerPreference("PrintScaling", "None")
    for sheet in sheets:
        canvas.setPageSize((sheet.paper.width * MM_PT, sheet.paper.height * MM_PT))
        _draw(canvas, sheet)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def tag_rectangles(tag: PrintedTag, family: str) -> list[Rectangle]:
    """Black rectangles that make up `tag`, one for each run of black modules in a row."""
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[family])
    left, top = tag.corners[0].tolist()
    side = float(tag.corners[1, 0] - tag.corners[0, 0])
    return _marker_rectangles(dictionary, tag.tag, MODULES, (left, top), side)


def board_rectangles(placed: PlacedBoard) -> list[Rectangle]:
    """Black rectangles that make up a board: its black squares and its markers.

    A square is black if it holds no marker.
    """
    board, (left, top) = placed.board, placed.corner
    corners = board.tag_corners[:, 0, :2]
    with_marker = {(int(x // board.square), int(y // board.square)) for x, y in corners.tolist()}
    squares = [
        (left + column * board.square, top + row * board.square, board.square, board.square)
        for row in range(board.rows)
        for column in range(board.columns)
        if (column, row) not in with_marker
    ]
    markers = [
        rectangle
        for tag, (x, y) in enumerate(corners.tolist())
        for rectangle in _marker_rectangles(
            board.markers(), tag, board.marker_modules, (left + x, top + y), board.marker
        )
    ]
    return squares + markers


def _marker_rectangles(
    dictionary: cv2.aruco.Dictionary, tag: int, modules: int, corner: Point, side: float
) -> list[Rectangle]:
    black: NDArray[np.bool_] = cv2.aruco.generateImageMarker(dictionary, tag, modules) == 0
    step = side / modules
    rectangles = []
    for row, line in enumerate(black):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
        for start, end in edges.reshape(-1, 2).tolist():
            rectangles.append(
                (corner[0] + start * step, corner[1] + row * step, (end - start) * step, step)
            )
    return rectangles


def _draw(canvas: Canvas, sheet: Sheet) -> None:
    for line in sheet.drawing.lines:
        _draw_line(canvas, sheet.paper, line)
    for tag in sheet.drawing.tags:
        _fill(canvas, sheet.paper, tag_rectangles(tag, sheet.family))
    if sheet.board is not None:
        _fill(canvas, sheet.paper, board_rectangles(sheet.board))
    for label in sheet.drawing.labels:
        _draw_label(canvas, sheet.paper, label)
    for ruler in sheet.rulers:
        _draw_ruler(canvas, sheet.paper, ruler)


def _fill(canvas: Canvas, paper: Paper, rectangles: Iterable[Rectangle]) -> None:
    # One path for a whole tag: filled one by one, rectangles that touch show a hair of white.
    path = canvas.beginPath()
    for left, top, width, height in rectangles:
        path.rect(
            left * MM_PT, (paper.height - top - height) * MM_PT, width * MM_PT, height * MM_PT
        )
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1, fillMode=1)


def _draw_line(canvas: Canvas, paper: Paper, line: Line) -> None:
    path = canvas.beginPath()
    points = [_point(paper, (x, y)) for x, y in line.points.tolist()]
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    canvas.setLineWidth(LINE_WIDTHS[line.style] * MM_PT)
    canvas.setDash([dash * MM_PT for dash in DASHES[line.style]])
    canvas.setStrokeGray(0)
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=1, fill=int(line.filled))


def _draw_label(canvas: Canvas, paper: Paper, label: Label) -> None:
    font = BOLD_FONT if label.bold else FONT
    canvas.saveState()
    canvas.translate(*_point(paper, label.at))
    canvas.rotate(label.turn_deg)
    canvas.setFont(font, label.size_pt)
    canvas.setFillGray(label.grey)
    draw = {
        "left": canvas.drawString,
        "centre": canvas.drawCentredString,
        "right": canvas.drawRightString,
    }[label.align]
    draw(0, 0, label.text)
    canvas.restoreState()


def _draw_ruler(canvas: Canvas, paper: Paper, ruler: Ruler) -> None:
    """Draw a ruler whose ticks lie to the right of the way along x, or left of the way down y."""
    x, y = ruler.start

    def at(along: float, aside: float) -> Point:
        return (x - aside, y + along) if ruler.upright else (x + along, y + aside)

    _draw_line(canvas, paper, Line(np.array([at(0, 0), at(ruler.length, 0)]), "fine"))
    for mm in range(round(ruler.length) + 1):
        length = next(length for step, length in RULER_TICKS.items() if mm % step == 0)
        _draw_line(canvas, paper, Line(np.array([at(mm, 0), at(mm, length)]), "fine"))
    turn = 90.0 if ruler.upright else 0.0
    middle = "measure: must be 100.0 mm"
    for along, text in ((0.0, "0"), (ruler.length / 2, middle), (ruler.length, "100")):
        where = at(along, 6.3 if not ruler.upright else 4.3)
        _draw_label(canvas, paper, Label(where, text, 7.5, "centre", turn, grey=0.0))


def _point(paper: Paper, point: Point) -> Point:
    return point[0] * MM_PT, (paper.height - point[1]) * MM_PT
