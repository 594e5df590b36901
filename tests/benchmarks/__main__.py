"""Runs the benchmarks: ``uv run python -m tests.benchmarks [NAME ...] [--json FILE] [--list]``.

Exit status 0 if every figure reaches its goal, 1 if one does not or a benchmark fails, 2 on wrong
use. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.benchmarks import report
from tests.benchmarks.alone import measure_alone


@dataclass(frozen=True)
class Benchmark:
    """A module with a function ``measure() -> list[Figure]``, loaded when it is its turn."""

    name: str
    module: str
    measures: str


BENCHMARKS = (
    Benchmark("head", "tests.benchmarks.head", "loading the default head"),
    Benchmark("accuracy", "tests.benchmarks.accuracy", "corners and poses beside OpenCV's"),
    Benchmark("corners", "tests.benchmarks.corners", "corners of tags beside OpenCV and AprilTag"),
    Benchmark("poses", "tests.benchmarks.poses", "poses by three ways; no pose ever wrong"),
    Benchmark(
        "calibration", "tests.benchmarks.calibration_chain", "the whole chain, calibration included"
    ),
    Benchmark("motion", "tests.benchmarks.motion", "a moving coil, cameras that take turns"),
    Benchmark("cost", "tests.benchmarks.tracking_cost", "processor time and drops of tracking"),
    Benchmark("start", "tests.benchmarks.start", "process start to usable window"),
    Benchmark("drawing", "tests.benchmarks.drawing", "pictures a second of the 3-D view"),
    Benchmark(
        "latency", "tests.benchmarks.tracking_latency", "capture to drawn pose, drops, memory"
    ),
    Benchmark("live", "tests.benchmarks.live_path", "network cameras, tracked and recorded"),
    Benchmark("footage", "tests.benchmarks.real_footage", "boards in recordings of others"),
    Benchmark("train", "tests.benchmarks.train", "a 20 Hz train of 200, pose at each pulse"),
    Benchmark(
        "permission", "tests.benchmarks.permission", "permission when the cameras fall silent"
    ),
)


def run(benchmark: Benchmark) -> report.Outcome:
    """Run one benchmark; a fault in it is part of the outcome and stops no other."""
    try:
        figures = measure_alone(benchmark.module)
    except Exception as fault:  # whatever it is, the other figures are still wanted
        traceback.print_exc()
        return report.Outcome(benchmark.name, fault=f"{type(fault).__name__}: {fault}")
    return report.Outcome(benchmark.name, tuple(figures))


def chosen(names: Sequence[str]) -> list[Benchmark]:
    """Give the benchmarks of these names in the order of the register, all of them for none."""
    return [benchmark for benchmark in BENCHMARKS if not names or benchmark.name in names]


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for and give the exit status."""
    known = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(known))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and stop")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose from {', '.join(known)}")
    # Wide enough for a whole row when the output goes to a file.
    console = Console(width=None if sys.stdout.isatty() else 180)
    if options.list:
        for benchmark in BENCHMARKS:
            console.print(f"{benchmark.name:<12} {benchmark.measures}", highlight=False)
        return 0
    # Before Qt is loaded: figures are comparable only if all are taken without a display.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    told = report.conditions()
    outcomes = []
    for benchmark in chosen(options.names):
        console.print(f"{benchmark.name}: {benchmark.measures} ...", highlight=False)
        outcomes.append(run(benchmark))
    report.show(told, outcomes, console)
    if options.json is not None:
        report.write(options.json, told, outcomes)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
