"""What a sheet is made of: paper, tags, lines, folds, labels, rulers.

Nothing here draws or computes; all points are (x, y) in mm on the page, or on a drawing that is
moved onto the page, y down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.board import Board

FloatArray = NDArray[np.float64]
Point = tuple[float, float]

RESEARCH_USE = "Research use only; not a medical device."

MODULES = 8
"""Modules along a side of the families that are printed, border included."""

FAMILIES = ("36h11", "mip_36h12")
"""The families that hardly ever yield a false id."""


class SheetError(ValueError):
    """A sheet that cannot be printed or used; the message says why and what to do."""


@dataclass(frozen=True)
class Paper:
    """A sheet of paper: its name and its size, mm."""

    name: str
    width: float
    height: float

    @property
    def landscape(self) -> Paper:
        """The same paper turned to lie on its longer side."""
        return Paper(self.name, max(self.width, self.height), min(self.width, self.height))


PAPERS = {
    "a4": Paper("A4", 210.0, 297.0),
    "letter": Paper("Letter", 215.9, 279.4),
    "a3": Paper("A3", 297.0, 420.0),
}


@dataclass(frozen=True, eq=False)
class PrintedTag:
    """A tag's id and its four corners (4, 2), clockwise, starting top left."""

    tag: int
    corners: FloatArray


@dataclass(frozen=True)
class Fold:
    """A fold: the part to the right of the way from start to end goes back by `angle_deg`.

    Back is away from the person who looks at the print.
    """

    start: Point
    end: Point
    angle_deg: float


@dataclass(frozen=True, eq=False)
class Line:
    """A line through `points` (N, 2); a cut line, a fold mark or a fine line; perhaps filled."""

    points: FloatArray
    style: Literal["cut", "fold", "fine"]
    filled: bool = False


@dataclass(frozen=True)
class Label:
    """Text whose baseline starts, is centred or ends at `at`; turned counter-clockwise."""

    at: Point
    text: str
    size_pt: float = 7.0
    align: Literal["left", "centre", "right"] = "left"
    turn_deg: float = 0.0
    grey: float = 0.35
    bold: bool = False


@dataclass(frozen=True)
class Ruler:
    """A ruler of `length` mm from `start`, along x or, if `upright`, along y."""

    start: Point
    upright: bool
    length: float = 100.0


@dataclass(frozen=True, eq=False)
class Drawing:
    """Things that stay together, with the size that they need."""

    width: float
    height: float
    tags: tuple[PrintedTag, ...] = ()
    folds: tuple[Fold, ...] = ()
    lines: tuple[Line, ...] = ()
    labels: tuple[Label, ...] = ()

    def moved(self, x: float, y: float) -> Drawing:
        """Give the drawing with everything `x` mm further right and `y` mm further down."""
        by = np.array([x, y])
        return replace(
            self,
            tags=tuple(PrintedTag(tag.tag, tag.corners + by) for tag in self.tags),
            folds=tuple(
                Fold(_moved(fold.start, x, y), _moved(fold.end, x, y), fold.angle_deg)
                for fold in self.folds
            ),
            lines=tuple(replace(line, points=line.points + by) for line in self.lines),
            labels=tuple(replace(label, at=_moved(label.at, x, y)) for label in self.labels),
        )


@dataclass(frozen=True, eq=False)
class BodyPlan:
    """How the printed page becomes a body.

    Attributes
    ----------
    name
        The body's frame.
    origin
        The point of the page that is the frame's origin, seen from the front.
    z_to_reader
        False: x runs right on the page, y down, z out of the back (bent plates). True: x runs
        right, y up, z to the reader (the puck, whose frame is that of the coil).
    backing
        How far the frame's origin lies behind the print, mm: board and paper of the puck.
    tag_size, gap, bend_deg
        As drawn, mm and degrees.
    """

    name: str
    origin: Point
    tag_size: float
    gap: float
    bend_deg: float | None = None
    z_to_reader: bool = False
    backing: float = 0.0


@dataclass(frozen=True, eq=False)
class PlacedBoard:
    """A ChArUco board with its first corner at `corner` on the page."""

    board: Board
    corner: Point


@dataclass(frozen=True, eq=False)
class Sheet:
    """One page.

    Attributes
    ----------
    kind
        ``head``, ``coil``, ``pointer``, ``puck``, ``sticker`` or ``board``.
    title
        What the page is called.
    paper
        As it lies.
    family
        Of the tags.
    drawing
        What is on the page.
    rulers
        One along x and one along y.
    plan
        How it becomes a body; None for a board.
    board
        The board, if it is one.
    """

    kind: str
    title: str
    paper: Paper
    family: str
    drawing: Drawing
    rulers: tuple[Ruler, Ruler]
    plan: BodyPlan | None = None
    board: PlacedBoard | None = None


def _moved(point: Point, x: float, y: float) -> Point:
    return point[0] + x, point[1] + y
