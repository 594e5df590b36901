"""A collector that is satisfied with any frames, for tests of what is around collectors."""

from __future__ import annotations

import threading
import time

import numpy as np

from tracking.calibration.collector import CalibrationError, Progress
from tracking.calibration.result import (
    CalibrationResult,
    DeviceSettings,
    Finding,
    IntrinsicsValue,
)

ZERO = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def a_result(*, faults=(), subject="left"):
    return CalibrationResult(
        subject=subject,
        made_utc="2026-01-02T03:04:05+00:00",
        source="a test",
        residual=Finding(name="reprojection", value=0.12, unit="px"),
        predicted_error=Finding(name="coil on head", value=0.4, unit="mm", meaning="at 1 m"),
        further=(Finding(name="views", value=40, unit=""),),
        faults=faults,
        holds_for={subject: DeviceSettings(width=1280, height=720)},
        value=IntrinsicsValue(
            matrix=((920.0, 0.0, 640.0), (0.0, 920.0, 360.0), (0.0, 0.0, 1.0)),
            distortion=[-0.08, 0.03, 0.0, 0.0, 0.0],
            matrix_sigma=ZERO,
            distortion_sigma=[0.0] * 5,
        ),
    )


class FakeCollector:
    """Ready after `needed` instants; waits for `gate` at each of them."""

    def __init__(self, needed=1, results=None):
        self._needed = needed
        self._results = (a_result(),) if results is None else results
        self.seen = []
        self.fault = None
        self.gate = threading.Event()
        self.gate.set()
        self.looking = threading.Event()

    def add(self, frames):
        self.looking.set()
        self.gate.wait(30)
        if self.fault is not None:
            raise self.fault
        self.seen.append(tuple(frames))
        return Progress(
            share=min(1.0, len(self.seen) / self._needed),
            ready=len(self.seen) >= self._needed,
            hint="Show the board to the left edge.",
            found={frame.camera: np.array([[2.0, 3.0], [4.0, 5.0]]) for frame in frames},
            coverage={frame.camera: np.ones((6, 8), dtype=np.int64) for frame in frames},
        )

    def solve(self):
        if self.fault is not None:
            raise self.fault
        if len(self.seen) < self._needed:
            raise CalibrationError(f"Too few pictures: {len(self.seen)} of {self._needed}.")
        return (*self._results,)


def until(condition, seconds=20.0):
    """Wait until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)
