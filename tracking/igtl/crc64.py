"""The check sum of OpenIGTLink: CRC-64 as standardised for tapes (ECMA-182).

In: bytes. Out: a number of 64 bits. Polynomial 0x42F0E1EBA9EA3693, started at 0, nothing
reflected, nothing inverted; the check value of ``123456789`` is 0x6C40DF5F0B497347.
"""

from __future__ import annotations

POLYNOMIAL = 0x42F0E1EBA9EA3693
_MASK = 0xFFFFFFFFFFFFFFFF


def _entry(byte: int) -> int:
    value = byte << 56
    for _ in range(8):
        value = (value << 1) ^ POLYNOMIAL if value >> 63 else value << 1
        value &= _MASK
    return value


_TABLE = tuple(_entry(byte) for byte in range(256))


def crc64(data: bytes) -> int:
    """Give the check sum of `data`."""
    crc = 0
    for byte in data:
        crc = ((crc << 8) & _MASK) ^ _TABLE[(crc >> 56) ^ byte]
    return crc
