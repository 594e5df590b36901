"""Messages survive the way there and back; everything else is refused in a sentence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stimulate.messages import (
    Arm,
    Connect,
    Fire,
    FireOnTarget,
    MessageError,
    OpenSession,
    PulseEvent,
    RenewPoseLease,
    StartTrain,
    encode_command,
    encode_event,
    parse_command,
    parse_event,
)

COMMANDS = [
    Arm(),
    OpenSession(path="/a/ü.session"),
    Connect(driver="simulated", options={"fault": "none", "after_pulses": 3, "x": 1.5, "y": True}),
    Fire(request_id="1"),
    FireOnTarget(enabled=True, dwell_s=0.5, interval_s=4),
    StartTrain(request_id="2", frequency_hz=20, pulses_per_train=200),
    RenewPoseLease(pose_time_ns=2**60, on_target=True, target_id=None, errors={"a": -1.5}),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_comes_back_as_it_went(command):
    line = encode_command(command)
    assert line.count(b"\n") == 1
    assert parse_command(line) == command


def test_an_event_comes_back_as_it_went():
    event = PulseEvent(
        pulse_id="a",
        source="train",
        train_id="t",
        number=3,
        intensity=50,
        navigated=True,
        target_id=None,
        outcome="unknown",
        time_ns=5,
        reason="No answer\nat all",
        recorded=True,
    )
    assert encode_event(event).count(b"\n") == 1
    assert parse_event(encode_event(event)) == event


@pytest.mark.parametrize(
    "line",
    [
        "",
        "arm",
        "[]",
        "null",
        "{}",
        '{"type": "explode"}',
        '{"type": "arm", "now": true}',
        '{"type": "fire"}',
        '{"type": "fire", "request_id": 1}',
        '{"type": "fire", "request_id": ""}',
        '{"type": "set_intensity", "percent": 101}',
        '{"type": "set_intensity", "percent": -1}',
        '{"type": "set_intensity", "percent": 50.5}',
        '{"type": "set_intensity", "percent": "50"}',
        '{"type": "set_intensity", "percent": true}',
        '{"type": "operator_lease", "given_ns": 1e400}',
        '{"type": "operator_lease", "given_ns": 99999999999999999999}',
        '{"type": "pose_lease", "pose_time_ns": 1, "on_target": 1}',
        '{"type": "pose_lease", "pose_time_ns": 1, "on_target": true, "errors": {"a": NaN}}',
        '{"type": "fire_on_target", "enabled": true, "dwell_s": Infinity}',
        '{"type": "arm"} {"type": "arm"}',
        "[" * 5000,
    ],
)
def test_what_is_no_command_is_refused(line):
    with pytest.raises(MessageError):
        parse_command(line.encode())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
kinds = st.sampled_from([json.loads(encode_command(command))["type"] for command in COMMANDS])


keys = ["request_id", "percent", "errors", "path", "options", "given_ns", "on_target"]
bodies = st.dictionaries(st.sampled_from(keys), values, max_size=3)
almost = st.builds(lambda kind, body: json.dumps({**body, "type": kind}).encode(), kinds, bodies)


@settings(max_examples=50)
@given(st.binary(max_size=100) | almost)
def test_no_line_does_worse_than_be_refused(line):
    try:
        command = parse_command(line)
    except MessageError:
        return
    assert parse_command(encode_command(command)) == command
