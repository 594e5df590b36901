"""How long the default head takes from its files to surfaces ready to be drawn."""

from __future__ import annotations

import time
from importlib.resources import as_file, files

import numpy as np

from app.subject.head_description import read_description
from render.surface import load_surface
from tests.benchmarks.report import Figure, at_most

RUNS = 7
LIMIT_MS = 1000.0


def measure() -> list[Figure]:
    """Read description, scalp and cortex several times; the files are warm after the first."""
    durations = []
    with as_file(files("resources") / "default_head") as folder:
        for _ in range(RUNS):
            began = time.perf_counter()
            read_description(folder / "head.json")
            surfaces = [load_surface(folder / name) for name in ("scalp.npz", "cortex.npz")]
            durations.append((time.perf_counter() - began) * 1e3)
    sizes = " and ".join(f"{len(surface.faces)}" for surface in surfaces)
    conditions = f"{sizes} triangles, median of {RUNS}, files in memory"
    return [at_most("default head loaded", float(np.median(durations)), LIMIT_MS, "ms", conditions)]
