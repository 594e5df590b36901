"""Whatever the window, the disk and the operator do: no pulse without permission."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.stimulate.messages import (
    Arm,
    Connect,
    Disarm,
    Fire,
    FireOnTarget,
    SetIntensity,
    StartTrain,
    Stop,
    WaivePoseLease,
)
from app.stimulate.simulated import SimulatedFault
from tests.app.stimulate.bench import MS, Bench

FAULTS = (SimulatedFault.NONE, SimulatedFault.SILENT_TRIGGER, SimulatedFault.OVERHEAT)


class Stimulation(RuleBasedStateMachine):
    """A model of the promises, beside the real thing, looking at the wire."""

    @initialize(fault=st.sampled_from((*FAULTS[:1] * 3, *FAULTS)), after=st.integers(0, 3))
    def start(self, fault, after):
        self.bench = Bench(fault, after_pulses=after)
        self.bench.device._wire_log = self.on_wire
        self.violations = []
        self.operator_ns = None
        self.pose_ns = None
        self.pose_on_target = False
        self.waived = False
        self.armed_since_stop = False
        self.tracked_since_arming = False
        self.unknown = False
        self.bench.make_ready()
        self.operator_ns = self.pose_ns = None
        self.lease_now(on_target=True, age_ms=0)

    def on_wire(self, command, time_ns):
        self.bench.on_wire(command, time_ns)
        if command == "arm":
            self.armed_since_stop = True
            self.tracked_since_arming = False
        elif command in ("disarm", "close"):
            self.armed_since_stop = False
        elif command == "trigger":
            self.check_trigger(time_ns)

    def check_trigger(self, now):
        """Note what is wrong with a trigger; raising here would only look like a broken device."""
        bench = self.bench
        if self.operator_ns is not None:  # not while the machine is being set up
            on_target = self.pose_on_target and now <= self.pose_ns + 100 * MS
            self.require(now <= self.operator_ns + 500 * MS, "the operator lease had run out")
            self.require(self.waived or on_target, "the pose lease had run out or was off target")
        self.require(self.armed_since_stop, "stopped and not armed again")
        self.require(not self.unknown, "a pulse after an unknown one")
        intents = [body["pulse_id"] for body in bench.disk.bodies("pulse_intended")]
        self.require(len(intents) >= len(bench.triggers), "a trigger without an intent before it")
        silent = bench.device._fault is SimulatedFault.SILENT_TRIGGER
        self.unknown = silent and bench.device._pulses + 1 > bench.device._after_pulses

    def require(self, holds, words):
        if not holds:
            self.violations.append(words)

    @invariant()
    def nothing_was_sent_that_must_not_be(self):
        assert not getattr(self, "violations", [])

    def lease_now(self, *, on_target, age_ms):
        self.operator_ns = self.bench.clock.now
        self.give_pose(on_target, age_ms)
        self.bench.operator()

    def give_pose(self, on_target, age_ms):
        time_ns = self.bench.clock.now - age_ms * MS
        if self.pose_ns is None or time_ns > self.pose_ns:
            self.pose_ns, self.pose_on_target = time_ns, on_target
            if age_ms <= 100 and not self.waived:
                self.tracked_since_arming = True
        self.bench.pose(on_target=on_target, age_ms=age_ms)

    @rule(ms=st.integers(1, 700))
    def silence(self, ms):
        self.bench.run(ms, step_ms=10)

    @rule(ms=st.integers(20, 600), on_target=st.booleans())
    def work(self, ms, on_target):
        end = self.bench.clock.now + ms * MS
        while self.bench.clock.now < end:
            self.lease_now(on_target=on_target, age_ms=0)
            self.bench.run(20, step_ms=10)

    @rule(on_target=st.booleans(), age_ms=st.integers(0, 150))
    def pose(self, on_target, age_ms):
        self.give_pose(on_target, age_ms)

    @rule()
    def operator(self):
        self.operator_ns = self.bench.clock.now
        self.bench.operator()

    @rule(again=st.booleans())
    def fire(self, again):
        request = "request-0" if again else self.bench.next_request()
        self.bench.send(Fire(request_id=request))

    @rule(frequency=st.sampled_from([5.0, 20.0]), pulses=st.integers(1, 10))
    def train(self, frequency, pulses):
        request = self.bench.next_request()
        self.bench.send(
            StartTrain(request_id=request, frequency_hz=frequency, pulses_per_train=pulses)
        )

    @rule(on=st.booleans())
    def on_target(self, on):
        self.bench.send(FireOnTarget(enabled=on, dwell_s=0.1, interval_s=0.2))

    @rule(stop=st.sampled_from([Stop(), Disarm()]))
    def stop(self, stop):
        self.bench.control.submit(stop)
        assert self.bench.wire[-1][0] == "disarm", "STOP acts before anything else"
        assert self.bench.standing.state.value not in ("ready", "train", "arming")
        self.bench.control._step()

    @rule()
    def arm(self):
        self.bench.send(Arm())

    @rule()
    def arm_then_stop_at_once(self):
        self.bench.control.submit(Arm())
        self.bench.control.submit(Stop())
        self.bench.control._step()
        assert not self.armed_since_stop, "what was asked before STOP is not done after it"

    @rule()
    def reconnect(self):
        self.unknown = False
        self.bench.send(Connect(driver="simulated"))
        self.bench.send(SetIntensity(percent=50))

    @rule(waived=st.booleans())
    def waive(self, waived):
        self.bench.send(WaivePoseLease(waived=waived))
        self.waived = self.bench.standing.waived
        self.tracked_since_arming = False

    @rule()
    def disk_hangs(self):
        self.bench.disk.held = True

    @precondition(lambda self: self.bench.disk.held)
    @rule()
    def disk_goes_on(self):
        self.bench.disk.settle()
        self.bench.control._step()

    @rule(full=st.booleans())
    def disk_fills(self, full):
        self.bench.disk.full = full

    @invariant()
    def an_armed_device_has_leases_or_is_disarmed_within_a_second(self):
        if not hasattr(self, "bench") or not self.armed_since_stop:
            return
        now = self.bench.clock.now
        assert now <= self.operator_ns + 500 * MS + 1000 * MS
        if self.tracked_since_arming and not self.waived:
            assert now <= self.pose_ns + 100 * MS + 1000 * MS

    @invariant()
    def each_single_request_is_sent_at_most_once(self):
        if not hasattr(self, "bench"):
            return
        singles = [b for b in self.bench.disk.bodies("pulse_intended") if b["source"] == "single"]
        assert len(singles) <= self.bench.request + 1

    @invariant()
    def no_pulse_has_two_outcomes(self):
        if not hasattr(self, "bench"):
            return
        ended = [body["pulse_id"] for body in self.bench.disk.bodies("pulse_outcome")]
        assert len(ended) == len(set(ended))

    def teardown(self):
        if not hasattr(self, "bench"):
            return
        self.bench.disk.full = False
        self.bench.disk.settle()
        fired = [b for b in self.bench.disk.bodies("pulse_outcome") if b["outcome"] == "fired"]
        assert len(fired) <= len(self.bench.triggers)


QUICK = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestStimulation = Stimulation.TestCase
TestStimulation.settings = QUICK


@pytest.mark.fuzz
class TestStimulationForLong(Stimulation.TestCase):
    settings = settings(QUICK, max_examples=2000, stateful_step_count=60)
