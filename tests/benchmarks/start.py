"""From the start of the process to a window with head and live feed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

import numpy as np

from tests.benchmarks.report import Figure, at_most

RUNS = 3

_PROBE = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
application = QApplication(sys.argv[:1])
def look():
    for window in application.topLevelWidgets():
        if getattr(window, "latency", None):
            print(time.time() - float(sys.argv[2]))
            timer.stop()
            window.close()
timer = QTimer()
timer.timeout.connect(look)
timer.start(5)
from pathlib import Path
from app.commands.window import run_window
sys.exit(run_window(feed=None, head=None, sessions=Path(sys.argv[1])))
"""


def measure() -> list[Figure]:
    """Start the program several times; usable means that a tracked coil is on screen."""
    seconds = []
    for _ in range(RUNS + 1):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                # The time of the start is handed over: the system's own record of it is coarse.
                [sys.executable, "-c", _PROBE, folder, str(time.time())],
                capture_output=True,
                text=True,
                check=True,
                timeout=120,
            )
        seconds.append(float(done.stdout.split()[-1]))
    value = float(np.median(seconds[1:]))
    conditions = f"median of {RUNS} after the first, until a tracked coil is drawn; offscreen Qt"
    return [at_most("process start to usable window", value, 4, "s", conditions)]
