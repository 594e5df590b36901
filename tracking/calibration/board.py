"""The ChArUco board that cameras are calibrated with: what is printed on it, and its file.

In: a board file. Out: a :class:`Board` and where its tags and saddle points lie. The board's frame
is OpenCV's: origin at the outer corner of the first square, x along a row, y down the columns, z
into the board; mm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FloatArray = NDArray[np.float64]

SCHEMA_VERSION = 1

DICTIONARIES: Mapping[str, int] = {
    name: getattr(cv2.aruco, name)
    for name in sorted(dir(cv2.aruco))
    if name.startswith("DICT_") and name == name.upper()
}
"""Names of OpenCV's marker dictionaries to OpenCV's numbers."""


class BoardError(ValueError):
    """A board that cannot be used; the message names the file or field and the remedy."""


class Board(BaseModel):
    """A ChArUco board: a chessboard with a marker in each of its white squares.

    The default is the board that ``coilpilot markers`` prints on A4.

    Attributes
    ----------
    columns, rows
        Squares across and down.
    square
        Side of a square, mm, as measured on the print.
    marker_ratio
        Side of a marker's black square relative to the side of a square.
    dictionary
        OpenCV's name of the marker dictionary.
    inverted
        Printed white on black.
    legacy_pattern
        Laid out as by OpenCV before 4.6: with an even number of rows the first square is white.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1] = 1
    columns: Annotated[int, Field(ge=2, le=60)] = 10
    rows: Annotated[int, Field(ge=2, le=60)] = 7
    square: Annotated[float, Field(gt=0, le=1000)] = 25.0
    marker_ratio: Annotated[float, Field(ge=0.2, lt=1)] = 0.75
    dictionary: str = "DICT_5X5_100"
    inverted: bool = False
    legacy_pattern: bool = False

    @model_validator(mode="after")
    def _markers_suffice(self) -> Board:
        if self.dictionary not in DICTIONARIES:
            raise ValueError(
                f"the dictionary '{self.dictionary}' is not known; use one of "
                f"{', '.join(DICTIONARIES)}"
            )
        markers = self.columns * self.rows // 2
        most = self.markers().bytesList.shape[0]
        if markers > most:
            raise ValueError(
                f"{self.columns} x {self.rows} squares need {markers} markers, "
                f"{self.dictionary} has only {most}"
            )
        return self

    def markers(self) -> cv2.aruco.Dictionary:
        """Give OpenCV's dictionary."""
        return cv2.aruco.getPredefinedDictionary(DICTIONARIES[self.dictionary])

    @property
    def marker(self) -> float:
        """Side of a marker, mm."""
        return self.square * self.marker_ratio

    @property
    def marker_modules(self) -> int:
        """Modules along a side of a marker, border included."""
        return int(self.markers().markerSize) + 2

    def pattern(self) -> cv2.aruco.CharucoBoard:
        """Give OpenCV's board, in mm."""
        board = cv2.aruco.CharucoBoard(
            (self.columns, self.rows), self.square, self.marker, self.markers()
        )
        board.setLegacyPattern(self.legacy_pattern)
        return board

    @property
    def tag_corners(self) -> FloatArray:
        """(M, 4, 3) corners of the markers 0 to M - 1, clockwise as printed, mm."""
        return _points(self)[0]

    @property
    def saddles(self) -> FloatArray:
        """(K, 3) the inner corners of the chessboard, row by row, mm."""
        return _points(self)[1]

    @property
    def centre(self) -> FloatArray:
        """(3,) middle of the board, mm."""
        return np.array([self.columns * self.square / 2, self.rows * self.square / 2, 0.0])

    @property
    def described(self) -> str:
        """The board in a few words."""
        kind = "inverted ChArUco board" if self.inverted else "ChArUco board"
        return (
            f"{kind}, {self.columns} x {self.rows} squares of {self.square:g} mm, {self.dictionary}"
        )


# Not kept in the board itself: copies of it that differ would take the points along.
@cache
def _points(board: Board) -> tuple[FloatArray, FloatArray]:
    """Corners of the tags (M, 4, 3) and saddle points (K, 3) of `board`."""
    pattern = board.pattern()
    tags = np.array(pattern.getObjPoints(), dtype=np.float64).reshape(-1, 4, 3)
    saddles = np.array(pattern.getChessboardCorners(), dtype=np.float64).reshape(-1, 3)
    for points in (tags, saddles):
        points.setflags(write=False)
    return tags, saddles


def read_board(path: Path) -> Board:
    """Read and check the board file at `path`.

    Raises
    ------
    BoardError
        If the file is missing, is no JSON, of another version or wrong in a field.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoardError(
            f"{path} cannot be read ({error.strerror}). 'coilpilot markers' writes the board's "
            "file beside its sheet."
        ) from error
    except ValueError as error:
        raise BoardError(f"{path} is not valid JSON ({error}). Correct it there.") from error
    version = data.get("schema_version", SCHEMA_VERSION) if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise BoardError(
            f"{path} has schema version {version!r}, this program reads {SCHEMA_VERSION}. "
            "Print the board anew with this version of Coilpilot."
        )
    return board_from(data, str(path))


def board_from(data: Mapping[str, object], source: str) -> Board:
    """Make the board of `data`, which was read from `source`.

    Raises
    ------
    BoardError
        If a field is missing or wrong.
    """
    try:
        return Board.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "board"
        told = fault["msg"].removeprefix("Value error, ")
        raise BoardError(
            f"{source}: '{where}' is wrong ({told}). Correct it to what is printed on the board."
        ) from error


def write_board(path: Path, board: Board) -> None:
    """Write `board` as readable JSON to `path`."""
    path.write_text(board.model_dump_json(indent=1) + "\n", encoding="utf-8")
