"""Recorded sequences of PLUS (``.igs.mha``, ``.igs.mhd``), as a feed of poses.

In: the file. Out: a :class:`PlusSequence`: for each frame its times and its transforms with their
status. The images that such a file may hold as well, compressed or not, lie behind the header and
are not read. The format is MetaImage's text header with fields ``Seq_FrameNNNN_...``, as PLUS
writes them: matrices row by row in mm, times in seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tracking.pose_source import PoseSourceError

FloatArray = NDArray[np.float64]

SUFFIXES = (".igs.mha", ".igs.mhd", ".seq.mha", ".seq.mhd")
MAX_LINE_BYTES = 65_536
MAX_HEADER_BYTES = 1 << 29
_FIELD = re.compile(r"Seq_Frame(\d{1,9})_(\w{1,200})")
_TRANSFORM, _STATUS = "Transform", "TransformStatus"


@dataclass(frozen=True, eq=False, slots=True)
class SequenceTransform:
    """One transform of one frame: `matrix` (4, 4), mm; `ok` is False unless its status is OK."""

    matrix: FloatArray
    ok: bool


@dataclass(frozen=True, eq=False, slots=True)
class SequenceFrame:
    """One frame.

    Attributes
    ----------
    time_ns
        PLUS' filtered time stamp, its own clock.
    unfiltered_time_ns
        When the frame really arrived in PLUS; None if the file does not say.
    transforms
        Name such as ``StylusToTracker`` -> the transform.
    """

    time_ns: int
    unfiltered_time_ns: int | None
    transforms: Mapping[str, SequenceTransform]


@dataclass(frozen=True, eq=False, slots=True)
class PlusSequence:
    """A whole sequence; its frames' times increase strictly."""

    path: Path
    frames: tuple[SequenceFrame, ...]

    @property
    def name(self) -> str:
        """The file's name without its endings."""
        return self.path.name.split(".")[0] or self.path.name

    @property
    def transform_names(self) -> tuple[str, ...]:
        """Names of all transforms, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for frame in self.frames for name in frame.transforms))

    @property
    def start_ns(self) -> int:
        """Time of the first frame."""
        return self.frames[0].time_ns

    @property
    def duration_ns(self) -> int:
        """Time from the first frame to the last."""
        return self.frames[-1].time_ns - self.start_ns


@dataclass(slots=True)
class _Draft:
    """A frame whose lines are still being read."""

    line: int
    time_ns: int | None = None
    unfiltered_time_ns: int | None = None
    matrices: dict[str, FloatArray] = field(default_factory=dict)
    statuses: dict[str, bool] = field(default_factory=dict)


def is_sequence(path: Path) -> bool:
    """Whether `path` is named like a recorded sequence."""
    return path.name.lower().endswith(SUFFIXES)


def read_sequence(path: Path) -> PlusSequence:
    """Read the header of a recorded sequence.

    Raises
    ------
    PoseSourceError
        If it cannot be read, has no frames, or a line is wrong: the message names the line.
    """
    try:
        with path.open("rb") as file:
            drafts = _read_drafts(path, file)
    except OSError as error:
        raise PoseSourceError(
            f"{path} cannot be read ({error.strerror}). Choose a recorded sequence of PLUS."
        ) from error
    if not drafts:
        raise PoseSourceError(
            f"{path} holds no frames with transforms. Choose a recorded sequence of PLUS."
        )
    return PlusSequence(path, tuple(_frames(path, drafts)))


def _read_drafts(path: Path, file: BinaryIO) -> dict[int, _Draft]:
    drafts: dict[int, _Draft] = {}
    for number, line in enumerate(_lines(path, file), start=1):
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if number == 1 and not equals:
            raise _wrong(path, number, "is not of the form 'name = value'")
        if key == "ElementDataFile":
            return drafts
        found = _FIELD.fullmatch(key)
        if found is not None:
            draft = drafts.setdefault(int(found[1]), _Draft(number))
            _enter(path, number, draft, found[2], value)
    raise PoseSourceError(
        f"{path} ends before its header does: the file was cut short. Copy or record it anew."
    )


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    read = 0
    while raw := file.readline(MAX_LINE_BYTES):
        read += len(raw)
        if len(raw) == MAX_LINE_BYTES or read > MAX_HEADER_BYTES:
            raise PoseSourceError(
                f"{path} is no recorded sequence: its header has no end. "
                "Choose a file that PLUS has written."
            )
        yield raw.decode("utf-8", "replace")


def _enter(path: Path, number: int, draft: _Draft, name: str, value: str) -> None:
    if name == "Timestamp":
        draft.time_ns = _time_ns(path, number, value)
    elif name == "UnfilteredTimestamp":
        draft.unfiltered_time_ns = _time_ns(path, number, value)
    elif name.endswith(_STATUS):
        draft.statuses[name.removesuffix(_STATUS)] = value.upper() == "OK"
    elif name.endswith(_TRANSFORM):
        draft.matrices[name.removesuffix(_TRANSFORM)] = _matrix(path, number, value)


def _time_ns(path: Path, number: int, value: str) -> int:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0.0 <= seconds < 9e9:
        raise _wrong(path, number, "is no time in seconds")
    # Exact: a double holds the time of day to 0.2 microseconds only.
    return int(Decimal(value).scaleb(9).to_integral_value())


def _matrix(path: Path, number: int, value: str) -> FloatArray:
    try:
        numbers = [float(word) for word in value.split()]
    except ValueError:
        numbers = []
    if len(numbers) != 16:
        raise _wrong(path, number, "does not hold the 16 numbers of a matrix")
    return np.array(numbers).reshape(4, 4)


def _frames(path: Path, drafts: Mapping[int, _Draft]) -> Iterator[SequenceFrame]:
    last_ns: int | None = None
    for index in sorted(drafts):
        draft = drafts[index]
        time_ns = draft.unfiltered_time_ns if draft.time_ns is None else draft.time_ns
        if time_ns is None:
            raise _wrong(path, draft.line, f"begins frame {index}, which has no time")
        if last_ns is not None and time_ns <= last_ns:
            raise _wrong(
                path, draft.line, f"begins frame {index}, which is not later than the one before it"
            )
        last_ns = time_ns
        transforms = {
            name: SequenceTransform(matrix, draft.statuses.get(name, True))
            for name, matrix in draft.matrices.items()
        }
        yield SequenceFrame(time_ns, draft.unfiltered_time_ns, transforms)


def _wrong(path: Path, number: int, what: str) -> PoseSourceError:
    return PoseSourceError(f"Line {number} of {path} {what}. Record or copy the file anew.")
