"""Messages to bytes and back: published vectors, round trips, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking.igtl.contents import (
    IgtlFormatError,
    Position,
    Status,
    Text,
    Tool,
    TrackingData,
    Transform,
    Unknown,
)
from tracking.igtl.crc64 import crc64
from tracking.igtl.messages import (
    HEADER_BYTES,
    MAX_BODY_BYTES,
    Message,
    pack,
    stamp_from_time,
    time_from_stamp,
    unpack_body,
    unpack_header,
)
from tracking.igtl.stream import MessageStream

# Columns of the transform in the protocol library's own tests.
COLUMNS = [
    [-0.954892, 0.196632, -0.222525],
    [-0.196632, 0.142857, 0.970014],
    [0.222525, 0.970014, -0.0977491],
    [46.0531, 19.4709, 46.0531],
]
MATRIX = np.vstack([np.array(COLUMNS).T, [0, 0, 0, 1]])
PLACE, TURN = np.array(COLUMNS[3]), np.array([0, 3**-0.5, 3**-0.5, 1 / 3])
AGES = {"First patient age": "22", "Second patient age": "25"}

# Content, header version, and length and check sum of the body that the library publishes for it.
PUBLISHED = [
    (Transform(MATRIX), 1, 48, 0xF6DD2B8EB4DF6DD2),
    (Transform(MATRIX), 2, 117, 0xF698F64FDAE266DD),
    (Position(PLACE, TURN), 1, 28, 0x6BC8D6282B79A3A1),
    (TrackingData(tuple(Tool(f"Tracker{k}", 2, MATRIX) for k in range(3))), 1, 210,
     0x5C7CEBFD27676877),
    (Status(15, 10, "ACTUATOR_DISABLED", "Actuator A is disabled."), 1, 54, 0x98EE43EED8E431CF),
    (Text("Welcome to OpenIGTLink"), 1, 26, 0xCEF1B42A701104D4),
]  # fmt: skip


def test_the_check_value_of_ecma_182():
    assert crc64(b"123456789") == 0x6C40DF5F0B497347
    assert crc64(b"") == 0


@pytest.mark.parametrize(("content", "version", "length", "check"), PUBLISHED)
def test_bodies_are_those_that_the_protocol_library_publishes(content, version, length, check):
    metadata = AGES if version == 2 else {}
    data = pack(Message("DeviceName", content, None, metadata, 1), version=version)
    header = unpack_header(data[:HEADER_BYTES])
    assert (header.body_bytes, header.crc) == (length, check)
    assert (header.version, header.device) == (version, "DeviceName")
    assert unpack_body(header, data[HEADER_BYTES:]).metadata == metadata


def test_a_time_stamp_is_fixed_point_in_the_upper_and_lower_half():
    assert time_from_stamp(0x0000000180000000) == 1_500_000_000
    assert time_from_stamp(0x00000000499602D4) == 287_445_236, "the published stamp"
    assert time_from_stamp(0) is None
    assert stamp_from_time(None) == 0
    with pytest.raises(IgtlFormatError, match="time"):
        stamp_from_time(2**32 * 1_000_000_000)


@given(st.integers(1, 2**32 * 1_000_000_000 - 1))
def test_every_nanosecond_comes_back(time_ns):
    assert time_from_stamp(stamp_from_time(time_ns)) == time_ns


singles = st.floats(-1e6, 1e6, width=32)
names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
matrices = st.lists(singles, min_size=12, max_size=12).map(
    lambda numbers: np.vstack([np.reshape(numbers, (3, 4)), [0, 0, 0, 1]])
)
contents = st.one_of(
    matrices.map(Transform),
    st.builds(
        lambda numbers: Position(np.array(numbers[:3]), np.array(numbers[3:])),
        st.lists(singles, min_size=7, max_size=7),
    ),
    st.lists(st.builds(Tool, names, st.integers(0, 255), matrices), max_size=5).map(
        lambda tools: TrackingData(tuple(tools))
    ),
    st.builds(
        Status, st.integers(0, 65535), st.integers(-(2**63), 2**63 - 1), names, words.map(str.strip)
    ),
    words.map(Text),
)
messages = st.builds(
    Message,
    names,
    contents,
    st.none() | st.integers(1, 2**32 * 1_000_000_000 - 1),
    st.dictionaries(words, words, max_size=4),
    st.integers(0, 2**32 - 1),
)


def same(first, second):
    """Compare dataclasses that hold arrays."""
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if hasattr(first, "__dataclass_fields__"):
        return type(first) is type(second) and all(
            same(getattr(first, name), getattr(second, name)) for name in first.__dataclass_fields__
        )
    return first == second


@settings(max_examples=30, deadline=None)
@given(st.lists(messages, min_size=1, max_size=3), st.sampled_from([1, 2, 3]), st.data())
def test_what_is_written_is_read_however_it_is_cut(written, version, data):
    stream, read = MessageStream(), []
    rest = b"".join(pack(message, version=version) for message in written)
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        read += stream.feed(rest[:cut])
        rest = rest[cut:]
    assert not stream.midway
    assert len(read) == len(written)
    for before, after in zip(written, read, strict=True):
        assert (before.device, before.time_ns) == (after.device, after.time_ns)
        assert same(before.content, after.content)
        if version > 1:
            assert (before.metadata, before.message_id) == (after.metadata, after.message_id)


def header(**changes):
    values = {"version": 1, "name": b"TRANSFORM", "bytes": 48, "crc": 0} | changes
    return struct.pack(
        ">H12s20sQQQ", values["version"], values["name"], b"a", 0, values["bytes"], values["crc"]
    )


def test_unknown_types_are_skipped_by_their_length_without_being_kept():
    stream = MessageStream()
    (unknown,) = stream.feed(header(name=b"IMAGE", bytes=10_000_000))
    assert unknown.content == Unknown("IMAGE")
    for _ in range(100):
        assert stream.feed(bytes(100_000)) == []
        assert len(stream._kept) == 0
    assert not stream.midway
    (status,) = stream.feed(pack(Message("a", Status(1))))
    assert status.content.ok


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"GET / HTTP/1.1\r\nHost: tracker.example\r\nAccept: text/html\r\n\r\n", "no OpenIGTLink"),
        (header(version=0), "no OpenIGTLink"),
        (header(name=b"\x01\x02"), "no OpenIGTLink"),
        (header(bytes=MAX_BODY_BYTES + 1), "65537 bytes was announced"),
        (header(bytes=2**63), "was announced"),
        (header(name=b"IMAGE", bytes=2**40), "was announced"),
        (header(crc=1) + bytes(48), "check sum"),
        (header(version=2, bytes=3) + bytes(3), "lengths"),
        (header(version=2, bytes=12) + bytes(12), "lengths"),
    ],
)
def test_what_is_no_message_is_told(data, told):
    with pytest.raises(IgtlFormatError, match=told):
        MessageStream().feed(data)


@pytest.mark.parametrize(
    ("name", "length"),
    [("TRANSFORM", 47), ("POSITION", 27), ("TDATA", 69), ("STATUS", 29), ("STRING", 3)],
)
def test_a_whole_message_with_another_content_is_passed_over(name, length):
    stream = MessageStream()
    read = stream.feed(header(name=name.encode(), bytes=length) + bytes(length))
    read += stream.feed(pack(Message("a", Status(1))))
    assert [message.content for message in read] == [Unknown(name), Status(1)]


def test_metadata_whose_lengths_lie_are_refused():
    whole = bytearray(pack(Message("a", Transform(MATRIX), None, AGES, 1), version=2))
    for place in range(HEADER_BYTES + 12 + 48, HEADER_BYTES + 12 + 48 + 18):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0x40
        body = bytes(spoilt[HEADER_BYTES:])
        spoilt[50:58] = crc64(body).to_bytes(8, "big")
        if place in (HEADER_BYTES + 64, HEADER_BYTES + 65, HEADER_BYTES + 72, HEADER_BYTES + 73):
            continue  # the kind of text, which is not needed
        with pytest.raises(IgtlFormatError, match="lengths"):
            MessageStream().feed(bytes(spoilt))


def test_names_that_do_not_fit_cannot_be_sent():
    with pytest.raises(IgtlFormatError, match="20 plain letters"):
        pack(Message("a" * 21, Status(1)))
    with pytest.raises(IgtlFormatError, match="plain"):
        pack(Message("Köpfchen", Status(1)))
    with pytest.raises(IgtlFormatError, match="IMAGE cannot be written"):
        pack(Message("a", Unknown("IMAGE")))
    with pytest.raises(IgtlFormatError, match="too long"):
        pack(Message("a", Text("a" * 65_535)))
