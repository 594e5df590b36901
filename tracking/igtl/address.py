"""Where an OpenIGTLink peer is: a host and a port.

In: words such as ``tracker.local``, ``192.168.0.7:18944``, ``[::1]:18944``, ``:18944``.
Out: an :class:`Address`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracking.igtl.messages import DEFAULT_PORT

LOOPBACK = "127.0.0.1"


class AddressError(ValueError):
    """Words that are no address; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class Address:
    """Host name or number, and TCP port (0: any free one, for a server)."""

    host: str = LOOPBACK
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(words: str) -> Address:
    """Read ``HOST``, ``HOST:PORT``, ``:PORT`` or ``PORT``; an IPv6 host stands in brackets.

    Raises
    ------
    AddressError
        If it is none of these.
    """
    text = words.strip()
    if text.isdecimal():
        text = f":{text}"
    host, port = text, str(DEFAULT_PORT)
    if not text.endswith("]") and ":" in text:
        host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _wrong(words)
    if not (port.isascii() and port.isdecimal() and 0 <= int(port[:6]) <= 65535):
        raise _wrong(words)
    if any(character.isspace() or not character.isprintable() for character in host):
        raise _wrong(words)
    return Address(host or LOOPBACK, int(port))


def _wrong(words: str) -> AddressError:
    return AddressError(
        f"{words!r} is no address of an OpenIGTLink peer. Write HOST or HOST:PORT, "
        f"such as {LOOPBACK}:{DEFAULT_PORT}."
    )
