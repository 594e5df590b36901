"""What becomes of requests, on the bench."""

from __future__ import annotations

import pytest

from app.stimulate.messages import (
    Arm,
    Connect,
    Fire,
    FireOnTarget,
    OpenSession,
    SetIntensity,
    StartTrain,
    Stop,
    WaivePoseLease,
)
from app.stimulate.simulated import SimulatedFault
from tests.app.stimulate.bench import MS, Bench


def outcomes(bench: Bench) -> list[str]:
    return [pulse.outcome for pulse in bench.pulses]


def test_a_pulse_is_recorded_before_and_after_with_what_permitted_it():
    bench = Bench()
    bench.make_ready(55)
    bench.pose(age_ms=0)
    bench.run(10)
    bench.send(Fire(request_id="a"))
    bench.run(10)
    intent, outcome = bench.disk.bodies("pulse_intended"), bench.disk.bodies("pulse_outcome")
    assert len(bench.triggers) == len(intent) == len(outcome) == 1
    assert intent[0]["intensity"] == 55
    assert intent[0]["navigated"] is True
    assert intent[0]["target_id"] == "m1"
    assert intent[0]["lease"]["errors"] == {"distance_to_target": 1.5}
    assert intent[0]["lease"]["age_ms"] == pytest.approx(10)
    assert outcome[0]["pulse_id"] == intent[0]["pulse_id"]
    assert outcome[0]["time_ns"] == bench.triggers[0]
    assert outcomes(bench) == ["fired"]
    assert bench.pulses[0].recorded


def test_nothing_is_sent_until_the_intent_is_on_the_disk():
    bench = Bench()
    bench.make_ready()
    bench.disk.held = True
    bench.send(Fire(request_id="a"))
    bench.navigate(300)
    assert not bench.triggers
    bench.disk.settle()
    bench.navigate(20)
    assert len(bench.triggers) == 1


def test_a_pulse_whose_permission_ends_while_it_is_recorded_is_refused():
    bench = Bench()
    bench.make_ready()
    bench.disk.held = True
    bench.send(Fire(request_id="a"))
    bench.run(150)
    bench.disk.settle()
    bench.run(20)
    assert not bench.triggers
    assert outcomes(bench) == ["refused"]
    assert "No fresh coil pose" in bench.pulses[0].reason


@pytest.mark.parametrize("full", [True, False])
def test_a_disk_that_is_full_or_hangs_sends_nothing_and_disarms(full):
    bench = Bench()
    bench.make_ready()
    bench.disk.full, bench.disk.held = full, not full
    bench.send(Fire(request_id="a"))
    bench.navigate(2100)
    assert not bench.triggers
    assert bench.state == "standby"
    assert "could not be recorded" in bench.standing.note
    bench.disk.settle()
    assert outcomes(bench) == ["refused"]
    assert bench.pulses[0].recorded is not full


def test_a_full_disk_is_noticed_when_arming():
    bench = Bench()
    bench.disk.full = True
    bench.send(OpenSession(path="x"), Connect(driver="simulated"))
    bench.operator()
    bench.send(Arm())
    assert bench.state == "standby"
    assert "The disk is full: free some space." in bench.errors
    assert ("arm", bench.clock.now) not in bench.wire


def test_a_request_counts_once():
    bench = Bench()
    bench.make_ready()
    bench.send(Fire(request_id="a"))
    bench.navigate(100)
    bench.send(Fire(request_id="a"))
    bench.send(StartTrain(request_id="a", frequency_hz=10.0, pulses_per_train=2))
    bench.navigate(300)
    assert len(bench.triggers) == 1
    assert len([error for error in bench.errors if "used before" in error]) == 2


def test_a_refused_request_is_recorded_with_its_reason_and_is_used_up():
    bench = Bench()
    bench.make_ready()
    bench.pose(on_target=False)
    bench.navigate(20, on_target=False)
    bench.send(Fire(request_id="a"))
    bench.navigate(100)
    bench.send(Fire(request_id="a"))
    bench.navigate(100)
    assert not bench.triggers
    assert bench.disk.bodies("pulse_outcome")[0]["outcome"] == "refused"
    assert "not on the target" in bench.disk.bodies("pulse_outcome")[0]["reason"]


