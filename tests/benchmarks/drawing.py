"""How often the window can draw while the tracker runs: moving coil, and turning the head."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QApplication
from scipy.spatial.transform import RigidTransform

from tests.benchmarks.live_window import LiveWindow, live_window
from tests.benchmarks.report import Figure, at_least

SECONDS = 6.0


def measure() -> list[Figure]:
    """Move the coil on, or turn the head, with every picture; count the pictures shown."""
    with live_window() as live:
        found = live.run_until(
            lambda: live.rig.navigator.newest is not None and live.rig.navigator.newest.tracked, 15
        )
        assert found, "the coil was never tracked"
        head = live.rig.equipment.head
        conditions = (
            f"3-D view 900x700, scalp {len(head.scalp.faces)} and cortex {len(head.cortex.faces)} "
            "triangles, tracker running at 30 frames/s"
        )
        moving = _rate(live, lambda count: _move_coil(live, count))
        turning = _rate(live, lambda count: _turn(live, count))
    return [
        at_least("pictures while the coil moves", moving, 50, "frames/s", conditions),
        at_least("pictures while the head is turned", turning, 12, "frames/s", conditions),
    ]


def _rate(live: LiveWindow, step: Callable[[int], None]) -> float:
    """Pictures shown a second, those that the window draws by itself in between included."""
    step(0)
    QApplication.processEvents()
    began, count = time.perf_counter(), 0
    before = live.window.frames_drawn
    while time.perf_counter() - began < SECONDS:
        count += 1
        step(count)
        live.window.scene_view.repaint()
        QApplication.processEvents()
    return (live.window.frames_drawn - before) / (time.perf_counter() - began)


def _move_coil(live: LiveWindow, count: int) -> None:
    navigation = live.rig.navigator.newest
    target = live.rig.navigator.setup.target
    assert navigation is not None
    assert target is not None
    # Somewhere else with every picture, within reach of the target.
    step = RigidTransform.from_rotation(
        RigidTransform.from_exp_coords([0, 0, 0.3 * (count % 7), 0, 0, 0]).rotation
    )
    away = RigidTransform.from_translation([count % 31 - 15.0, count % 17 - 8.0, -8.0])
    now_ns = time.monotonic_ns()
    moved = replace(navigation, time_ns=now_ns, mri_from_coil=target.mri_from_target * away * step)
    live.window.scene_view.show_navigation(moved, now_ns)


def _turn(live: LiveWindow, count: int) -> None:
    live.window.scene_view.turn(4.0 if count % 40 < 20 else -4.0, 1.0 if count % 2 else -1.0)
    live.window.scene_view.show_navigation(live.rig.navigator.newest, time.monotonic_ns())
