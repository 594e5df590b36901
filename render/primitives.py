"""What a flat drawing is made of. A painter needs to know these five things and nothing else.

Coordinates: x right, y **up**; the dial of the bullseye has radius 1. Angles in degrees clockwise
from straight up. Line widths and text heights in the same unit as the coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Anchor = Literal["centre", "left", "right"]
"""Which part of a text lies at its point, always at half of its height."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle; `fill` or `stroke` may be None."""

    centre: Point
    radius: float
    stroke: str | None
    fill: str | None = None
    width: float = 0.012
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line with round ends."""

    start: Point
    end: Point
    stroke: str
    width: float = 0.012


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed polygon; `fill` or `stroke` may be None."""

    points: tuple[Point, ...]
    stroke: str | None
    fill: str | None = None
    width: float = 0.012


@dataclass(frozen=True, slots=True)
class Arc:
    """Part of a circle's line, clockwise from `start_deg` by `span_deg`."""

    centre: Point
    radius: float
    start_deg: float
    span_deg: float
    stroke: str
    width: float = 0.012


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text."""

    at: Point
    words: str
    colour: str
    height: float
    anchor: Anchor = "centre"
    bold: bool = False


Primitive = Circle | Line | Polygon | Arc | Text