def test_a_train_keeps_its_schedule_on_a_slow_disk():
    bench = Bench()
    bench.make_ready()
    bench.send(StartTrain(request_id="a", frequency_hz=20.0, pulses_per_train=40))
    for _ in range(50):
        bench.disk.held = True
        bench.operator()
        bench.pose()
        bench.run(40)
        bench.disk.settle()
        bench.run(10)
    first, *others = bench.triggers
    assert len(others) == 39
    for index, time_ns in enumerate(others, start=1):
        assert abs(time_ns - first - index * 50 * MS) <= 15 * MS, "no drift"
    assert bench.state == "ready"


def test_a_late_pulse_is_not_followed_too_closely():
    bench = Bench()
    bench.make_ready()
    bench.send(StartTrain(request_id="a", frequency_hz=10.0, pulses_per_train=4))
    bench.navigate(110)
    bench.disk.held = True
    bench.navigate(180)
    bench.disk.settle()
    bench.navigate(400)
    gaps = [b - a for a, b in zip(bench.triggers, bench.triggers[1:], strict=False)]
    assert len(gaps) == 3
    assert min(gaps) >= 90 * MS


def test_a_train_stops_when_the_coil_leaves_the_target():
    bench = Bench()
    bench.make_ready()
    bench.send(StartTrain(request_id="a", frequency_hz=10.0, pulses_per_train=10))
    bench.navigate(250)
    bench.navigate(1000, on_target=False)
    assert len(bench.triggers) == 3
    assert outcomes(bench) == ["fired"] * 3 + ["refused"]
    assert bench.standing.state.value == "ready", "off target blocks, it does not disarm"


def test_a_pulse_of_a_train_waits_a_moment_for_an_image_that_is_late_but_needs_it():
    bench = Bench()
    bench.make_ready()
    bench.send(StartTrain(request_id="a", frequency_hz=10.0, pulses_per_train=10))
    bench.navigate(290)
    assert len(bench.triggers) == 3
    # The last image was taken some 110 ms before the fifth pulse is due: its lease has just ended.
    silent_from = bench.clock.now
    while bench.clock.now < silent_from + 120 * MS:
        bench.operator()
        bench.run(5)
    assert len(bench.triggers) == 4
    assert outcomes(bench) == ["fired"] * 4, "the fifth pulse is still waited for"
    bench.pose()
    bench.run(5)
    assert len(bench.triggers) == 5
    assert bench.triggers[4] > bench.triggers[3] + 100 * MS


def test_a_pulse_of_a_train_does_not_wait_for_long():
    bench = Bench()
    bench.make_ready()
    bench.send(StartTrain(request_id="a", frequency_hz=10.0, pulses_per_train=10))
    bench.navigate(290)
    for _ in range(50):
        bench.operator()
        bench.run(5)
    assert len(bench.triggers) == 4
    assert outcomes(bench) == ["fired"] * 4 + ["refused"]
    bench.pose()
    bench.run(300)
    assert len(bench.triggers) == 4, "the train has ended"


def test_the_pause_between_trains_asks_for_no_target():
    bench = Bench()
    bench.make_ready()
    train = StartTrain(
        request_id="a", frequency_hz=10.0, pulses_per_train=2, trains=2, interval_s=2.0
    )
    bench.send(train)
    bench.navigate(200)
    bench.navigate(1500, on_target=False)
    bench.navigate(700)
    assert outcomes(bench) == ["fired"] * 4
    assert bench.triggers[2] - bench.triggers[1] == pytest.approx(2000 * MS, abs=15 * MS)


def test_lost_tracking_disarms_within_a_second_but_never_tracked_waits():
    bench = Bench()
    bench.make_ready()
    bench.pose()
    lost = bench.clock.now
    while bench.standing.state.value == "ready":
        bench.operator()
        bench.run(20)
    assert bench.clock.now - lost <= 1000 * MS
    assert "lost from view" in bench.standing.note
    bench.send(Arm())
    for _ in range(100):
        bench.operator()
        bench.run(50)
    assert bench.state == "ready"
    assert "No fresh coil pose" in bench.standing.pulse_refusal


def test_a_frozen_window_disarms_within_a_second():
    bench = Bench()
    bench.make_ready()
    bench.operator()
    frozen = bench.clock.now
    while bench.state != "standby":
        bench.pose()
        bench.run(20)
    assert bench.clock.now - frozen <= 1020 * MS
    assert "window stopped answering" in bench.standing.note


