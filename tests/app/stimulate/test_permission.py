"""The list of permits, its order, and the one line that says why no pulse can be sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.stimulate.messages import StateEvent
from app.stimulate.permission import WindowFacts, permits, why_not

READY = StateEvent(
    time_ns=1_000,
    state="ready",
    device="Simulated stimulator",
    simulated=True,
    capabilities=[],
    intensity=50,
    temperature_c=25.0,
    coil_present=True,
    session_open=True,
    armed=True,
    waived=False,
    on_target=True,
    fire_on_target=False,
    train=None,
    why_not_arm="The stimulator is armed already.",
    why_not=None,
    note=None,
    operator_lease_left_ms=400.0,
    pose_lease_left_ms=60.0,
)
GOOD = WindowFacts(
    session_open=True,
    target_name="M1 left",
    head_missing=None,
    coil_missing=None,
    out_of_tolerance=(),
)
FAR = "Coil is 4.2 mm from the target (limit 3.0 mm)"


def line(facts=GOOD, state=READY, now_ns=2_000):
    return why_not(permits(facts, state, now_ns))


def test_all_permits_given_is_no_reason():
    assert line() is None


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (replace(GOOD, session_open=False), READY, "No session is open"),
        (replace(GOOD, process_ended="It ended."), READY, "It ended."),
        (GOOD, None, "is starting"),
        (GOOD, replace(READY, state="offline", why_not="-"), "No stimulator is connected"),
        (GOOD, replace(READY, state="fault", why_not="Broken."), "Broken."),
        (GOOD, replace(READY, intensity=0), "intensity is 0"),
        (GOOD, replace(READY, armed=False, why_not_arm=None), "not armed: arm it"),
        (GOOD, replace(READY, armed=False, why_not_arm="Too hot."), "Too hot."),
        (replace(GOOD, registered=False), READY, "The head is NOT REGISTERED"),
        (replace(GOOD, target_name=None), READY, "No target is chosen"),
        (replace(GOOD, head_missing="The head is lost: show it"), READY, "The head is lost"),
        (replace(GOOD, coil_missing="The coil is lost: show it"), READY, "The coil is lost"),
        (replace(GOOD, out_of_tolerance=(FAR,)), READY, FAR),
        (GOOD, replace(READY, why_not="The window does not answer."), "does not answer"),
    ],
)
def test_the_line_names_what_is_missing(facts, state, words):
    assert words in line(facts, state)


def test_what_to_do_first_is_said_first():
    nothing = WindowFacts(False, None, "no head", "no coil", (), None)
    missing = [permit.name for permit in permits(nothing, None, 0) if not permit.given]
    assert missing == ["Session", "Stimulator process", "Target", "Head", "Coil", "On target"]
    assert "No session" in line(nothing, None)


def test_a_process_that_fell_silent_is_not_believed():
    assert "does not answer" in line(now_ns=2_000_000_000)


def test_not_navigated_is_said_in_large_letters_and_asks_for_no_target():
    facts = WindowFacts(True, None, "no head", "no coil", (FAR,))
    given = permits(facts, replace(READY, waived=True), 2_000)
    assert why_not(given) is None
    assert any(permit.sentence.startswith("NOT NAVIGATED") for permit in given)
