"""From the printed page to the body: fold it along its fold lines, as its print was measured.

In: a sheet and what its two rulers measured. Out: the body and its file, or the board. Lengths are
mm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tracking.bodies import MarkerBody
from tracking.body_check import check_body
from tracking.body_file import BodyFile, NominalOrigin, SheetOrigin
from tracking.calibration.board import Board
from tracking.sheets.sheet import BodyPlan, Fold, Sheet, SheetError

FloatArray = NDArray[np.float64]

SMALLEST_SCALE, LARGEST_SCALE = 80.0, 120.0
BOARD_STRETCH = 0.25
"""Percent by which a board's two scales may differ: what two readings of a ruler differ by."""


@dataclass(frozen=True)
class PrintScale:
    """What 100 mm of the rulers along x and y measured, mm, which is percent."""

    x_percent: float = 100.0
    y_percent: float = 100.0

    def __post_init__(self) -> None:
        for percent in (self.x_percent, self.y_percent):
            if not (math.isfinite(percent) and SMALLEST_SCALE <= percent <= LARGEST_SCALE):
                raise SheetError(
                    f"A ruler of 100 mm that measures {percent:g} mm cannot be used. "
                    "Give what was measured in mm, as 100.4,99.8, or print the sheet anew at 100 %."
                )

    @property
    def factors(self) -> FloatArray:
        """(2,) what page lengths along x and y are multiplied with."""
        return np.array([self.x_percent, self.y_percent]) / 100.0


TRUE_SCALE = PrintScale()


def folded(points: FloatArray, folds: tuple[Fold, ...], factors: FloatArray) -> FloatArray:
    """Points (N, 2) of the page in space (N, 3), mm: z is away from the reader.

    Each fold turns what lies to the right of its line back by its angle; folds do not cross and
    none lies on a part that another one moves.
    """
    flat = np.column_stack([points * factors, np.zeros(len(points))])
    out = flat.copy()
    for fold in folds:
        start = np.array([*(np.array(fold.start) * factors), 0.0])
        way = np.array([*(np.array(fold.end) * factors), 0.0]) - start
        axis = way / np.linalg.norm(way)
        beyond = np.cross(axis, flat - start)[:, 2] > 0
        # Turning about the way by a positive angle takes its right (y down) to +z, the back.
        turn = Rotation.from_rotvec(axis * np.deg2rad(fold.angle_deg))
        out[beyond] = start + turn.apply(flat[beyond] - start)
    return out


def printed_body(sheet: Sheet, scale: PrintScale = TRUE_SCALE) -> MarkerBody:
    """Give the body that the sheet becomes when it is printed at that scale, cut and folded.

    Raises
    ------
    SheetError
        If the sheet is a board's.
    BodyError
        If the tags cannot be used, for instance because the family has no such ids.
    """
    plan = _plan(sheet)
    factors = scale.factors
    origin = np.array([*(np.array(plan.origin) * factors), 0.0])
    to_frame = np.diag([1.0, -1.0, -1.0]) if plan.z_to_reader else np.eye(3)
    offset = np.array([0.0, 0.0, plan.backing])
    body = MarkerBody(
        name=plan.name,
        family=sheet.family,
        corners={
            tag.tag: (folded(tag.corners, sheet.drawing.folds, factors) - origin) @ to_frame
            + offset
            for tag in sheet.drawing.tags
        },
    )
    check_body(body)
    return body


def sheet_body_file(sheet: Sheet, scale: PrintScale = TRUE_SCALE) -> BodyFile:
    """Describe the printed body as a body file; raises as :func:`printed_body`."""
    plan = _plan(sheet)
    origin = SheetOrigin(
        kind=sheet.kind,
        tag_size=plan.tag_size,
        gap=plan.gap,
        bend_deg=plan.bend_deg,
        backing=plan.backing if plan.z_to_reader else None,
        scale_x_percent=scale.x_percent,
        scale_y_percent=scale.y_percent,
    )
    return BodyFile.of(printed_body(sheet, scale), NominalOrigin(), origin)


def printed_board(sheet: Sheet, scale: PrintScale = TRUE_SCALE) -> Board:
    """Give the board as it was printed.

    Raises
    ------
    SheetError
        If the sheet is none, or the print is stretched so that squares are not square.
    """
    if sheet.board is None:
        raise SheetError(f"The {sheet.kind} sheet is no board.")
    if abs(scale.x_percent - scale.y_percent) > BOARD_STRETCH:
        raise SheetError(
            f"The board's print is stretched ({scale.x_percent:g} % by {scale.y_percent:g} %), so "
            "that its squares are not square. Print it on another printer, and choose the other "
            "sheets with --for."
        )
    board = sheet.board.board
    return board.model_copy(update={"square": round(board.square * float(scale.factors.mean()), 4)})


def _plan(sheet: Sheet) -> BodyPlan:
    if sheet.plan is None:
        raise SheetError(f"The {sheet.kind} sheet is no marker body.")
    return sheet.plan