def test_fire_on_target_waits_for_dwell_and_interval_and_ends_with_the_arming():
    bench = Bench()
    bench.make_ready()
    bench.navigate(100, on_target=False)
    bench.send(FireOnTarget(enabled=True, dwell_s=0.5, interval_s=1.0))
    bench.navigate(1000, on_target=False)
    assert not bench.triggers
    start = bench.clock.now
    bench.navigate(400)
    bench.navigate(40, on_target=False)
    bench.navigate(450)
    assert not bench.triggers, "the dwell begins anew when the coil leaves"
    bench.navigate(2000)
    first, *others = bench.triggers
    assert first - start >= 940 * MS
    assert all(b - a >= 1000 * MS for a, b in zip([first, *others], others, strict=False))
    assert len(others) == 1
    assert bench.pulses[0].source == "on_target"
    bench.send(Stop())
    bench.send(Arm())
    bench.navigate(3000)
    assert len(bench.triggers) == 2


def test_without_navigation_pulses_go_and_are_recorded_so():
    bench = Bench()
    bench.make_ready()
    bench.send(WaivePoseLease(waived=True))
    for _ in range(60):
        bench.operator()
        bench.run(50)
    bench.send(Fire(request_id="a"))
    bench.run(20)
    assert outcomes(bench) == ["fired"]
    intent = bench.disk.bodies("pulse_intended")[0]
    assert intent["navigated"] is False
    assert intent["lease"] is None
    assert bench.disk.bodies("navigation_waived") == [{"waived": True}]
    bench.send(FireOnTarget(enabled=True))
    assert any("needs navigation" in error for error in bench.errors)


def test_a_silent_trigger_is_unknown_latches_a_fault_and_is_never_sent_again():
    bench = Bench(SimulatedFault.SILENT_TRIGGER, after_pulses=1)
    bench.make_ready()
    bench.send(StartTrain(request_id="a", frequency_hz=10.0, pulses_per_train=10))
    bench.navigate(500)
    bench.send(Fire(request_id="b"), Arm())
    bench.navigate(500)
    assert len(bench.triggers) == 2
    assert outcomes(bench) == ["fired", "unknown", "refused"]
    assert bench.state == "fault"
    assert bench.wire[-1][0] == "disarm"
    bench.send(Connect(driver="simulated"))
    assert bench.state == "standby"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (SimulatedFault.COIL_MISSING, "No coil is connected"),
        (SimulatedFault.NEVER_READY, "not ready 2 s after arming"),
    ],
)
def test_a_device_that_cannot_be_armed_says_why(fault, words):
    bench = Bench(fault)
    bench.send(OpenSession(path="x"), Connect(driver="simulated"), SetIntensity(percent=50))
    bench.operator()
    bench.send(Arm())
    bench.navigate(2500)
    assert bench.state != "ready"
    assert words in " ".join([*bench.errors, bench.standing.note or ""])


def test_a_hot_coil_ends_a_train():
    bench = Bench(SimulatedFault.OVERHEAT)
    bench.make_ready()
    bench.send(StartTrain(request_id="a", frequency_hz=2.0, pulses_per_train=10))
    bench.navigate(2000)
    assert len(bench.triggers) == 1
    assert bench.state == "standby"
    assert "41.0 °C" in bench.standing.note or "40." in bench.standing.note


def test_intensity_and_navigation_do_not_change_under_a_train():
    bench = Bench()
    bench.make_ready(50)
    bench.send(StartTrain(request_id="a", frequency_hz=10.0, pulses_per_train=5))
    bench.send(SetIntensity(percent=90), WaivePoseLease(waived=True))
    bench.navigate(100)
    assert bench.standing.intensity == 50
    assert not bench.standing.waived
    assert len([error for error in bench.errors if "under way" in error]) == 2


def test_arming_needs_a_session_a_device_and_a_window():
    bench = Bench()
    bench.send(Arm(), Connect(driver="simulated"), Arm(), OpenSession(path="x"), Arm())
    assert bench.state == "standby"
    assert len(bench.errors) == 3
    for sentence, words in zip(
        bench.errors, ("connect one", "No session", "window does not answer"), strict=True
    ):
        assert words in sentence
