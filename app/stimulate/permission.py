"""Permission: what must be so before a pulse can go, in the order in which to do it.

In: what the window knows (session, target, tracking, guidance) and what the stimulator process
says. Out: a list of permits, each a sentence and whether it is given, and the one line that says
why a pulse cannot be sent now. The gate decides; this explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.stimulate.messages import StateEvent

NOT_REGISTERED = (
    "The head is NOT REGISTERED, so where the coil is on it is unknown: register it first"
)
STATE_LIMIT_NS = 1_000_000_000
"""A stimulator process that has said nothing for so long does not answer."""


@dataclass(frozen=True, slots=True)
class Permit:
    """One condition: its short name, whether it is met, and the sentence to show.

    The sentence says what is so when met, and what is missing and what to do when not.
    """

    name: str
    given: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """What the window knows.

    Attributes
    ----------
    session_open
        A session file takes records.
    target_name
        None when no target is chosen.
    head_missing, coil_missing
        Sentence that says why there is no fresh pose of the head, of the coil; None when there is.
    out_of_tolerance
        A sentence for each number that is out, as :meth:`app.navigate.guidance.Guidance.exceeded`
        gives them; empty when on target.
    process_ended
        Sentence when the stimulator process is gone, else None.
    registered
        Whether it was measured where the head is under its markers.
    """

    session_open: bool
    target_name: str | None
    head_missing: str | None
    coil_missing: str | None
    out_of_tolerance: Sequence[str]
    process_ended: str | None = None
    registered: bool = True


def permits(facts: WindowFacts, state: StateEvent | None, now_ns: int) -> list[Permit]:
    """All conditions of a pulse, first the one to see to first.

    Parameters
    ----------
    facts
        See :class:`WindowFacts`.
    state
        Newest word of the stimulator process; None before the first.
    now_ns
        ``time.monotonic_ns()``.
    """
    session = Permit(
        "Session",
        facts.session_open and (state is None or state.session_open),
        "A session is open"
        if facts.session_open
        else "No session is open: open one, so that every pulse is recorded",
    )
    process = _process(facts, state, now_ns)
    if state is None or not process.given:
        return [session, process, *_navigation(facts, waived=False)]
    device = [_connected(state), _intensity(state), _armed(state)]
    return [session, process, *device, *_navigation(facts, waived=state.waived), _gate(state)]


def why_not(given: Sequence[Permit]) -> str | None:
    """Give the sentence of the first permit that is missing; None when a pulse may go."""
    return next((permit.sentence for permit in given if not permit.given), None)


def _process(facts: WindowFacts, state: StateEvent | None, now_ns: int) -> Permit:
    if facts.process_ended is not None:
        return Permit("Stimulator process", False, facts.process_ended)
    if state is None:
        return Permit("Stimulator process", False, "The stimulator process is starting: wait")
    if now_ns - state.time_ns > STATE_LIMIT_NS:
        return Permit(
            "Stimulator process", False, "The stimulator process does not answer: press STOP"
        )
    return Permit("Stimulator process", True, "The stimulator process answers")


def _connected(state: StateEvent) -> Permit:
    if state.state == "offline":
        return Permit("Connected", False, "No stimulator is connected: connect one")
    if state.state == "fault":
        return Permit("Connected", False, state.why_not or "The stimulator is at fault")
    return Permit("Connected", True, f"{state.device} is connected")


def _intensity(state: StateEvent) -> Permit:
    if not state.intensity:
        return Permit("Intensity", False, "The intensity is 0 %MSO: set one")
    return Permit("Intensity", True, f"The intensity is {state.intensity} %MSO")


def _armed(state: StateEvent) -> Permit:
    if state.armed:
        return Permit("Armed", True, "The stimulator is armed")
    if state.why_not_arm is not None:
        return Permit("Armed", False, state.why_not_arm)
    words = " ".join(filter(None, (state.note, "The stimulator is not armed: arm it")))
    return Permit("Armed", False, words)


def _navigation(facts: WindowFacts, *, waived: bool) -> list[Permit]:
    if waived:
        return [Permit("Navigation", True, "NOT NAVIGATED: pulses go without a tracked coil")]
    registered = Permit(
        "Registration",
        facts.registered,
        "The head is registered" if facts.registered else NOT_REGISTERED,
    )
    if facts.target_name is None:
        target = Permit("Target", False, "No target is chosen: choose one")
    else:
        target = Permit("Target", True, f"The target is {facts.target_name}")
    head = Permit("Head", facts.head_missing is None, facts.head_missing or "The head is tracked")
    coil = Permit("Coil", facts.coil_missing is None, facts.coil_missing or "The coil is tracked")
    known = registered.given and target.given and head.given and coil.given
    if known and not facts.out_of_tolerance:
        position = Permit("On target", True, "The coil is on the target")
    else:
        words = "; ".join(facts.out_of_tolerance) if known else ""
        position = Permit("On target", False, words or "Where the coil is to the target is unknown")
    return [registered, target, head, coil, position]


def _gate(state: StateEvent) -> Permit:
    return Permit("Ready", state.why_not is None, state.why_not or "A pulse can be sent")
