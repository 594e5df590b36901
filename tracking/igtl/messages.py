"""OpenIGTLink messages as values, to and from bytes. Pure: no sockets, no clock.

In: the 58 bytes of a header, then as many bytes of a body as the header says. Out: a
:class:`Message`; and the other way round. Header versions 1 (protocols 1 and 2) and 2 or later
(protocol 3: extended header and metadata), as published at openigtlink.org/protocols.

What a header announces is held against a limit before anything is allocated for it. Numbers are
passed on as they came: whether a matrix is a pose is judged by :mod:`tracking.foreign_poses`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tracking.igtl.crc64 import crc64

FloatArray = NDArray[np.float64]

DEFAULT_PORT = 18944
HEADER_BYTES = 58
MAX_BODY_BYTES = 65_536
"""Longest body of a type that is read: tracking data of over 900 tools."""
MAX_SKIPPED_BYTES = 1 << 28
"""Longest body of a type that is skipped: 256 MiB, more than any image of a scanner's slice."""

_HEADER = struct.Struct(">H12s20sQQQ")
_EXTENDED = struct.Struct(">HHII")
_METADATA_ENTRY = struct.Struct(">HHI")
_STATUS = struct.Struct(">Hq20s")
_ELEMENT = struct.Struct(">20sBx12f")
_ASCII, _UTF8 = 3, 106
_NAME_BYTES = 20


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


@dataclass(frozen=True, eq=False, slots=True)
class Message:
    """One message.

    Attributes
    ----------
    device
        Name of the device or transform, at most 20 bytes.
    content
        What it says.
    time_ns
        The sender's clock, ns since its epoch; None if it gave no time.
    metadata
        Keys and values of protocol 3; empty before it.
    message_id
        Of protocol 3; 0 before it.
    """

    device: str
    content: Content
    time_ns: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """What the first 58 bytes say."""

    version: int
    type_name: str
    device: str
    time_ns: int | None
    body_bytes: int
    crc: int

    @property
    def known(self) -> bool:
        """Whether the body is of a type that is read."""
        return self.type_name in _READERS


def unpack_header(data: bytes) -> Header:
    """Read a header of 58 bytes.

    Raises
    ------
    IgtlFormatError
        If it is none, or announces a longer body than the limit for its type.
    """
    version, raw_type, raw_device, stamp, body_bytes, crc = _HEADER.unpack(data)
    type_bytes = raw_type.rstrip(b"\0 ")
    if version not in (1, 2, 3) or not type_bytes or not _plain(type_bytes):
        raise IgtlFormatError("what came is no OpenIGTLink message")
    header = Header(
        version=version,
        type_name=type_bytes.decode("ascii"),
        device=_string(raw_device),
        time_ns=time_from_stamp(stamp),
        body_bytes=body_bytes,
        crc=crc,
    )
    limit = MAX_BODY_BYTES if header.known else MAX_SKIPPED_BYTES
    if body_bytes > limit:
        raise IgtlFormatError(
            f"a {header.type_name} message of {body_bytes} bytes was announced, "
            f"more than the {limit} allowed"
        )
    return header


def unpack_body(header: Header, body: bytes) -> Message:
    """Read the body that belongs to `header`, of a known type.

    Raises
    ------
    IgtlFormatError
        If check sum or lengths do not fit. A whole message whose content is not as the protocol
        says (pyigtl has a POSITION of its own) is :class:`Unknown` instead.
    """
    if len(body) != header.body_bytes or crc64(body) != header.crc:
        raise IgtlFormatError(f"a {header.type_name} message came damaged: its check sum is wrong")
    if header.version == 1:
        content, metadata, message_id = body, dict[str, str](), 0
    else:
        content, metadata, message_id = _split_extended(header, body)
    return Message(
        device=header.device,
        content=_content(header.type_name, content),
        time_ns=header.time_ns,
        metadata=metadata,
        message_id=message_id,
    )


def pack(message: Message, *, version: int = 1) -> bytes:
    """Write `message` as bytes, with header version 1, or 2 to carry metadata.

    Raises
    ------
    IgtlFormatError
        If a name is too long or not ASCII, or the content is of an unknown type.
    """
    type_name, body = _content_bytes(message.content)
    if version >= 2:
        index, values = _metadata_bytes(message.metadata)
        extended = _EXTENDED.pack(_EXTENDED.size, len(index), len(values), message.message_id)
        body = extended + body + index + values
    if len(body) > MAX_BODY_BYTES:
        raise IgtlFormatError(f"A {type_name} message of {len(body)} bytes is too long to be sent.")
    header = _HEADER.pack(
        version,
        type_name.encode("ascii"),
        _name_bytes(message.device),
        stamp_from_time(message.time_ns),
        len(body),
        crc64(body),
    )
    return header + body


def time_from_stamp(stamp: int) -> int | None:
    """Nanoseconds of a time stamp: 32 bits of seconds, 32 bits of fractions; None for 0."""
    if stamp == 0:
        return None
    return (stamp >> 32) * 1_000_000_000 + (((stamp & 0xFFFFFFFF) * 1_000_000_000) >> 32)


