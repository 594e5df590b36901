"""Puts a drawing on a page, with title, rulers, steps and footer; or says what would fit.

In: drawings and words. Out: a :class:`~tracking.sheets.sheet.Sheet`. From top to bottom: title,
what is cut out, folding gauge, steps, ruler along x, footer; the ruler along y is on the right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from reportlab.lib.utils import simpleSplit

from tracking.calibration.board import Board
from tracking.sheets.sheet import (
    RESEARCH_USE,
    BodyPlan,
    Drawing,
    Label,
    Line,
    Paper,
    PlacedBoard,
    Point,
    Ruler,
    Sheet,
    SheetError,
)

MARGIN = 12.0
"""Printers leave up to this much of the paper's edge white, and fingers need some."""

HEADER, GAP, FOOTER = 34.0, 6.0, 9.0
RULER_X_HEIGHT, RULER_Y_WIDTH = 13.0, 17.0
STEP_PT, STEP_LEADING, STEP_INDENT = 9.0, 4.5, 5.5
MM_PT = 72 / 25.4
FONT, BOLD_FONT = "Helvetica", "Helvetica-Bold"

BOARD_SIDE, BOARD_TOP, BOARD_BOTTOM = 12.5, 15.0, 17.0
"""White beside, above and below a board: rulers and words take this much at least."""

PRINT_STEP = (
    "Print at 100 % (“actual size”) on matt paper, 120 g/m² or heavier. Both rulers must measure "
    "100.0 mm; if not, print again, or state both with “coilpilot markers --measured-scale X,Y”."
)


@dataclass(frozen=True)
class Words:
    """What a page says: its kind, title, what is on it in few words, and what to do, in order."""

    kind: str
    title: str
    subtitle: str
    steps: tuple[str, ...]


class TooLargeError(SheetError):
    """What is to be printed does not fit on the paper.

    Attributes
    ----------
    needed, offered
        Width and height, mm.
    """

    def __init__(self, kind: str, paper: Paper, needed: Point, offered: Point) -> None:
        super().__init__(
            f"The {kind} sheet needs {needed[0]:.0f} x {needed[1]:.0f} mm, "
            f"{paper.name} offers {offered[0]:.0f} x {offered[1]:.0f} mm."
        )
        self.needed, self.offered = needed, offered


def body_sheet(
    words: Words,
    paper: Paper,
    family: str,
    piece: tuple[Drawing, BodyPlan],
    gauge: Drawing | None = None,
) -> Sheet:
    """Lay out the page of a marker body, upright or, if it does not fit so, lying.

    Raises
    ------
    TooLargeError
        If it fits neither way.
    """
    try:
        return _body_sheet(words, paper, family, piece, gauge)
    except TooLargeError:
        return _body_sheet(words, paper.landscape, family, piece, gauge)


def _body_sheet(
    words: Words,
    paper: Paper,
    family: str,
    piece: tuple[Drawing, BodyPlan],
    gauge: Drawing | None,
) -> Sheet:
    drawing, plan = piece
    steps = step_labels(words.steps, paper.width - 2 * MARGIN)
    ruler_top = paper.height - FOOTER - RULER_X_HEIGHT
    steps_top = ruler_top - len(steps) * STEP_LEADING - GAP
    offered = (paper.width - 2 * MARGIN - RULER_Y_WIDTH, steps_top - HEADER)
    below = 0.0 if gauge is None else GAP + gauge.height
    needed = (max(drawing.width, 0 if gauge is None else gauge.width), drawing.height + below + GAP)
    if needed[0] > offered[0] or needed[1] > offered[1]:
        raise TooLargeError(words.kind, paper, needed, offered)
    # Air is shared out above, between and below, so that no page looks pushed to its top.
    air = (offered[1] - needed[1]) / 3
    left = MARGIN + (offered[0] - drawing.width) / 2
    top = HEADER + air
    parts = [drawing.moved(left, top)]
    if gauge is not None:
        parts.append(
            gauge.moved(MARGIN + (offered[0] - gauge.width) / 2, top + drawing.height + GAP + air)
        )
    origin = (plan.origin[0] + left, plan.origin[1] + top)
    parts.append(_furniture(words, paper, folds=bool(drawing.folds)))
    parts.append(steps_drawing(steps, MARGIN, steps_top))
    return Sheet(
        kind=words.kind,
        title=words.title,
        paper=paper,
        family=family,
        drawing=_together(paper, parts),
        rulers=(
            Ruler((MARGIN + 1, ruler_top + 4), upright=False),
            Ruler((paper.width - MARGIN - 4, HEADER + 5), upright=True),
        ),
        plan=replace(plan, origin=origin),
    )


