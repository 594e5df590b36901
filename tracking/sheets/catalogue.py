"""The sheets that can be printed: which tags, which sizes, which words.

In: kinds and options. Out: laid-out sheets. Head, coil and pointer are the same bent plate: bent, a
plate has half the rotation error of a flat one and is the least sensitive to errors in its
making, and on the end of a rod it needs no more room than the dodecahedron with faces of 40 mm
that a pointer seen from all sides would need (110 mm across, thirty glued edges).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tracking.bodies import BodyError
from tracking.body_check import family_size
from tracking.calibration.board import Board
from tracking.sheets.page import PRINT_STEP, TooLargeError, Words, board_sheet, body_sheet
from tracking.sheets.plates import (
    bent_plate_drawing,
    gauge_drawing,
    puck_drawing,
    sticker_drawing,
)
from tracking.sheets.sheet import FAMILIES, PAPERS, Paper, Sheet, SheetError

KINDS = ("head", "coil", "pointer", "puck", "sticker", "board")

BODY_NAMES = {
    "head": "head",
    "coil": "coil_body",
    "pointer": "pointer",
    "puck": "puck",
    "sticker": "sticker",
}
FIRST_TAGS = {"head": 0, "coil": 6, "pointer": 12, "puck": 18, "sticker": 22}
TAG_COUNTS = {"head": 6, "coil": 6, "pointer": 6, "puck": 4, "sticker": 2}
TAG_SIZES = {"head": 36.0, "coil": 36.0, "pointer": 36.0, "puck": 30.0, "sticker": 24.0}
GAPS = {"head": 4.0, "coil": 4.0, "pointer": 4.0, "puck": 16.0, "sticker": 6.0}
BOARD_SQUARES = ((15, 10), (10, 7))
"""Sizes and gaps in mm; ids as :mod:`tracking.bodies` has them. No id is used twice."""

TITLES = {
    "head": "Head",
    "coil": "Coil",
    "pointer": "Pointer",
    "puck": "Puck for the coil’s focal point",
    "sticker": "Sticker against slipping",
    "board": "ChArUco board",
}

GLUE_STEP = (
    "Glue it flat, without bubbles, onto a rigid board of 2 to 3 mm (aluminium composite, "
    "acrylic). Cut along the solid line; leave the white around the tags clean and matt."
)
BENT_STEPS = (
    "Between the dashed marks cut the board through from behind, down to the printed paper or to "
    "the front skin of the composite: the print is the hinge. Fold both outer panels back by "
    "{bend:g}°.",
    "Lay the folding gauge across the print, at the top and at the bottom. If all three edges "
    "touch, fix the folds from behind with glue or a bracket.",
)
MOUNT_STEPS = {
    "head": "Fix the plate to a band or to glasses so that it cannot move on the head; "
    "“{name} {first}” is top left as seen by one who faces the person.",
    "coil": "Fix the plate rigidly to the coil’s handle or casing, facing the cameras when the "
    "coil is on the head; it must not rock.",
    "pointer": "Fix the plate to the end of a straight, stiff rod with a sharp tip, 150 to 200 mm "
    "away, so that tip and print are seen together.",
}
MEASURE_STEP = (
    "Then measure it: “coilpilot calibrate bodies” takes half a minute. As drawn, without "
    "measuring, expect twice the error."
)
PUCK_STEPS = (
    "Glue it flat onto a rigid, flat board; board and paper together must be {backing:g} mm thick "
    "(else state --backing). Cut along the solid line and drill a hole of 1 mm through the middle "
    "of the cross.",
    "Clamp it, print up, onto the head-side face of the coil: hole on the focal point, arrow "
    "away from the handle, lines along and across the handle.",
    "Show coil and puck to the cameras together: “coilpilot calibrate coil”. The puck’s frame: "
    "origin behind the cross in the middle of the back, z out of the print (into the head), y "
    "along the arrow, as in the coil’s frame.",
)
STICKER_STEPS = (
    "Glue the print onto stiff, thin card or plastic and cut along the solid line.",
    "Tape it to the forehead, or to the bridge of the glasses if the head’s plate is on a band: to "
    "something that does not move with the plate.",
    "If plate and sticker move against each other, one of them has slipped. The sticker is a "
    "watchman: it measures nothing else.",
)
BOARD_STEPS = (
    "Print at 100 %, on matt paper, and glue it flat onto glass, acrylic or aluminium composite: a "
    "board that bows by 0.5 mm is not good enough. If a ruler is not 100.0 mm, state it: "
    "--measured-scale X,Y. Research use only; not a medical device.",
)


@dataclass(frozen=True)
class SheetOptions:
    """What can be chosen; None is the kind's own.

    Attributes
    ----------
    paper
        ``a4``, ``letter`` or ``a3``.
    family
        ``36h11`` or ``mip_36h12``.
    tag_size, gap
        Of bodies, mm.
    bend_deg
        Of bent plates, degrees.
    backing
        Thickness of the puck, board and paper, mm.
    first_tag
        Id of the first tag; several sheets take the ids after each other.
    square
        Of the board, mm.
    """

    paper: str = "a4"
    family: str = "36h11"
    tag_size: float | None = None
    gap: float | None = None
    bend_deg: float = 35.0
    backing: float = 3.0
    first_tag: int | None = None
    square: float = 25.0


def make_sheets(kinds: Sequence[str], options: SheetOptions) -> list[Sheet]:
    """Lay out one sheet for each of `kinds`, in that order.

    Raises
    ------
    SheetError
        If a kind, paper or family is unknown, a kind is asked for twice, ids run out, a size makes
        no sheet, or a sheet does not fit on the paper; the message says what would.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise SheetError(f"There is no sheet '{kind}'. Choose from {', '.join(KINDS)}.")
        if kinds.count(kind) > 1:
            raise SheetError(f"The {kind} sheet is asked for twice. Name it once.")
    if options.paper not in PAPERS:
        raise SheetError(f"Paper '{options.paper}' is not known. Use {', '.join(PAPERS)}.")
    if options.family not in FAMILIES:
        raise SheetError(
            f"Tags of family '{options.family}' are not printed. Use {' or '.join(FAMILIES)}."
        )
    sheets = []
    next_tag = options.first_tag
    for kind in kinds:
        if kind == "board":
            sheets.append(_board(options))
            continue
        first = FIRST_TAGS[kind] if next_tag is None else next_tag
        _check_ids(kind, first, options.family)
        sheets.append(_fitting(kind, first, options))
        next_tag = None if next_tag is None else first + TAG_COUNTS[kind]
    return sheets


