"""The bullseye: a dial by which an operator steers the coil onto the target.

In: the coil's deviation, the tolerance and the state of guidance. Out: a list of
:mod:`~render.primitives` to paint in order, lowest first.

The dial looks along the target's z axis from behind the coil. The **target** stands still in its
middle, handle down, its arrow (front edge) up. The **coil** is a ring that moves and turns as the
coil does under the operator's hand:

* ring inside the dashed tolerance circle: the place is right;
* the ring's filled dot inside the ring: the tilt is right (the dot is the coil's axis, in depth);
* the marker on the rim inside the thick arc at the top: the twist is right;
* the pointer on the bar at the side low down: the coil touches the scalp.

Distances grow like asinh, so that 1 mm can be steered and 40 mm still lies on the dial.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from render import palette
from render.deviation import Deviation, Tolerance
from render.guidance_state import GuidanceState
from render.hints import FIND_MARKERS, HOLD_STILL, Hint, HintKind, choose_hint
from render.primitives import Arc, Circle, Line, Point, Polygon, Primitive, Text

DIAL_MM = 40.0
"""Distance that lies on the dial's rim, mm; what is farther is shown on the rim."""
EXTENT = (-1.40, -1.72, 1.78, 1.40)
"""Left, bottom, right and top of the drawing."""
COIL_RADIUS = 0.15
BAR_X = 1.42

STATE_COLOUR = {
    GuidanceState.ON_TARGET: palette.GREEN,
    GuidanceState.NEAR: palette.YELLOW,
    GuidanceState.OFF_TARGET: palette.VERMILION,
    GuidanceState.LOST: palette.MUTED,
}


@dataclass(frozen=True, slots=True)
class Bullseye:
    """A drawing with what it says.

    Attributes
    ----------
    still
        What does not change with the coil: to be painted first, and kept.
    moving
        What does: to be painted over it.
    extent
        Left, bottom, right and top of the whole drawing.
    background
        Colour beneath it.
    state, hint
        What the drawing says in words, also for assistive technology.
    """

    still: tuple[Primitive, ...]
    moving: tuple[Primitive, ...]
    extent: tuple[float, float, float, float]
    background: str
    state: GuidanceState
    hint: Hint

    @property
    def primitives(self) -> tuple[Primitive, ...]:
        """Everything, to be painted in this order."""
        return self.still + self.moving


def bullseye(
    deviation: Deviation | None,
    tolerance: Tolerance,
    state: GuidanceState,
    last_hint: HintKind | None = None,
) -> Bullseye:
    """Draw the bullseye.

    Parameters
    ----------
    deviation
        The coil's way to the target; None if it is not known: then nothing of the coil is drawn.
    tolerance
        What counts as on target.
    state
        What guidance says; the drawing never decides that by itself. LOST hides the coil.
    last_hint
        Kind of the hint that was shown before, to keep it from flickering.
    """
    known = None if state is GuidanceState.LOST else deviation
    if known is None:
        hint = FIND_MARKERS
    elif state is GuidanceState.ON_TARGET:
        hint = HOLD_STILL
    else:
        hint = choose_hint(known, tolerance, last_hint)
    still = (*_dial(tolerance), *_target(tolerance, state), *_bar(tolerance))
    parts: list[Primitive] = []
    if known is not None:
        parts += _coil(known, tolerance, STATE_COLOUR[state])
        parts += _bar_pointer(known.scalp_gap, tolerance)
    else:
        parts += _cross((0.0, 0.0), 0.62, palette.MUTED, 0.05)
    parts += _words(state, hint)
    return Bullseye(still, tuple(parts), EXTENT, palette.BACKGROUND, state, hint)


def radius_of(distance: float, tolerance: Tolerance) -> float:
    """Radius on the dial of a distance in mm: linear within the tolerance, logarithmic beyond."""
    reach = max(DIAL_MM, 2 * tolerance.distance)
    scaled = math.asinh(distance / tolerance.distance) / math.asinh(reach / tolerance.distance)
    return min(scaled, 1.0)


def coil_centre(deviation: Deviation, tolerance: Tolerance) -> Point:
    """Where the coil's centre lies on the dial.

    The coil must turn by `twist` about z, so its axes lie turned by -twist against the target's;
    the coil stands at minus the offset, and the target's +x points left on the dial.
    """
    return _on_dial(-deviation.offset_x, -deviation.offset_y, deviation.twist, tolerance)


