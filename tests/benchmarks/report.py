"""What a benchmark gives, under which conditions, and how both are shown.

In: figures measured by the modules beside this one. Out: a table for people, JSON for programs.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "vtk", "pyside6-essentials")


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    name
        What was measured, as the README says it.
    value
        The number in `unit`.
    unit
        ``ms``, ``frames/s``, ``MB``, ``mm``...; empty for a count.
    goal
        What it has to reach, in words (``<= 60``); empty if it is only told.
    meets
        Whether it does; None if there is no goal.
    conditions
        What holds for this figure only: sizes, durations, what ran beside it.
    """

    name: str
    value: float
    unit: str = ""
    goal: str = ""
    meets: bool | None = None
    conditions: str = ""


def at_most(name: str, value: float, limit: float, unit: str, conditions: str = "") -> Figure:
    """Give the figure of something that must not exceed `limit`."""
    return Figure(name, value, unit, f"<= {limit:g}", value <= limit, conditions)


def at_least(name: str, value: float, limit: float, unit: str, conditions: str = "") -> Figure:
    """Give the figure of something that must reach `limit`."""
    return Figure(name, value, unit, f">= {limit:g}", value >= limit, conditions)


@dataclass(frozen=True)
class Outcome:
    """What one benchmark came to: its figures, or the fault that stopped it."""

    benchmark: str
    figures: tuple[Figure, ...] = ()
    fault: str = ""

    @property
    def passed(self) -> bool:
        """Whether it ran through and no figure misses its goal."""
        return not self.fault and all(figure.meets is not False for figure in self.figures)


def conditions() -> dict[str, str]:
    """Tell on what machine, under what load and with which libraries the figures were taken."""
    told = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": f"{_processor()}, {os.cpu_count()} logical cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES),
        "qt platform": os.environ.get("QT_QPA_PLATFORM", "default"),
        "display": os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or "none",
    }
    # Windows has no load average; psutil's stand-in for it starts at zero.
    if sys.platform != "win32":
        told["load average"] = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return told


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def show(told: Mapping[str, str], outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the conditions and one row for each figure."""
    for key, value in told.items():
        console.print(f"{key:>13}  {value}", markup=False, highlight=False, soft_wrap=True)
    table = Table("benchmark", "figure", "value", "unit", "goal", "meets", "conditions")
    table.columns[2].justify = "right"
    words = {True: "yes", False: "NO", None: ""}
    for outcome in outcomes:
        if outcome.fault:
            table.add_row(outcome.benchmark, "did not run", "", "", "", "NO", outcome.fault)
        for figure in outcome.figures:
            table.add_row(
                outcome.benchmark,
                figure.name,
                f"{figure.value:.4g}",
                figure.unit,
                figure.goal,
                words[figure.meets],
                figure.conditions,
            )
    console.print(table)


def write(path: Path, told: Mapping[str, str], outcomes: Sequence[Outcome]) -> None:
    """Write conditions and figures as JSON to `path`."""
    data = {
        "conditions": dict(told),
        "benchmarks": [asdict(outcome) | {"passed": outcome.passed} for outcome in outcomes],
    }
    path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
