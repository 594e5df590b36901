"""OpenIGTLink messages as values, to and from bytes. Pure: no sockets, no clock.

In: the 58 bytes of a header, then as many bytes of a body as the header says. Out: a
:class:`Message`; and the other way round. Header versions 1 (protocols 1 and 2) and 2 or later
(protocol 3: extended header and metadata), as published at openigtlink.org/protocols.

What a header announces is held against a limit before anything is allocated for it. Numbers are
passed on as they came: whether a matrix is a pose is judged by :mod:`tracking.foreign_poses`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from tracking.igtl.contents import (
    READERS,
    Content,
    IgtlFormatError,
    content_bytes,
    encoding_of,
    name_bytes,
    read_content,
    text_from_bytes,
)
from tracking.igtl.crc64 import crc64

DEFAULT_PORT = 18944
HEADER_BYTES = 58
MAX_BODY_BYTES = 65_536
"""Longest body of a type that is read: tracking data of over 900 tools."""
MAX_SKIPPED_BYTES = 1 << 28
"""Longest body of a type that is skipped: 256 MiB, more than any image of a scanner's slice."""

_HEADER = struct.Struct(">H12s20sQQQ")
_EXTENDED = struct.Struct(">HHII")
_METADATA_ENTRY = struct.Struct(">HHI")


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
        return self.type_name in READERS


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
        device=text_from_bytes(raw_device),
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
        content=read_content(header.type_name, content),
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
    type_name, body = content_bytes(message.content)
    if version >= 2:
        index, values = _metadata_bytes(message.metadata)
        extended = _EXTENDED.pack(_EXTENDED.size, len(index), len(values), message.message_id)
        body = extended + body + index + values
    if len(body) > MAX_BODY_BYTES:
        raise IgtlFormatError(f"A {type_name} message of {len(body)} bytes is too long to be sent.")
    header = _HEADER.pack(
        version,
        type_name.encode("ascii"),
        name_bytes(message.device),
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
        index += _METADATA_ENTRY.pack(len(raw_key), encoding_of(value), len(raw_value))
        values += raw_key + raw_value
    return index, values