def _on_dial(x: float, y: float, twist: float, tolerance: Tolerance) -> Point:
    """Point of the dial for a vector (mm) in the coil's axes."""
    turn = math.radians(-twist)
    target_x = x * math.cos(turn) - y * math.sin(turn)
    target_y = x * math.sin(turn) + y * math.cos(turn)
    length = math.hypot(target_x, target_y)
    if length < 1e-9:
        return (0.0, 0.0)
    scale = radius_of(length, tolerance) / length
    return (-target_x * scale, target_y * scale)


def _dial(tolerance: Tolerance) -> list[Primitive]:
    parts: list[Primitive] = [Circle((0, 0), 1.0, palette.MUTED, fill="#22252a", width=0.014)]
    for ring in (1.0, 10.0, 20.0):
        radius = radius_of(ring, tolerance)
        if abs(ring - tolerance.distance) < 0.4 * tolerance.distance or radius > 0.95:
            continue
        parts.append(Circle((0, 0), radius, "#565c66", width=0.006))
        if ring > tolerance.distance:
            parts.append(_ring_label(radius, f"{ring:.0f}"))
    parts.append(_ring_label(1.0, f"{max(DIAL_MM, 2 * tolerance.distance):.0f} mm"))
    return parts


def _ring_label(radius: float, words: str) -> Text:
    place = (radius * math.sin(math.radians(135)), radius * math.cos(math.radians(135)))
    return Text((place[0] + 0.015, place[1] - 0.04), words, palette.MUTED, 0.07, "left")


