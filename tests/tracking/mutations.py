"""Damage to bytes, as disks, networks and strangers do it, for tests of readers."""

from __future__ import annotations

import random
import re

NUMBERS = [
    b"nan",
    b"-1",
    b"1e999",
    b"0",
    b"99999999999999999999999999",
    b"",
    b"x",
    b"-inf",
    b"1e-400",
]


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Damage `data` in one to four ways."""
    damaged = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        dice.choice(_WAYS)(damaged, dice)
    return bytes(damaged)


def _place(damaged, dice):
    return dice.randrange(len(damaged) + 1)


def _flip(damaged, dice):
    if damaged:
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)


def _set(damaged, dice):
    if damaged:
        damaged[dice.randrange(len(damaged))] = dice.choice([0, 1, 0x7F, 0x80, 0xFF, 10, 32])


def _run(damaged, dice):
    at = _place(damaged, dice)
    damaged[at : at + dice.randint(1, 8)] = bytes([dice.choice([0, 0x7F, 0xFF])]) * dice.randint(
        1, 8
    )


def _cut(damaged, dice):
    del damaged[_place(damaged, dice) :]


def _remove(damaged, dice):
    at = _place(damaged, dice)
    del damaged[at : at + dice.randint(1, 40)]


def _insert(damaged, dice):
    at = _place(damaged, dice)
    damaged[at:at] = dice.randbytes(dice.randint(1, 20))


def _repeat(damaged, dice):
    at = _place(damaged, dice)
    piece = damaged[at : at + dice.randint(1, 60)]
    damaged[at:at] = piece * dice.randint(1, 3)


def _number(damaged, dice):
    """Put another number in the place of one, where there are numbers in words."""
    found = list(re.finditer(rb"-?\d+\.?\d*", bytes(damaged[:20_000])))
    if found:
        one = dice.choice(found)
        damaged[one.start() : one.end()] = dice.choice(NUMBERS)


_WAYS = [_flip, _set, _run, _cut, _remove, _insert, _repeat, _number]
