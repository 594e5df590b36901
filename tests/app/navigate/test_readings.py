"""What the panels say: numbers while the pose is fresh, dashes and LOST when it is not."""

from __future__ import annotations

from app.navigate.navigation import COIL_BODY, navigate
from app.navigate.readings import NO_NUMBER, body_reading, bullseye_reading, guidance_readings
from app.navigate.window_facts import window_facts
from render.guidance_state import GuidanceState
from tests.app.navigate.making_poses import SETUP, SURFACES, TARGET, both, transform, unseen
from tracking.poses import POSE_LIMIT_NS, TrackingState

OFF = TARGET.mri_from_target * transform((0, 0, 0), (0, 0, 7)) * transform((4, 0, 0))


def statement(coil=TARGET.mri_from_target, **changes):
    return navigate(both(coil, **changes), SETUP, SURFACES, 0)


def test_numbers_within_and_beyond_tolerance_differ_in_mark_and_colour():
    good, bad = guidance_readings(statement(), 0), guidance_readings(statement(OFF), 0)
    assert good.distance_to_target.value == "0.0 mm"
    assert bad.distance_to_target.value == "4.0 mm"
    assert bad.twist_error.value == "-7.0°"
    assert good.twist_error.mark != bad.twist_error.mark
    assert good.twist_error.colour != bad.twist_error.colour


def test_an_old_pose_shows_no_number():
    readings = guidance_readings(statement(), POSE_LIMIT_NS + 1)
    for name in ("distance_to_target", "target_error", "angular_error", "twist_error"):
        assert getattr(readings, name).value == NO_NUMBER
    bullseye = bullseye_reading(statement(), POSE_LIMIT_NS + 1, None)
    assert bullseye.state is GuidanceState.LOST


def test_nothing_known_yet():
    assert guidance_readings(None, 0).scalp_distance.value == NO_NUMBER
    assert bullseye_reading(None, 0, None).state is GuidanceState.LOST


def test_the_bullseye_tells_what_the_guidance_says():
    assert bullseye_reading(statement(), 0, None).state is GuidanceState.ON_TARGET
    turned = bullseye_reading(statement(OFF), 0, None)
    assert turned.state is GuidanceState.NEAR
    assert "hold" not in turned.hint.words


def test_a_body_past_its_limit_is_lost_whatever_the_tracker_last_said():
    pose = both(TARGET.mri_from_target)[COIL_BODY]
    assert body_reading("coil_body", pose, pose, 0).state == "TRACKED"
    assert body_reading("coil_body", pose, pose, POSE_LIMIT_NS + 1).state == "LOST"
    assert body_reading("coil_body", None, None, 0).detail == "not seen yet"


def test_each_state_of_a_body_has_its_own_shape():
    pose = both(TARGET.mri_from_target)[COIL_BODY]
    symbols = set()
    for state in TrackingState:
        if state in (TrackingState.TRACKED, TrackingState.PREDICTED):
            said = both(TARGET.mri_from_target, state=state)[COIL_BODY]
        else:
            said = unseen("coil_body", 0, state)
        reading = body_reading("coil_body", said, pose, 0)
        assert reading.state == state.value.upper()
        symbols.add(reading.symbol)
    assert len(symbols) == len(TrackingState)


def facts(navigation, now_ns=0, target=TARGET):
    return window_facts(navigation, target, recording=True, process_ended=None, now_ns=now_ns)


def test_the_facts_for_permission():
    on = facts(statement())
    assert (on.head_missing, on.coil_missing, tuple(on.out_of_tolerance)) == (None, None, ())
    assert len(facts(statement(OFF)).out_of_tolerance) == 2
    assert facts(None).head_missing.startswith("The head has not been seen yet")
    assert "LOST" in facts(statement(), POSE_LIMIT_NS).coil_missing
    assert facts(statement(), target=None).target_name is None
    hidden = facts(statement(state=TrackingState.PREDICTED))
    assert hidden.coil_missing.startswith("The coil is hidden")
    ambiguous = both(TARGET.mri_from_target) | {
        COIL_BODY: unseen(COIL_BODY, 0, TrackingState.AMBIGUOUS)
    }
    assert "ambiguous" in facts(navigate(ambiguous, SETUP, SURFACES, 0)).coil_missing
