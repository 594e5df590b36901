"""The true poses recorded or computed with a feed, and how far the tracked ones are from them.

In: ``truth.csv`` and tracked poses. Out: :class:`Truth`, true poses at any time of the feed, and
errors of a point on the coil as seen from the head: what the operator's aim depends on.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation, Slerp

from tracking.feed_description import FeedError

FloatArray = NDArray[np.float64]

HEADER = ["time_ns", "body", "x", "y", "z", "qx", "qy", "qz", "qw"]


@dataclass(frozen=True, eq=False)
class TrueMotion:
    """True poses of one body: times (N,) int64 increasing, positions (N, 3) mm, rotations (N)."""

    times_ns: NDArray[np.int64]
    positions: FloatArray
    rotations: Rotation

    def at(self, time_ns: int) -> RigidTransform:
        """``world_from_body`` at `time_ns` of the feed; outside of it the nearest pose."""
        seconds = (self.times_ns - self.times_ns[0]) / 1e9
        when = float(np.clip((time_ns - int(self.times_ns[0])) / 1e9, 0.0, seconds[-1]))
        position = np.array([np.interp(when, seconds, axis) for axis in self.positions.T])
        if len(seconds) == 1:
            return RigidTransform.from_components(position, self.rotations[0])
        index = min(max(int(np.searchsorted(seconds, when, side="right")), 1), len(seconds) - 1)
        near = slice(index - 1, index + 1)
        rotation = Slerp(seconds[near], self.rotations[near])(when)
        return RigidTransform.from_components(position, rotation)


Truth = Mapping[str, TrueMotion]
"""Body name -> its true motion."""


@dataclass(frozen=True, slots=True)
class PointError:
    """Error of a point on the coil body in the head's frame, mm, and of its rotation, degrees."""

    distance_mm: float
    angle_deg: float


@dataclass(frozen=True, slots=True)
class ErrorSummary:
    """Median and 95th percentile of many :class:`PointError`."""

    count: int
    median_mm: float
    p95_mm: float
    median_deg: float
    p95_deg: float


def read_truth(path: Path) -> Truth:
    """Read ``truth.csv``; `path` is the file or the feed folder that holds it.

    Raises
    ------
    FeedError
        If the file is missing or a line is malformed.
    """
    file_path = path / "truth.csv" if path.is_dir() else path
    try:
        with file_path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FeedError(
            f"{file_path} cannot be read ({error}). Make the feed anew with its truth."
        ) from error
    if not rows or rows[0] != HEADER or len(rows) < 2:
        raise FeedError(
            f"{file_path} must start with the line '{','.join(HEADER)}' and list poses. "
            "Make the feed anew with its truth."
        )
    samples: dict[str, dict[int, list[float]]] = {}
    for number, row in enumerate(rows[1:], start=2):
        try:
            time_ns, values = int(row[0]), [float(text) for text in row[2:]]
        except (ValueError, IndexError) as error:
            raise _malformed(file_path, number, row) from error
        good = len(values) == 7 and all(map(math.isfinite, values)) and abs(time_ns) < 2**63
        if not good or not 0.9 < math.hypot(*values[3:]) < 1.1:
            raise _malformed(file_path, number, row)
        samples.setdefault(row[1], {})[time_ns] = values
    return {body: _motion(by_time) for body, by_time in samples.items()}


def point_error(
    tracked: tuple[RigidTransform, RigidTransform],
    true: tuple[RigidTransform, RigidTransform],
    point: FloatArray,
) -> PointError:
    """Error of `point` (3,), given in the coil body's frame in mm, as seen from the head.

    Parameters
    ----------
    tracked, true
        ``world_from_head`` and ``world_from_coil_body``, as tracked and in truth.
    point
        For example the coil's focus.
    """
    found = tracked[0].inv() * tracked[1]
    right = true[0].inv() * true[1]
    return PointError(
        distance_mm=float(np.linalg.norm(found.apply(point) - right.apply(point))),
        angle_deg=float(np.rad2deg((found.rotation * right.rotation.inv()).magnitude())),
    )


def summarise_errors(errors: Sequence[PointError]) -> ErrorSummary | None:
    """Median and 95th percentile of `errors`; None if there are none."""
    if not errors:
        return None
    distances = [error.distance_mm for error in errors]
    angles = [error.angle_deg for error in errors]
    return ErrorSummary(
        count=len(errors),
        median_mm=float(np.median(distances)),
        p95_mm=float(np.quantile(distances, 0.95)),
        median_deg=float(np.median(angles)),
        p95_deg=float(np.quantile(angles, 0.95)),
    )


def _malformed(path: Path, number: int, row: Sequence[str]) -> FeedError:
    return FeedError(
        f"{path}, line {number}: expected a time, a body, a position and a unit quaternion, found "
        f"'{','.join(row)}'. Make the feed anew with its truth."
    )


def _motion(by_time: Mapping[int, Sequence[float]]) -> TrueMotion:
    times = sorted(by_time)
    values = np.array([by_time[time_ns] for time_ns in times], dtype=np.float64)
    return TrueMotion(
        times_ns=np.array(times, dtype=np.int64),
        positions=values[:, :3],
        rotations=Rotation.from_quat(values[:, 3:]),
    )