def stamp_from_time(time_ns: int | None) -> int:
    """Give the time stamp of `time_ns`, rounded up so that the way back gives the same ns."""
    if time_ns is None:
        return 0
    seconds, rest = divmod(time_ns, 1_000_000_000)
    if not 0 <= seconds < 1 << 32:
        raise IgtlFormatError(f"A time of {seconds} s does not fit into a time stamp.")
    return (seconds << 32) | -((-rest << 32) // 1_000_000_000)


def _plain(name: bytes) -> bool:
    return all(33 <= byte < 127 for byte in name)


def _string(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def _name_bytes(name: str) -> bytes:
    raw = name.encode("utf-8")
    if len(raw) > _NAME_BYTES or not name.isascii():
        raise IgtlFormatError(
            f"The name {name!r} cannot be sent: use at most {_NAME_BYTES} plain letters."
        )
    return raw


def _split_extended(header: Header, body: bytes) -> tuple[bytes, dict[str, str], int]:
    """Content, metadata and message id of a body of protocol 3."""
    damaged = IgtlFormatError(f"a {header.type_name} message has lengths that do not fit together")
    if len(body) < _EXTENDED.size:
        raise damaged
    extended, index_bytes, value_bytes, message_id = _EXTENDED.unpack_from(body)
    end = len(body) - index_bytes - value_bytes
    if extended < _EXTENDED.size or end < extended:
        raise damaged
    index, values = body[end : end + index_bytes], body[end + index_bytes :]
    return body[extended:end], _metadata(index, values, damaged), message_id


def _metadata(index: bytes, values: bytes, damaged: IgtlFormatError) -> dict[str, str]:
    if not index and not values:
        return {}
    entries = index[2:]
    count = int.from_bytes(index[:2], "big")
    if len(index) < 2 or len(entries) != count * _METADATA_ENTRY.size:
        raise damaged
    metadata, at = {}, 0
    for key_bytes, _, value_bytes in _METADATA_ENTRY.iter_unpack(entries):
        key = values[at : at + key_bytes].decode("utf-8", "replace")
        at += key_bytes
        metadata[key] = values[at : at + value_bytes].decode("utf-8", "replace")
        at += value_bytes
    if at != len(values):
        raise damaged
    return metadata


def _metadata_bytes(metadata: Mapping[str, str]) -> tuple[bytes, bytes]:
    index, values = len(metadata).to_bytes(2, "big"), b""
    for key, value in metadata.items():
        raw_key, raw_value = key.encode("utf-8"), value.encode("utf-8")
        index += _METADATA_ENTRY.pack(len(raw_key), _encoding(value), len(raw_value))
        values += raw_key + raw_value
    return index, values


def _matrix(numbers: FloatArray) -> FloatArray:
    """(4, 4) of the 12 numbers of the protocol, which go column by column."""
    matrix = np.eye(4)
    matrix[:3, :] = np.reshape(numbers, (4, 3)).T
    return matrix


def _matrix_numbers(matrix: FloatArray) -> list[float]:
    return [float(value) for value in matrix[:3, :].T.ravel()]


def _floats(content: bytes) -> FloatArray:
    return np.frombuffer(content, ">f4").astype(np.float64)


def _content(type_name: str, content: bytes) -> Content:
    try:
        return _READERS[type_name](content)
    except _ContentError:
        return Unknown(type_name)


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
        Tool(_string(name), kind, _matrix(np.array(numbers, np.float64)))
        for name, kind, *numbers in _ELEMENT.iter_unpack(content)
    ]
    return TrackingData(tuple(tools))


def _read_status(content: bytes) -> Status:
    _expect(len(content) >= _STATUS.size)
    code, subcode, name = _STATUS.unpack_from(content)
    return Status(code, subcode, _string(name), _string(content[_STATUS.size :]))


def _read_text(content: bytes) -> Text:
    _expect(len(content) >= 4)
    length = int.from_bytes(content[2:4], "big")
    _expect(len(content) >= 4 + length)
    return Text(content[4 : 4 + length].decode("utf-8", "replace"))


_READERS: Mapping[str, Callable[[bytes], Content]] = {
    "TRANSFORM": _read_transform,
    "POSITION": _read_position,
    "QTRANS": _read_position,
    "TDATA": _read_tracking_data,
    "STATUS": _read_status,
    "STRING": _read_text,
}


def _content_bytes(content: Content) -> tuple[str, bytes]:
    """Type name and bytes."""
    match content:
        case Transform(matrix=matrix):
            return "TRANSFORM", struct.pack(">12f", *_matrix_numbers(matrix))
        case Position(position=position, quaternion=quaternion):
            rest = [] if quaternion is None else [float(value) for value in quaternion]
            numbers = [*map(float, position), *rest]
            return "POSITION", struct.pack(f">{len(numbers)}f", *numbers)
        case TrackingData(tools=tools):
            elements = [
                _ELEMENT.pack(_name_bytes(tool.name), tool.kind, *_matrix_numbers(tool.matrix))
                for tool in tools
            ]
            return "TDATA", b"".join(elements)
        case Status(code=code, subcode=subcode, name=name, text=text):
            return "STATUS", _STATUS.pack(code, subcode, _name_bytes(name)) + _ended(text)
        case Text(text=text):
            raw = text.encode("utf-8")
            return "STRING", struct.pack(">HH", _encoding(text), len(raw)) + raw
        case Unknown(type_name=type_name):
            raise IgtlFormatError(f"A message of type {type_name} cannot be written.")


def _encoding(text: str) -> int:
    return _ASCII if text.isascii() else _UTF8


def _ended(text: str) -> bytes:
    return text.encode("utf-8") + b"\0" if text else b""
