"""What a JPEG says of itself without being decoded: where it ends and how large it is.

In: bytes that may be anything. Out: numbers, or None. Markers are those of ITU-T T.81, annex B.
"""

from __future__ import annotations

START = b"\xff\xd8"
END = b"\xff\xd9"

_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SCAN = 0xDA


def jpeg_end(data: bytes | bytearray, start: int = 0) -> int | None:
    """Where the JPEG that begins at `start` ends (one past it); None if it is not all there.

    A thumbnail inside it ends nothing: the segments before the picture are stepped over.
    """
    scan = _scan_start(data, start)
    if scan is None:
        return None
    found = data.find(END, scan)
    return None if found < 0 else found + len(END)


def jpeg_size(data: bytes | bytearray, start: int = 0) -> tuple[int, int] | None:
    """Width and height, pixels; None if this is no JPEG, or one without a size in its header."""
    for kind, position, length in _segments(data, start):
        if kind in _FRAME_HEADERS and length >= 7:
            height = int.from_bytes(data[position + 3 : position + 5])
            width = int.from_bytes(data[position + 5 : position + 7])
            return (width, height) if width and height else None
    return None


def _scan_start(data: bytes | bytearray, start: int) -> int | None:
    for kind, position, length in _segments(data, start):
        if kind == _SCAN:
            return position + length
    return None


def _segments(data: bytes | bytearray, start: int) -> list[tuple[int, int, int]]:
    """Give kind, position of the length field and length of each segment up to the first scan."""
    found: list[tuple[int, int, int]] = []
    if data[start : start + 2] != START:
        return found
    position = start + 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        kind = data[position + 1]
        if kind == 0xFF:
            # Any number of fill bytes may stand before a marker.
            position += 1
            continue
        length = int.from_bytes(data[position + 2 : position + 4])
        if length < 2 or position + 2 + length > len(data):
            break
        found.append((kind, position + 2, length))
        if kind == _SCAN:
            break
        position += 2 + length
    return found
