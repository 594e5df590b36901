"""From capture to the drawn pose at real speed; frames lost by the tracker; memory in all."""

from __future__ import annotations

import psutil

from tests.benchmarks.live_window import VIEW_SIZE, live_window
from tests.benchmarks.report import Figure, at_most

SECONDS = 40.0
WARM_UP = 1.0
"""The first pictures and the first search for the bodies take longer than all later ones."""


def measure() -> list[Figure]:
    """Let the practice feed run in the window; the coil moves, rests and is hidden meanwhile."""
    with live_window() as live:
        live.run_until(lambda: live.rig.navigator.newest is not None, 10)
        live.run(WARM_UP)
        before = live.rig.counters
        live.run(SECONDS)
        latency = live.window.latency
        counters = live.rig.counters
        memory = _memory_mb()
        shown = len(latency)
        figures = (latency.percentile_ms(95), latency.percentile_ms(50))
    where = f"{SECONDS:.0f} s, {shown} poses drawn, 3-D view {VIEW_SIZE[0]}x{VIEW_SIZE[1]}"
    assert figures[0] is not None
    assert figures[1] is not None
    return [
        at_most("capture to drawn pose, p95", figures[0], 60, "ms", where),
        Figure("capture to drawn pose, median", figures[1], "ms", conditions=where),
        at_most(
            "frames dropped by the tracker",
            counters.dropped - before.dropped,
            0,
            "",
            f"of {counters.captured - before.captured} captured, two cameras at 30 frames/s, "
            f"after {WARM_UP:.0f} s",
        ),
        Figure(
            "frames dropped while the window opens",
            before.dropped,
            conditions=f"of {before.captured} in the first {WARM_UP:.0f} s",
        ),
        at_most(
            "memory of all processes while navigating",
            memory,
            900,
            "MB",
            "sum of resident sets, window and stimulator process",
        ),
    ]


def _memory_mb() -> float:
    this = psutil.Process()
    family = [this, *this.children(recursive=True)]
    return sum(one.memory_info().rss for one in family) / 1e6