def _target(tolerance: Tolerance, state: GuidanceState) -> list[Primitive]:
    colour = palette.TARGET
    radius = radius_of(tolerance.distance, tolerance)
    on_target = state is GuidanceState.ON_TARGET
    arms = [
        Line((x * 0.05, y * 0.05), (x * radius, y * radius), colour, 0.012)
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    label = Text((-radius - 0.02, -radius * 0.9), f"{tolerance.distance:g}", colour, 0.07, "right")
    return [
        Circle((0, 0), radius, colour, "#1d4439" if on_target else None, 0.016, not on_target),
        *arms,
        label,
        Arc((0, 0), 1.06, -tolerance.twist, 2 * tolerance.twist, colour, 0.07),
        _triangle((0.0, radius + 0.015), 0.0, 0.075, 0.05, colour),
    ]


def _coil(deviation: Deviation, tolerance: Tolerance, colour: str) -> list[Primitive]:
    centre = coil_centre(deviation, tolerance)
    # The coil's axes lie turned by -twist: anticlockwise on the dial for a positive twist.
    heading = -deviation.twist
    front = _toward(centre, heading, COIL_RADIUS + 0.01)
    handle = (_toward(centre, heading + 180, COIL_RADIUS), _toward(centre, heading + 180, 0.34))
    rim = _toward((0.0, 0.0), heading, 1.02)
    dot = tilt_dot(deviation, tolerance)
    parts: list[Primitive] = []
    if math.hypot(*centre) > 2 * COIL_RADIUS:
        parts += _arrow_home(centre)
    parts += [
        Line(*handle, palette.COIL, 0.05),
        Circle(centre, COIL_RADIUS, palette.COIL, width=0.03),
        _triangle(front, heading, 0.1, 0.07, palette.COIL),
        _triangle(rim, heading, 0.11, 0.06, palette.COIL),
        Line(centre, dot, colour, 0.014),
        Circle(dot, 0.045, palette.BACKGROUND, fill=colour, width=0.008),
    ]
    return parts


def tilt_dot(deviation: Deviation, tolerance: Tolerance) -> Point:
    """Where the coil's axis ends on the dial: on the coil's ring if the tilt is at tolerance.

    The coil must turn by the rotation vector r, so its axis leans by -r cross z = (-r_y, r_x)
    from where it should point, in the coil's own axes.
    """
    centre = coil_centre(deviation, tolerance)
    turn = math.radians(-deviation.twist)
    x, y = -deviation.tilt_y, deviation.tilt_x
    lean_x = x * math.cos(turn) - y * math.sin(turn)
    lean_y = x * math.sin(turn) + y * math.cos(turn)
    lean = math.hypot(lean_x, lean_y) / tolerance.tilt
    if lean < 1e-9:
        return centre
    # Linear up to the ring, then ever slower, so that the dot stays in the drawing.
    reach = COIL_RADIUS * (lean if lean <= 1 else 1 + math.log(lean))
    scale = min(reach, 0.34) / (lean * tolerance.tilt)
    return (centre[0] - lean_x * scale, centre[1] + lean_y * scale)


def _arrow_home(centre: Point) -> list[Primitive]:
    """Draw an arrow from the coil's ring to the target."""
    distance = math.hypot(*centre)
    heading = math.degrees(math.atan2(-centre[0], -centre[1]))
    start = _toward(centre, heading, COIL_RADIUS)
    tip = _toward(centre, heading, distance - 0.03)
    return [
        Line(start, _toward(tip, heading + 180, 0.05), palette.TEXT, 0.016),
        _triangle(_toward(tip, heading + 180, 0.07), heading, 0.07, 0.035, palette.TEXT),
    ]


def _bar(tolerance: Tolerance) -> list[Primitive]:
    allowed = _bar_height(tolerance.scalp_gap)
    bottom, left, right = -1.0, BAR_X - 0.04, BAR_X + 0.04
    scalp = _bar_height(0.0)
    return [
        Polygon(_box(left, bottom, right, 1.0), palette.MUTED, "#22252a", 0.008),
        Polygon(_box(left, scalp, right, allowed), None, palette.TARGET),
        Line((left - 0.08, scalp), (right + 0.08, scalp), palette.TEXT, 0.018),
        Text((BAR_X, -1.09), "scalp gap", palette.MUTED, 0.075),
    ]


def _bar_pointer(gap: float | None, tolerance: Tolerance) -> list[Primitive]:
    if gap is None:
        return [Text((BAR_X, 1.1), "not at head", palette.MUTED, 0.075)]
    height = _bar_height(gap)
    colour = palette.TEXT if abs(gap) <= tolerance.scalp_gap else palette.VERMILION
    tip = (BAR_X - 0.05, height)
    pointer = ((tip[0] - 0.11, height + 0.06), (tip[0] - 0.11, height - 0.06), tip)
    return [
        Polygon(pointer, palette.BACKGROUND, palette.COIL, 0.008),
        Text((BAR_X, 1.1), f"{gap:.1f} mm", colour, 0.1, bold=True),
    ]


def _bar_height(gap: float) -> float:
    """Give y of a gap on the side bar: the scalp at -0.7, 40 mm at the top, 2 mm still visible."""
    scaled = math.asinh(gap / 5.0) / math.asinh(DIAL_MM / 5.0)
    return max(-1.0, min(1.0, -0.7 + 1.7 * scaled))


def _words(state: GuidanceState, hint: Hint) -> list[Primitive]:
    colour = STATE_COLOUR[state]
    # Bold letters are about 0.8 as wide as high; fonts differ, so there is room to spare.
    half_width = 0.08 * len(state.value)
    return [
        *_badge(state, (-half_width - 0.18, -1.3), 0.1, colour),
        Text((0.0, -1.3), state.value, colour, 0.2, bold=True),
        Text((0.0, -1.56), hint.words, palette.TEXT, 0.135),
    ]


def _badge(state: GuidanceState, at: Point, size: float, colour: str) -> list[Primitive]:
    """Give each state its shape: filled disc, diamond, hollow square, cross."""
    x, y = at
    if state is GuidanceState.ON_TARGET:
        return [Circle(at, size, colour, fill=colour)]
    if state is GuidanceState.NEAR:
        corners = ((x, y + size), (x + size, y), (x, y - size), (x - size, y))
        return [Polygon(corners, colour, colour)]
    if state is GuidanceState.OFF_TARGET:
        inner = 0.8 * size
        return [Polygon(_box(x - inner, y - inner, x + inner, y + inner), colour, None, 0.035)]
    return _cross(at, 0.8 * size, colour, 0.04)


def _cross(at: Point, size: float, colour: str, width: float) -> list[Primitive]:
    x, y = at
    return [
        Line((x - size, y - size), (x + size, y + size), colour, width),
        Line((x - size, y + size), (x + size, y - size), colour, width),
    ]


def _box(left: float, bottom: float, right: float, top: float) -> tuple[Point, ...]:
    return ((left, bottom), (right, bottom), (right, top), (left, top))


def _toward(start: Point, heading_deg: float, length: float) -> Point:
    """Point at a distance from another, heading clockwise from straight up."""
    angle = math.radians(heading_deg)
    return (start[0] + length * math.sin(angle), start[1] + length * math.cos(angle))


def _triangle(
    base: Point, heading_deg: float, length: float, half_width: float, colour: str
) -> Polygon:
    """Make an arrow head from the middle of its base."""
    tip = _toward(base, heading_deg, length)
    left = _toward(base, heading_deg - 90, half_width)
    right = _toward(base, heading_deg + 90, half_width)
    return Polygon((left, tip, right), None, colour)
