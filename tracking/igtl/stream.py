"""A stream of bytes cut into OpenIGTLink messages, however the network has cut it before.

In: bytes as they arrive. Out: messages, as soon as they are whole. Bodies of types that are not
read are skipped by their length without being kept, so memory stays below a header, the longest
body that is read, and one piece of the network.
"""

from __future__ import annotations

from tracking.igtl.contents import Unknown
from tracking.igtl.messages import HEADER_BYTES, Header, Message, unpack_body, unpack_header


class MessageStream:
    """Takes pieces of one connection, in order."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._header: Header | None = None
        self._to_skip = 0

    @property
    def midway(self) -> bool:
        """Whether a message has begun to arrive and is not whole."""
        return bool(self._kept) or self._header is not None or self._to_skip > 0

    def feed(self, piece: bytes) -> list[Message]:
        """Take the next piece and give the messages that are now whole.

        Raises
        ------
        IgtlFormatError
            If the stream is not OpenIGTLink; nothing can be read from it after that.
        """
        self._kept += piece
        messages: list[Message] = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> Message | None:
        skipped = min(self._to_skip, len(self._kept))
        del self._kept[:skipped]
        self._to_skip -= skipped
        if self._to_skip:
            return None
        if self._header is None:
            if len(self._kept) < HEADER_BYTES:
                return None
            self._header = unpack_header(self._take(HEADER_BYTES))
        header = self._header
        if not header.known:
            self._header, self._to_skip = None, header.body_bytes
            return Message(header.device, Unknown(header.type_name), header.time_ns)
        if len(self._kept) < header.body_bytes:
            return None
        self._header = None
        return unpack_body(header, self._take(header.body_bytes))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._kept[:count])
        del self._kept[:count]
        return taken