def board_sheet(words: Words, paper: Paper, board: Board) -> Sheet:
    """Lay out the page of a ChArUco board on paper that lies the way the board does.

    Raises
    ------
    TooLargeError
        If it does not fit.
    """
    width, height = board.columns * board.square, board.rows * board.square
    lying = paper.landscape if width > height else paper
    needed = (width + 2 * BOARD_SIDE, height + BOARD_TOP + BOARD_BOTTOM)
    if needed[0] > lying.width or needed[1] > lying.height:
        raise TooLargeError(words.kind, lying, needed, (lying.width, lying.height))
    left = (lying.width - width) / 2
    top = BOARD_TOP + (lying.height - needed[1]) / 2
    bottom = top + height
    labels = [
        Label((left, top - 5.2), words.title, 11, bold=True, grey=0.0),
        Label((left + width, top - 5.2), words.subtitle, 8, "right"),
    ]
    lines = _wrapped(" ".join(words.steps), width - 112, 7.0)
    labels += [
        Label((left + 110, bottom + 6.0 + 3.1 * row), line, 7.0) for row, line in enumerate(lines)
    ]
    return Sheet(
        kind=words.kind,
        title=words.title,
        paper=lying,
        family=board.dictionary,
        drawing=Drawing(lying.width, lying.height, labels=tuple(labels)),
        rulers=(
            Ruler((left, bottom + 4.0), upright=False),
            Ruler((left - 3.0, top + (height - 100.0) / 2), upright=True),
        ),
        board=PlacedBoard(board, (left, top)),
    )


def step_labels(steps: tuple[str, ...], width: float) -> list[tuple[str, str]]:
    """Break numbered steps into lines of `width` mm: (number or nothing, text)."""
    return [
        (f"{number}." if row == 0 else "", text)
        for number, step in enumerate(steps, start=1)
        for row, text in enumerate(_wrapped(step, width - STEP_INDENT, STEP_PT))
    ]


def steps_drawing(lines: list[tuple[str, str]], left: float, top: float) -> Drawing:
    """Set the lines of :func:`step_labels` below each other."""
    labels = []
    for row, (number, text) in enumerate(lines):
        baseline = top + (row + 0.8) * STEP_LEADING
        if number:
            labels.append(Label((left, baseline), number, STEP_PT, bold=True, grey=0.0))
        labels.append(Label((left + STEP_INDENT, baseline), text, STEP_PT, grey=0.0))
    return Drawing(0.0, 0.0, labels=tuple(labels))


def _furniture(words: Words, paper: Paper, *, folds: bool) -> Drawing:
    """Title above, footer below."""
    right = paper.width - MARGIN
    rule = np.array([[MARGIN, HEADER - 7], [right, HEADER - 7]])
    return Drawing(
        0.0,
        0.0,
        lines=(Line(rule, "fine"),),
        labels=(
            Label((MARGIN, 18.0), words.title, 19, bold=True, grey=0.0),
            Label((MARGIN, 23.8), words.subtitle, 9.5),
            Label((right, 18.0), "Coilpilot", 11, "right", bold=True),
            Label((right, 23.8), f"{paper.name} · print at 100 %", 9.5, "right"),
            Label((MARGIN, paper.height - FOOTER + 2.5), RESEARCH_USE, 7.5),
            Label(
                (right, paper.height - FOOTER + 2.5),
                "solid line: cut" + (" · dashed line: fold" if folds else ""),
                7.5,
                "right",
            ),
        ),
    )


def _together(paper: Paper, parts: list[Drawing]) -> Drawing:
    return Drawing(
        width=paper.width,
        height=paper.height,
        tags=tuple(tag for part in parts for tag in part.tags),
        folds=tuple(fold for part in parts for fold in part.folds),
        lines=tuple(line for part in parts for line in part.lines),
        labels=tuple(label for part in parts for label in part.labels),
    )


def _wrapped(text: str, width: float, size_pt: float) -> list[str]:
    return list(simpleSplit(text, FONT, size_pt, width * MM_PT))
