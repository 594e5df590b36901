"""Runs the program as a person does: a process, its output and its exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What stands on the error stream, on one line."""
        return " ".join(self.err.split())


def coilpilot(*words: object, timeout: float = 120, **environment: str) -> Ran:
    """Run ``coilpilot WORDS`` without a display and wait for its end."""
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-m", "app", *map(str, words)],
        cwd=ROOT,
        env={**clean, "QT_QPA_PLATFORM": "", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
