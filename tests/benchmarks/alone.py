"""Runs one benchmark in a process of its own: no memory, thread or warm cache is inherited."""

from __future__ import annotations

import importlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from tests.benchmarks.report import Figure


def measure_alone(module: str) -> list[Figure]:
    """Call ``measure()`` of `module` in a new process; what it raises is raised here."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as alone:
        return alone.submit(_measure, module).result()


def _measure(module: str) -> list[Figure]:
    figures: list[Figure] = importlib.import_module(module).measure()
    return figures
