"""How soon the permission ends, and the stimulator disarms, when the cameras fall silent."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from app.stimulate.messages import StateEvent
from tests.benchmarks.live_window import LiveWindow, live_window
from tests.benchmarks.report import Figure, at_most

CUTS = 5


def measure() -> list[Figure]:
    """Cut the feed while the coil is on target and the stimulator is armed, several times."""
    lost, disarmed = [], []
    with live_window() as live:
        live.run_until(lambda: live.rig.navigator.newest is not None, 10)
        live.arm()
        for _ in range(CUTS):
            one_lost, one_disarmed = _cut(live)
            lost.append(one_lost)
            disarmed.append(one_disarmed)
            live.practice.playback.resume()
            live.arm()
    conditions = f"largest of {CUTS} cuts while armed and on target; by the stimulator process"
    return [
        at_most(
            "permission lost after the feed is cut", float(np.max(lost)), 150, "ms", conditions
        ),
        at_most("disarmed after the feed is cut", float(np.max(disarmed)), 1000, "ms", conditions),
    ]


def _cut(live: LiveWindow) -> tuple[float, float]:
    permitted = live.run_until(lambda: live.rig.stimulator_reading(live.now_ns()).permitted, 40)
    assert permitted, "a pulse was never permitted"
    live.practice.playback.pause()
    cut_ns = time.monotonic_ns()
    lost_ns = _when(live, lambda state: not state.on_target, cut_ns)
    disarmed_ns = _when(live, lambda state: not state.armed, cut_ns)
    return (lost_ns - cut_ns) / 1e6, (disarmed_ns - cut_ns) / 1e6


def _when(live: LiveWindow, condition: Callable[[StateEvent], bool], after_ns: int) -> int:
    """When the stimulator's process first said so, by its own clock reading."""
    said: list[int] = []

    def heard() -> bool:
        state = live.rig.stimulator.last_state
        if state is not None and state.time_ns >= after_ns and condition(state):
            said.append(state.time_ns)
        return bool(said)

    found = live.run_until(heard, 3)
    assert found, "the stimulator's process never said so"
    return said[0]
