"""One plain instruction at a time: what the operator should do with the hand that holds the coil.

In: a :class:`~render.deviation.Deviation` and a tolerance. Out: a :class:`Hint`.

Words are as the operator sees the coil from behind, looking along z with the handle down. Then up
in the picture is +y ("forward", away from the handle) and right in the picture is z cross y = -x:
**the coil's +x lies to the operator's left.** A right-handed turn about z is clockwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from render.deviation import Deviation, Tolerance

TWIST_FIRST_DEG = 30.0
"""Beyond this, left and right on the dial and on the coil differ too much: turn first."""
STICKINESS = 0.7
"""A hint is kept until its error is below this share of the worst, so that it does not flicker."""
SECOND_DIRECTION = 0.4
"""A second direction is named if it asks for at least this share of the first."""


class HintKind(StrEnum):
    """Which error a hint is about."""

    HOLD = "hold"
    MOVE = "move"
    TURN = "turn"
    TILT = "tilt"
    DEPTH = "depth"
    GAP = "gap"
    FIND = "find"


@dataclass(frozen=True, slots=True)
class Hint:
    """An instruction in words."""

    kind: HintKind
    words: str


HOLD_STILL = Hint(HintKind.HOLD, "hold still")
FIND_MARKERS = Hint(HintKind.FIND, "show the markers to the cameras")


def choose_hint(deviation: Deviation, tolerance: Tolerance, last: HintKind | None = None) -> Hint:
    """Say what to do about the error that is worst for its tolerance.

    Parameters
    ----------
    deviation, tolerance
        See there.
    last
        Kind of the hint shown until now; it is kept while it is still nearly the worst.
    """
    if abs(deviation.twist) > max(TWIST_FIRST_DEG, tolerance.twist):
        return _turn(deviation)
    # The tolerance holds for the distance in space: ask for the larger part of the way.
    depth_first = abs(deviation.offset_z) > deviation.offset
    sideways_or_depth = HintKind.DEPTH if depth_first else HintKind.MOVE
    excess = {
        sideways_or_depth: deviation.distance / tolerance.distance,
        HintKind.TURN: abs(deviation.twist) / tolerance.twist,
        HintKind.TILT: deviation.tilt / tolerance.tilt,
        HintKind.GAP: abs(deviation.scalp_gap or 0.0) / tolerance.scalp_gap,
    }
    worst = max(excess, key=lambda kind: excess[kind])
    if excess[worst] <= 1.0:
        return HOLD_STILL
    if last in excess and excess[last] > max(1.0, STICKINESS * excess[worst]):
        worst = last
    return _MAKERS[worst](deviation)


def _move(deviation: Deviation) -> Hint:
    sideways = (abs(deviation.offset_x), "left" if deviation.offset_x > 0 else "right")
    lengthways = (abs(deviation.offset_y), "forward" if deviation.offset_y > 0 else "back")
    first, second = sorted((sideways, lengthways), reverse=True)
    words = f"move {first[0]:.1f} mm {first[1]}"
    if second[0] >= max(SECOND_DIRECTION * first[0], 0.5):
        words += f", {second[0]:.1f} mm {second[1]}"
    return Hint(HintKind.MOVE, words)


def _turn(deviation: Deviation) -> Hint:
    way = "clockwise" if deviation.twist > 0 else "anticlockwise"
    return Hint(HintKind.TURN, f"turn handle {abs(deviation.twist):.0f}° {way}")


def _tilt(deviation: Deviation) -> Hint:
    # A turn about +x takes y into z: the front edge goes toward the head. A turn about +y takes
    # z into x and x away from the head: +x is the left edge, so the right edge goes down.
    if abs(deviation.tilt_x) >= abs(deviation.tilt_y):
        edge, angle = ("front" if deviation.tilt_x > 0 else "handle"), deviation.tilt_x
    else:
        edge, angle = ("right" if deviation.tilt_y > 0 else "left"), deviation.tilt_y
    return Hint(HintKind.TILT, f"tilt {edge} edge down {abs(angle):.0f}°")


def _depth(deviation: Deviation) -> Hint:
    return Hint(HintKind.DEPTH, _lower(deviation.offset_z))


def _gap(deviation: Deviation) -> Hint:
    return Hint(HintKind.GAP, _lower(deviation.scalp_gap or 0.0))


def _lower(way: float) -> str:
    return f"{'lower' if way > 0 else 'lift'} coil {abs(way):.1f} mm"


_MAKERS = {
    HintKind.MOVE: _move,
    HintKind.TURN: _turn,
    HintKind.TILT: _tilt,
    HintKind.DEPTH: _depth,
    HintKind.GAP: _gap,
}
