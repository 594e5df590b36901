"""The words and the picture of the bullseye, against poses that are really moved."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from render.bullseye import COIL_RADIUS, bullseye, coil_centre, radius_of, tilt_dot
from render.deviation import Deviation, Tolerance
from render.guidance_state import GuidanceState
from render.hints import HintKind, choose_hint
from render.primitives import Arc, Circle, Line, Polygon, Text

TOLERANCE = Tolerance()
MM, DEG = st.floats(-60, 60), st.floats(-25, 25)


def deviation_of(target_in_coil: RigidTransform, gap: float | None = 0.0) -> Deviation:
    """The definition in `Deviation`, written out anew."""
    axes = target_in_coil.rotation.as_matrix()
    z = axes[:, 2]
    angle = math.degrees(math.atan2(math.hypot(z[0], z[1]), z[2]))
    lean = math.hypot(z[0], z[1])
    tilt = (0.0, 0.0) if lean == 0 else (-z[1] / lean * angle, z[0] / lean * angle)
    untilted = Rotation.from_rotvec([-tilt[0], -tilt[1], 0], degrees=True).as_matrix() @ axes
    twist = math.degrees(math.atan2(untilted[1, 0], untilted[0, 0]))
    x, y, depth = target_in_coil.translation
    return Deviation(x, y, *tilt, twist, gap, depth)


@st.composite
def ways(draw: st.DrawFn) -> RigidTransform:
    rotation = Rotation.from_rotvec([draw(DEG), draw(DEG), 0], degrees=True)
    rotation = rotation * Rotation.from_rotvec([0, 0, draw(DEG)], degrees=True)
    return RigidTransform.from_components([draw(MM), draw(MM), draw(st.floats(-20, 20))], rotation)


def obey(words: str) -> RigidTransform:
    """How the coil moves in its own axes when an operator behind it does as told.

    Seen from behind with the handle down: forward is +y; right is the line of sight (z) cross
    up (y).
    """
    forward, inward = np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
    right = np.cross(inward, forward)
    ways = {"forward": forward, "back": -forward, "right": right, "left": -right}
    if words.startswith("move"):
        parts = re.findall(r"([\d.]+) mm (\w+)", words)
        assert parts
        shift = sum((float(size) * ways[way] for size, way in parts), np.zeros(3))
        return RigidTransform.from_translation(shift)
    if lifted := re.fullmatch(r"(lower|lift) coil ([\d.]+) mm", words):
        sign = 1 if lifted[1] == "lower" else -1
        return RigidTransform.from_translation(sign * float(lifted[2]) * inward)
    if turned := re.fullmatch(r"turn handle (\d+)° (clockwise|anticlockwise)", words):
        # Clockwise on the picture takes up to right.
        axis = np.cross(forward, right) * (1 if turned[2] == "clockwise" else -1)
        return RigidTransform.from_rotation(
            Rotation.from_rotvec(axis * float(turned[1]), degrees=True)
        )
    tilted = re.fullmatch(r"tilt (\w+) edge down (\d+)°", words)
    assert tilted, words
    edge = (ways | {"front": forward, "handle": -forward})[tilted[1]]
    # Down is toward the head: the edge goes inward.
    axis = np.cross(edge, inward) * float(tilted[2])
    return RigidTransform.from_rotation(Rotation.from_rotvec(axis, degrees=True))


@settings(max_examples=60, deadline=None)
@given(ways())
def test_doing_as_told_makes_that_error_smaller(target_in_coil: RigidTransform) -> None:
    before = deviation_of(target_in_coil)
    hint = choose_hint(before, TOLERANCE)
    assume(hint.kind is not HintKind.HOLD)
    after = deviation_of(obey(hint.words).inv() * target_in_coil)
    if hint.kind in (HintKind.MOVE, HintKind.DEPTH):
        assert after.distance < before.distance
    elif hint.kind is HintKind.TURN:
        assert abs(after.twist) <= 0.51
    else:
        assert after.tilt < before.tilt


@settings(max_examples=60, deadline=None)
@given(ways(), st.floats(-10, 40))
def test_hold_still_is_said_only_within_every_tolerance(
    target_in_coil: RigidTransform, gap: float
) -> None:
    deviation = deviation_of(target_in_coil, gap)
    within = (
        deviation.distance <= TOLERANCE.distance
        and deviation.tilt <= TOLERANCE.tilt
        and abs(deviation.twist) <= TOLERANCE.twist
        and abs(gap) <= TOLERANCE.scalp_gap
    )
    assert (choose_hint(deviation, TOLERANCE).kind is HintKind.HOLD) == within


@pytest.mark.parametrize(
    ("deviation", "words"),
    [
        (Deviation(4.2, 0, 0, 0, 0, 0), "move 4.2 mm left"),
        (Deviation(-4.2, 0, 0, 0, 0, 0), "move 4.2 mm right"),
        (Deviation(0, 12, 0, 0, 0, 0), "move 12.0 mm forward"),
        (Deviation(-6, -8, 0, 0, 0, 0), "move 8.0 mm back, 6.0 mm right"),
        (Deviation(0, 0, 0, 0, 6.2, 0), "turn handle 6° clockwise"),
        (Deviation(50, 0, 0, 0, -45, 0), "turn handle 45° anticlockwise"),
        (Deviation(0, 0, 8, 0, 0, 0), "tilt front edge down 8°"),
        (Deviation(0, 0, -8, 3, 0, 0), "tilt handle edge down 8°"),
        (Deviation(0, 0, 0, 9, 0, 0), "tilt right edge down 9°"),
        (Deviation(0, 0, 0, -9, 0, 0), "tilt left edge down 9°"),
        (Deviation(0, 0, 0, 0, 0, 12), "lower coil 12.0 mm"),
        (Deviation(1, 0, 0, 0, 0, -8), "lift coil 8.0 mm"),
        (Deviation(1, 0, 0, 0, 0, 4, 4), "lower coil 4.0 mm"),
        (Deviation(1, 1, 1, 1, 1, 1), "hold still"),
        (Deviation(1, 1, 1, 1, 1, None), "hold still"),
    ],
)
def test_words(deviation: Deviation, words: str) -> None:
    assert choose_hint(deviation, TOLERANCE).words == words


def test_a_hint_is_kept_while_it_is_nearly_the_worst() -> None:
    close_race = Deviation(6.3, 0, 10, 0, 0, 0)  # 2.1 and 2.0 times the tolerance
    assert choose_hint(close_race, TOLERANCE).kind is HintKind.MOVE
    assert choose_hint(close_race, TOLERANCE, HintKind.TILT).kind is HintKind.TILT
    clear = Deviation(30, 0, 10, 0, 0, 0)
    assert choose_hint(clear, TOLERANCE, HintKind.TILT).kind is HintKind.MOVE
    mended = Deviation(6.3, 0, 4, 0, 0, 0)
    assert choose_hint(mended, TOLERANCE, HintKind.TILT).kind is HintKind.MOVE


@settings(max_examples=60, deadline=None)
@given(ways())
def test_the_coil_lies_on_the_dial_as_it_does_over_the_target(
    target_in_coil: RigidTransform,
) -> None:
    deviation = deviation_of(target_in_coil)
    x, y = coil_centre(deviation, TOLERANCE)
    # The coil's place in the target's axes, as if the tilt were already right.
    flat = Rotation.from_rotvec([0, 0, -deviation.twist], degrees=True)
    place = flat.apply([-deviation.offset_x, -deviation.offset_y, 0])
    distance = math.hypot(*place[:2])
    assume(distance > 1e-3)
    assert math.hypot(x, y) == pytest.approx(radius_of(distance, TOLERANCE))
    np.testing.assert_allclose(
        np.array([x, y]) / math.hypot(x, y), np.array([-place[0], place[1]]) / distance, atol=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 39.9), st.floats(0.001, 10))
def test_the_scale_grows_and_never_leaves_the_dial(distance: float, more: float) -> None:
    assert radius_of(distance, TOLERANCE) < radius_of(distance + more, TOLERANCE) <= 1.0 or (
        distance + more > 40
    )
    assert radius_of(1e6, TOLERANCE) == 1.0


def test_a_millimetre_can_be_steered() -> None:
    assert radius_of(1.0, TOLERANCE) > 0.08
    assert radius_of(TOLERANCE.distance, TOLERANCE) < 0.35


@settings(max_examples=60, deadline=None)
@given(DEG, DEG, MM, MM, st.floats(-180, 180))
def test_the_tilt_dot_is_within_the_coils_ring_exactly_within_tolerance(
    tilt_x: float, tilt_y: float, x: float, y: float, twist: float
) -> None:
    deviation = Deviation(x, y, tilt_x, tilt_y, twist, 0)
    assume(abs(deviation.tilt - TOLERANCE.tilt) > 1e-6)
    reach = math.dist(tilt_dot(deviation, TOLERANCE), coil_centre(deviation, TOLERANCE))
    assert (reach < COIL_RADIUS) == (deviation.tilt < TOLERANCE.tilt)


def test_the_tilt_dot_shows_where_the_coils_axis_ends() -> None:
    # The front edge must go down: the axis ends too far forward, up on the dial.
    x, y = tilt_dot(Deviation(0, 0, 4, 0, 0, 0), TOLERANCE)
    assert (x, y > 0) == (0, True)
    # The right edge must go down: the axis ends too far to the right.
    x, y = tilt_dot(Deviation(0, 0, 0, 4, 0, 0), TOLERANCE)
    assert (x > 0, y) == (True, 0)


def badge(state: GuidanceState) -> object:
    drawn = bullseye(Deviation(1, 0, 0, 0, 0, 0), TOLERANCE, state)
    # The badge comes right before the state's word.
    words = [getattr(part, "words", None) for part in drawn.primitives]
    part = drawn.primitives[words.index(state.value) - 1]
    filled = getattr(part, "fill", None) is not None
    return type(part), filled, len(getattr(part, "points", ()))


def test_every_state_has_its_own_word_and_shape() -> None:
    assert len({badge(state) for state in GuidanceState}) == len(GuidanceState)


def test_a_lost_coil_is_not_drawn_and_the_operator_is_told_what_to_do() -> None:
    deviation = Deviation(1, 0, 0, 0, 0, 2.5)
    lost = bullseye(deviation, TOLERANCE, GuidanceState.LOST)
    assert lost == bullseye(None, TOLERANCE, GuidanceState.LOST)
    assert lost.hint.kind is HintKind.FIND
    words = [part.words for part in lost.primitives if isinstance(part, Text)]
    assert "2.5 mm" not in words


def test_on_target_asks_for_nothing_else() -> None:
    gap_is_large = Deviation(0, 0, 0, 0, 0, 30)
    assert bullseye(gap_is_large, TOLERANCE, GuidanceState.ON_TARGET).hint.kind is HintKind.HOLD


@settings(max_examples=60, deadline=None)
@given(
    st.builds(Deviation, *[st.floats(-1e4, 1e4)] * 5, st.none() | st.floats(-1e4, 1e4)),
    st.sampled_from(GuidanceState),
    st.floats(0.1, 100),
)
def test_everything_lies_within_the_extent(
    deviation: Deviation, state: GuidanceState, tolerance: float
) -> None:
    drawn = bullseye(deviation, Tolerance(tolerance, tolerance, tolerance), state)
    left, bottom, right, top = drawn.extent
    points: list[tuple[float, float]] = []
    for part in drawn.primitives:
        match part:
            case Circle(centre=centre) | Arc(centre=centre):
                points.append(centre)
            case Line(start=start, end=end):
                points += [start, end]
            case Polygon(points=corners):
                points += corners
            case Text(at=at):
                points.append(at)
    for x, y in points:
        assert left <= x <= right
        assert bottom <= y <= top


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_a_tolerance_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="scalp gap"):
        Tolerance(scalp_gap=wrong)
