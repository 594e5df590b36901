"""What OpenIGTLink messages say: contents of the types that this program reads and writes.

In: the bytes of a content and the name of its type. Out: a value; and the other way round.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NAME_BYTES = 20
"""Longest name of a device, transform, tool or status."""

_STATUS = struct.Struct(">Hq20s")
_ELEMENT = struct.Struct(">20sBx12f")
_ASCII, _UTF8 = 3, 106


class IgtlFormatError(ValueError):
    """Bytes that are not an OpenIGTLink message, or a message that cannot be written as bytes."""


class _ContentError(ValueError):
    """The content of one message is not as its type wants it."""


class StatusCode(IntEnum):
    """Codes of STATUS that this program sends; the protocol has some more."""

    OK = 1
    NOT_FOUND = 4
    NOT_READY = 13


@dataclass(frozen=True, eq=False, slots=True)
class Transform:
    """TRANSFORM. `matrix` (4, 4) maps the first frame of the device's name ``AToB`` to B, mm."""

    matrix: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Position:
    """POSITION or QTRANS: `position` (3,), mm; `quaternion` (4,) x y z w, None if not sent."""

    position: FloatArray
    quaternion: FloatArray | None


@dataclass(frozen=True, eq=False, slots=True)
class Tool:
    """One tool of TDATA: `kind` 1 tracker, 2 six, 3 three, 4 five degrees of freedom."""

    name: str
    kind: int
    matrix: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class TrackingData:
    """TDATA: the tools that the tracker saw in one frame."""

    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """STATUS: how a device is. Only code 1 is well."""

    code: int
    subcode: int = 0
    name: str = ""
    text: str = ""

    @property
    def ok(self) -> bool:
        """Whether the device is well."""
        return self.code == StatusCode.OK


@dataclass(frozen=True, slots=True)
class Text:
    """STRING."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Any other type; its body was skipped."""

    type_name: str


Content = Transform | Position | TrackingData | Status | Text | Unknown


def read_content(type_name: str, content: bytes) -> Content:
    """Read a content; :class:`Unknown` if it is not as its type wants it."""
    try:
        return READERS[type_name](content)
    except _ContentError:
        return Unknown(type_name)


def text_from_bytes(raw: bytes) -> str:
    """Read words that end at the first zero byte."""
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def name_bytes(name: str) -> bytes:
    """Write a name.

    Raises
    ------
    IgtlFormatError
        If it is too long or not ASCII.
    """
    raw = name.encode("utf-8")
    if len(raw) > NAME_BYTES or not name.isascii():
        raise IgtlFormatError(
            f"The name {name!r} cannot be sent: use at most {NAME_BYTES} plain letters."
        )
    return raw


def _matrix(numbers: FloatArray) -> FloatArray:
    """(4, 4) of the 12 numbers of the protocol, which go column by column."""
    matrix = np.eye(4)
    matrix[:3, :] = np.reshape(numbers, (4, 3)).T
    return matrix


def _matrix_numbers(matrix: FloatArray) -> list[float]:
    return [float(value) for value in matrix[:3, :].T.ravel()]


def _floats(content: bytes) -> FloatArray:
    # Not by numpy, which warns of numbers that are none when it widens them.
    return np.array(struct.unpack(f">{len(content) // 4}f", content))


def _expect(fits: bool) -> None:
    if not fits:
        raise _ContentError


def _read_transform(content: bytes) -> Transform:
    _expect(len(content) == 48)
    return Transform(_matrix(_floats(content)))


def _read_position(content: bytes) -> Position:
    """Read position alone, with three or with all four numbers of the quaternion."""
    _expect(len(content) in (12, 24, 28))
    numbers = _floats(content)
    position, rest = numbers[:3], numbers[3:]
    if len(rest) == 3:
        rest = np.append(rest, np.sqrt(max(0.0, 1.0 - float(rest @ rest))))
    return Position(position, rest if len(rest) else None)


def _read_tracking_data(content: bytes) -> TrackingData:
    _expect(len(content) % _ELEMENT.size == 0)
    tools = [
        Tool(text_from_bytes(name), kind, _matrix(np.array(numbers, np.float64)))
        for name, kind, *numbers in _ELEMENT.iter_unpack(content)
    ]
    return TrackingData(tuple(tools))


def _read_status(content: bytes) -> Status:
    _expect(len(content) >= _STATUS.size)
    code, subcode, name = _STATUS.unpack_from(content)
    return Status(code, subcode, text_from_bytes(name), text_from_bytes(content[_STATUS.size :]))


def _read_text(content: bytes) -> Text:
    _expect(len(content) >= 4)
    length = int.from_bytes(content[2:4], "big")
    _expect(len(content) >= 4 + length)
    return Text(content[4 : 4 + length].decode("utf-8", "replace"))


READERS: Mapping[str, Callable[[bytes], Content]] = {
    "TRANSFORM": _read_transform,
    "POSITION": _read_position,
    "QTRANS": _read_position,
    "TDATA": _read_tracking_data,
    "STATUS": _read_status,
    "STRING": _read_text,
}


def content_bytes(content: Content) -> tuple[str, bytes]:
    """Give type name and bytes; raises :class:`IgtlFormatError` of what cannot be written."""
    match content:
        case Transform(matrix=matrix):
            return "TRANSFORM", struct.pack(">12f", *_matrix_numbers(matrix))
        case Position(position=position, quaternion=quaternion):
            rest = [] if quaternion is None else [float(value) for value in quaternion]
            numbers = [*map(float, position), *rest]
            return "POSITION", struct.pack(f">{len(numbers)}f", *numbers)
        case TrackingData(tools=tools):
            elements = [
                _ELEMENT.pack(name_bytes(tool.name), tool.kind, *_matrix_numbers(tool.matrix))
                for tool in tools
            ]
            return "TDATA", b"".join(elements)
        case Status(code=code, subcode=subcode, name=name, text=text):
            return "STATUS", _STATUS.pack(code, subcode, name_bytes(name)) + _ended(text)
        case Text(text=text):
            raw = text.encode("utf-8")
            return "STRING", struct.pack(">HH", encoding_of(text), len(raw)) + raw
        case Unknown(type_name=type_name):
            raise IgtlFormatError(f"A message of type {type_name} cannot be written.")


def encoding_of(text: str) -> int:
    """Give the code of the character set that is enough for `text`."""
    return _ASCII if text.isascii() else _UTF8


def _ended(text: str) -> bytes:
    return text.encode("utf-8") + b"\0" if text else b""
