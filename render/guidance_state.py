"""The four things that guidance can say about the coil."""

from __future__ import annotations

from enum import StrEnum


class GuidanceState(StrEnum):
    """Where the coil is with respect to the target. The value is the word on the screen."""

    ON_TARGET = "ON TARGET"
    """Every error is within tolerance: exactly what permission to fire asks for."""
    NEAR = "NEAR"
    """Not on target, but close."""
    OFF_TARGET = "OFF TARGET"
    LOST = "LOST"
    """The coil's or the head's pose is not known now."""
