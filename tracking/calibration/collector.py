"""What all calibrations have in common while they gather pictures.

In: frames, instant by instant, from a recording or from live cameras. Out: what was gathered, what
is still missing, in words and as a coverage map; in the end the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.result import CalibrationResult
from tracking.frames import Frame

FloatArray = NDArray[np.float64]


class CalibrationError(Exception):
    """A calibration that cannot be made; the message says why and what to do."""


@dataclass(frozen=True, eq=False, slots=True)
class Progress:
    """How far a collector has come.

    Attributes
    ----------
    share
        0 to 1: how much of what it needs it has.
    ready
        Whether what was gathered can be solved. Gathering may go on.
    hint
        The one thing to do next, a sentence for the person who holds the board or body.
    found
        Camera name -> (N, 2) pixels found in the newest frame, to be drawn into its picture.
    coverage
        Camera name -> (rows, columns) number of points gathered in each field of its image;
        empty where coverage does not matter.
    """

    share: float
    ready: bool
    hint: str
    found: Mapping[str, FloatArray]
    coverage: Mapping[str, NDArray[np.int64]]


class Collector(Protocol):
    """Gathers for one calibration. Used by one thread at a time."""

    def add(self, frames: Sequence[Frame]) -> Progress:
        """Look at the frames of one instant, at most one of each camera."""
        ...

    def solve(self) -> tuple[CalibrationResult, ...]:
        """Solve with what was gathered: a result for each camera, body or pose calibrated.

        What is not good enough is a result with faults, not an error.

        Raises
        ------
        CalibrationError
            If too little was gathered to say anything.
        """
        ...