def _fitting(kind: str, first: int, options: SheetOptions) -> Sheet:
    try:
        return _body(kind, first, options)
    except TooLargeError as error:
        raise SheetError(f"{error} {_what_fits(kind, first, options)}") from error


def _body(kind: str, first: int, options: SheetOptions) -> Sheet:
    paper = PAPERS[options.paper]
    name = BODY_NAMES[kind]
    size = TAG_SIZES[kind] if options.tag_size is None else options.tag_size
    gap = GAPS[kind] if options.gap is None else options.gap
    tags = f"tags {first} to {first + TAG_COUNTS[kind] - 1} of {options.family}, {size:g} mm"
    if kind == "puck":
        steps = (PRINT_STEP, *(step.format(backing=options.backing) for step in PUCK_STEPS))
        words = Words(kind, TITLES[kind], f"flat plate · {tags}", steps)
        piece = puck_drawing(name, first, size, gap, options.backing)
        return body_sheet(words, paper, options.family, piece)
    if kind == "sticker":
        words = Words(kind, TITLES[kind], f"flat card · {tags}", (PRINT_STEP, *STICKER_STEPS))
        piece = sticker_drawing(name, first, size, gap)
        return body_sheet(words, paper, options.family, piece)
    steps = (
        PRINT_STEP,
        GLUE_STEP,
        *(step.format(bend=options.bend_deg) for step in BENT_STEPS),
        MOUNT_STEPS[kind].format(name=name, first=first),
        MEASURE_STEP,
    )
    words = Words(kind, TITLES[kind], f"bent plate · {tags}", steps)
    piece = bent_plate_drawing(name, first, size, gap, options.bend_deg)
    gauge = gauge_drawing(size, gap, options.bend_deg)
    return body_sheet(words, paper, options.family, piece, gauge)


def _board(options: SheetOptions) -> Sheet:
    paper = PAPERS[options.paper]
    try:
        return _board_of(paper, options.square)
    except TooLargeError as error:
        fits = _largest(lambda square: _board_of(paper, square), options.square)
        raise SheetError(f"{error} Use --square {fits:g} or less, or larger paper.") from error


def _board_of(paper: Paper, square: float) -> Sheet:
    """Lay out the largest board that fits of those that are printed."""
    if not 5.0 <= square <= 60.0:
        raise SheetError(f"Squares of {square:g} mm suit no camera. Use --square 5 to 60.")
    large, small = (Board(columns=x, rows=y, square=square) for x, y in BOARD_SQUARES)
    try:
        return _sheet_of_board(paper, large)
    except TooLargeError:
        return _sheet_of_board(paper, small)


def _sheet_of_board(paper: Paper, board: Board) -> Sheet:
    subtitle = (
        f"{board.columns} x {board.rows} squares of {board.square:g} mm · "
        f"markers of {board.marker:g} mm · {board.dictionary}"
    )
    words = Words("board", TITLES["board"], subtitle, BOARD_STEPS)
    return board_sheet(words, paper, board)


def _check_ids(kind: str, first: int, family: str) -> None:
    try:
        last = family_size(family) - 1
    except BodyError as error:
        raise SheetError(str(error)) from error
    if not 0 <= first <= last + 1 - TAG_COUNTS[kind]:
        raise SheetError(
            f"The {kind} sheet needs {TAG_COUNTS[kind]} ids from {first} on, family {family} has "
            f"0 to {last}. Choose a smaller --first-tag."
        )


def _what_fits(kind: str, first: int, options: SheetOptions) -> str:
    size = TAG_SIZES[kind] if options.tag_size is None else options.tag_size
    fits = _largest(lambda tag: _body(kind, first, replace(options, tag_size=tag)), size)
    advice = f"Use --tag-size {fits:g} or less" if fits else "Use a smaller --gap"
    return f"{advice}{'' if options.paper == 'a3' else ', or --paper a3'}."


def _largest(make: Callable[[float], Sheet], too_large: float) -> float:
    """Give the largest whole number below `too_large` with which `make` works; 0 if none."""
    for size in range(int(too_large), 0, -1):
        try:
            make(float(size))
        except SheetError:
            continue
        return float(size)
    return 0.0
