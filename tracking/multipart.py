"""Reads the pictures out of an MJPEG stream (``multipart/x-mixed-replace``, RFC 2046).

In: bytes as they come from the network, of any size and any content. Out: whole JPEGs, each as
soon as its last byte is there. Nothing that arrives makes it fail, hang or keep more than
:data:`MOST_BYTES`: what is no picture is passed over up to the next boundary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tracking.jpeg import END, jpeg_end

MOST_BYTES = 16 << 20
"""Size of the largest picture that is taken, bytes."""
MOST_HEADER_BYTES = 8192
LONGEST_BOUNDARY = 200
"""Of a boundary's line, bytes."""

_BOUNDARY_LINE = re.compile(rb"(?:^|\n)--([^\r\n]{1,200}?)[ \t]*\r?\n")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,9})[ \t]*\r?$")
_STAMP = re.compile(rb"(?im)^x-timestamp:[ \t]*(\d{1,11})\.(\d{1,9})[ \t]*\r?$")


@dataclass(frozen=True, slots=True)
class Part:
    """One picture of the stream.

    Attributes
    ----------
    jpeg
        None if it came damaged.
    time_ns
        When its first byte was there, in the clock of the caller.
    sender_ns
        The sender's own time, if it tells it (``X-Timestamp``).
    """

    jpeg: bytes | None
    time_ns: int
    sender_ns: int | None = None


class MultipartReader:
    """Takes bytes, gives pictures.

    Parameters
    ----------
    boundary
        As the stream's content type names it, without the leading dashes; learnt from the stream
        itself if None.
    """

    def __init__(self, boundary: bytes | None = None) -> None:
        usable = boundary is not None and 0 < len(boundary) < LONGEST_BOUNDARY - 4
        self._boundary = boundary.removeprefix(b"--") if boundary and usable else None
        self._buffer = bytearray()
        self._head: Part | None = None
        self._length: int | None = None
        self._searched = 0

    @property
    def held(self) -> int:
        """How many bytes wait for more."""
        return len(self._buffer)

    def feed(self, data: bytes, time_ns: int) -> list[Part]:
        """Take `data`, which came at `time_ns`, and give the pictures that are whole now."""
        self._buffer += data
        parts: list[Part] = []
        while self._find_head(time_ns):
            part = self._take_body()
            if part is None:
                break
            parts.append(part)
        return parts

    def _find_head(self, time_ns: int) -> bool:
        """Whether the headers of a part are behind us; steps over all that comes before them."""
        if self._head is not None:
            return True
        while (start := self._boundary_end()) is not None:
            end = _HEADER_END.search(self._buffer, start - 1, start + MOST_HEADER_BYTES)
            if end is not None:
                self._begin_part(start, end, time_ns)
                return True
            if len(self._buffer) <= start + MOST_HEADER_BYTES:
                return False
            del self._buffer[:start]
        # The beginning of a boundary may be at the end of what is there.
        del self._buffer[: -2 * LONGEST_BOUNDARY]
        return False

    def _begin_part(self, start: int, end: re.Match[bytes], time_ns: int) -> None:
        headers = bytes(self._buffer[start : end.start()])
        length, stamp = _LENGTH.search(headers), _STAMP.search(headers)
        sender_ns = None
        if stamp is not None:
            sender_ns = int(stamp[1]) * 10**9 + int(stamp[2].ljust(9, b"0"))
        self._length = None if length is None else int(length[1])
        self._head = Part(None, time_ns, sender_ns)
        self._searched = 0
        del self._buffer[: end.end()]

    def _boundary_end(self) -> int | None:
        """Where the line of the next boundary ends; None if there is none yet."""
        if self._boundary is None:
            line = _BOUNDARY_LINE.search(self._buffer)
            if line is None:
                return None
            self._boundary = bytes(line[1])
            return line.end()
        size, at = len(self._delimiter), 0
        while (found := self._buffer.find(self._delimiter, at)) >= 0:
            end = self._buffer.find(b"\n", found, found + LONGEST_BOUNDARY)
            if end >= 0:
                return end + 1
            if len(self._buffer) <= found + LONGEST_BOUNDARY:
                break
            # A line that does not end is none.
            at = found + size
        return None

    @property
    def _delimiter(self) -> bytes:
        return b"--" + (self._boundary or b"")

    def _take_body(self) -> Part | None:
        """Take the picture once it is whole, or where the next boundary says that it never is."""
        end = self._body_end()
        if end is None or self._head is None:
            return None
        body = bytes(self._buffer[:end])
        del self._buffer[:end]
        head, self._head = self._head, None
        whole = jpeg_end(body)
        return replace(head, jpeg=None if whole is None else body[:whole])

    def _body_end(self) -> int | None:
        """Where the body ends, whole or cut short; None if more has to come."""
        there = len(self._buffer)
        boundary = self._next_boundary()
        length = there + 1 if self._length is None else self._length
        if boundary is not None and boundary < length:
            return boundary
        if there >= length:
            if jpeg_end(self._buffer[:length]) is not None:
                return length
            # The length is wrong, or the picture is: what follows will tell.
            self._length = None
            self._searched = 0
            return boundary
        since = max(0, self._searched - len(END))
        if self._length is None and self._buffer.find(END, since) >= 0:
            end = jpeg_end(self._buffer)
            if end is not None:
                return end
        self._searched = there
        return there if there > MOST_BYTES else None

    def _next_boundary(self) -> int | None:
        """Where the next boundary's line begins, if it is there."""
        at = max(0, self._searched - len(self._delimiter) - 1)
        while (at := self._buffer.find(self._delimiter, at)) >= 0:
            begin = at
            # Some cameras put two more dashes in front than they announce.
            while begin > max(0, at - 2) and self._buffer[begin - 1] == ord("-"):
                begin -= 1
            if begin == 0 or self._buffer[begin - 1] == ord("\n"):
                return begin
            at += 1
        return None
