"""The reader of MJPEG streams: whole pictures out of anything, whatever the pieces, for ever."""

from __future__ import annotations

import random
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracking.mjpeg_server import BOUNDARY, part
from tracking.jpeg import jpeg_end, jpeg_size
from tracking.multipart import MOST_BYTES, MultipartReader


def jpeg(seed: int, size=(64, 48)) -> bytes:
    image = np.random.default_rng(seed).integers(0, 255, (size[1], size[0]), np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def with_thumbnail(picture: bytes) -> bytes:
    """Put a whole small JPEG into an application segment, as telephones do."""
    inside = jpeg(99, (16, 16))
    return picture[:2] + b"\xff\xe1" + (len(inside) + 2).to_bytes(2) + inside + picture[2:]


PICTURES = [jpeg(1), with_thumbnail(jpeg(2)), jpeg(3)]


def read(data: bytes, boundary: bytes | None = BOUNDARY, step: int | None = None) -> list:
    reader = MultipartReader(boundary)
    step = step or len(data) or 1
    parts = []
    for start in range(0, len(data), step):
        parts += reader.feed(data[start : start + step], start)
    return parts


def good(parts: list) -> list[bytes]:
    return [one.jpeg for one in parts if one.jpeg is not None]


@pytest.mark.parametrize("step", [1, 7, 1000, None])
@pytest.mark.parametrize("boundary", [BOUNDARY, b"--" + BOUNDARY, None])
@pytest.mark.parametrize("length", [-1, None])
def test_every_picture_comes_out_as_it_went_in(step, boundary, length):
    data = b"".join(part(one, length=length) for one in PICTURES)
    assert good(read(data, boundary, step)) == PICTURES


@pytest.mark.parametrize("length", [-1, None])
def test_a_picture_is_given_with_its_last_byte_not_with_the_next_boundary(length):
    whole = part(PICTURES[1], length=length).removesuffix(b"\r\n")
    reader = MultipartReader(BOUNDARY)
    assert reader.feed(whole[:-1], 1) == []
    assert good(reader.feed(whole[-1:], 2)) == [PICTURES[1]]


def test_the_time_is_that_of_the_first_byte_and_the_senders_own_is_read():
    reader = MultipartReader(BOUNDARY)
    data = part(PICTURES[0], stamp_s=1234.5)
    assert reader.feed(data[:200], 10) == []
    (found,) = reader.feed(data[200:], 20)
    assert (found.time_ns, found.sender_ns) == (10, 1_234_500_000_000)


@pytest.mark.parametrize(
    "bad",
    [
        part(PICTURES[0][:500], length=-1),
        part(PICTURES[0][:500], length=len(PICTURES[0])),
        part(PICTURES[0], length=10),
        part(PICTURES[0], length=10**8),
        part(b"no picture at all"),
        part(b""),
        b"\x00\xff--fra" * 999,
        b"--frame" + b"x" * 100_000 + b"\r\n",
        b"--frame\r\n" + b"Name: x\r\n" * 9999,
        b"--frame\r\nContent-Length: -5\r\n\r\n",
        b"--frame\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_picture_costs_no_other(bad):
    data = part(PICTURES[0]) + bad + b"\r\n" + part(PICTURES[1]) + part(PICTURES[2])
    for step in (None, 777):
        found = good(read(data, step=step))
        assert found[0] == PICTURES[0]
        assert found[-1] == PICTURES[2]
        assert all(one in PICTURES for one in found)


def test_endless_rubbish_is_not_kept():
    reader = MultipartReader(BOUNDARY)
    head = b"--frame\r\nContent-Length: 999999999\r\n\r\n"
    for first in (b"", head, head.replace(b"Content-Length: 999999999\r\n", b"")):
        reader.feed(first, 0)
        for _ in range(40):
            reader.feed(b"\x11" * (1 << 20), 0)
            assert reader.held <= MOST_BYTES + (1 << 20)


def test_a_jpeg_tells_its_size_and_end_without_being_decoded():
    assert jpeg_size(PICTURES[1]) == (64, 48)
    assert jpeg_end(PICTURES[1] + b"more") == len(PICTURES[1])
    assert jpeg_end(PICTURES[1][:-1]) is None
    assert jpeg_size(b"\xff\xd8\xff\xc0\x00") is None


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 500))
@settings(max_examples=30, deadline=None)
def test_the_size_of_the_pieces_changes_nothing(rubbish, step):
    data = b"".join(
        bytes(r) + b"\r\n" + part(p) for r, p in zip(rubbish, PICTURES * 3, strict=False)
    )
    assert good(read(data, step=step)) == good(read(data))


def mutate(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del changed[at : at + rng.randrange(2000)]
            case 2:
                changed[at:at] = rng.randbytes(rng.randrange(500))
            case 3:
                changed[at:at] = rng.choice([b"--frame\r\n", b"\r\n\r\n", b"\xff\xd9", b"\xff\xd8"])
            case _:
                copied = changed[rng.randrange(len(changed) + 1) :][: rng.randrange(3000)]
                changed[at:at] = copied
    return bytes(changed)


def fuzz(trials: int) -> None:
    rng = random.Random(20)
    source = b"".join(part(one, length=n) for one, n in zip(PICTURES, (-1, None, -1), strict=True))
    tail = b"\r\n" + part(PICTURES[0]) + part(PICTURES[0])
    for _ in range(trials):
        data = mutate(source, rng)
        began = time.process_time()
        reader = MultipartReader(rng.choice([BOUNDARY, None]))
        parts = []
        step = rng.choice([1, 13, 400, 65536])
        for start in range(0, len(data), step):
            parts += reader.feed(data[start : start + step], start)
        assert reader.held <= len(data)
        assert all(jpeg_size(one) is None or one[:2] == b"\xff\xd8" for one in good(parts))
        assert time.process_time() - began < 5
        if reader._boundary == BOUNDARY:
            last = reader.feed(tail, 0)
            assert good(last)[-1:] == [PICTURES[0]], "it does not go on after what was wrong"


def test_changed_streams_do_no_harm_in_short():
    fuzz(60)


@pytest.mark.fuzz
def test_changed_streams_do_no_harm():
    fuzz(6000)
