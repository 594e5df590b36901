"""The simulated stimulator behaves, and misbehaves, as a real one does."""

from __future__ import annotations

import pytest

from app.stimulate.driver import CommandRefused, DeviceState, StimulatorError, TriggerTimeout
from app.stimulate.drivers import make_driver
from app.stimulate.simulated import SimulatedFault, SimulatedStimulator
from tests.app.stimulate.bench import FakeClock


def ready(clock: FakeClock, fault: SimulatedFault = SimulatedFault.NONE) -> SimulatedStimulator:
    device = SimulatedStimulator(fault, clock=clock, wait=clock.wait)
    device.connect()
    device.set_intensity(60)
    device.arm()
    assert device.status().state is DeviceState.CHARGING
    clock.wait(0.31)
    return device


def test_it_charges_fires_and_recharges_fast_enough_for_20_hz():
    clock = FakeClock()
    device = ready(clock)
    for _ in range(20):
        assert device.status().state is DeviceState.READY
        assert device.send_trigger() == clock.now
        device.confirm_trigger()
        with pytest.raises(CommandRefused, match="not ready"):
            device.send_trigger()
        clock.wait(0.05)
    device.disarm()
    with pytest.raises(CommandRefused):
        device.send_trigger()


def test_its_coil_warms_with_pulses_and_cools_with_time():
    clock = FakeClock()
    device = ready(clock)
    cold = device.status().temperature_c
    for _ in range(100):
        device.send_trigger()
        clock.wait(0.05)
    warm = device.status().temperature_c
    clock.wait(3000)
    assert cold < device.status().temperature_c < warm


def test_it_refuses_what_a_device_refuses():
    device = SimulatedStimulator()
    for command in (device.arm, device.status, device.send_trigger):
        with pytest.raises(CommandRefused, match="not connected"):
            command()
    device.connect()
    with pytest.raises(CommandRefused, match="no intensity"):
        device.set_intensity(101)
    with pytest.raises(CommandRefused, match="not ready"):
        device.send_trigger()


def test_its_faults_are_those_asked_for():
    clock = FakeClock()
    silent = ready(clock, SimulatedFault.SILENT_TRIGGER)
    silent.send_trigger()
    with pytest.raises(TriggerTimeout):
        silent.confirm_trigger()
    hot = ready(clock, SimulatedFault.OVERHEAT)
    hot.send_trigger()
    assert hot.status().state is DeviceState.STANDBY
    with pytest.raises(CommandRefused, match="too hot"):
        hot.arm()
    bare = SimulatedStimulator(SimulatedFault.COIL_MISSING)
    assert not bare.connect().coil_present
    with pytest.raises(CommandRefused, match="No coil"):
        bare.arm()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("magstem", {}),
        ("simulated", {"fault": "fire"}),
        ("simulated", {"colour": "red"}),
        ("simulated", {"after_pulses": "many"}),
        ("simulated", {"wire_log": "/nowhere/at/all"}),
    ],
)
def test_an_unknown_driver_or_option_is_named(name, options):
    with pytest.raises(StimulatorError, match="stimulator"):
        make_driver(name, options)
