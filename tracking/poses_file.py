"""The file of poses: one row per body and instant, as CSV or as JSON lines.

In: tracked frames. Out: a file that is complete or not there at all. Poses are those of the body
in ``world``, positions in mm; sigma is the largest standard deviation of the pose.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from types import TracebackType
from typing import TextIO

from tracking.poses import BodyPose, PoseQuality, TrackingState
from tracking.tracker import TrackedFrames

COLUMNS = (
    "time_ns",
    "body",
    "tracked",
    "x",
    "y",
    "z",
    "qx",
    "qy",
    "qz",
    "qw",
    "rms_px",
    "corners",
    "sigma_mm",
    "sigma_deg",
)

Row = dict[str, int | float | str | None]


class PosesFileError(OSError):
    """A file of poses that cannot be written; the message says which and why."""


class PosesFile:
    """Writes poses beside `path` and puts the file in place when it is left without an error.

    Rows of bodies that are not tracked have tracked = 0 and no pose.

    Parameters
    ----------
    path
        The file; JSON lines if its name ends in ``.jsonl``, else CSV.

    Raises
    ------
    PosesFileError
        On entering, writing or leaving, if the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._lines = path.suffix.lower() == ".jsonl"
        self._file: TextIO | None = None

    def __enter__(self) -> PosesFile:
        try:
            self._file = self._draft.open("w", newline="", encoding="utf-8")
            if not self._lines:
                csv.writer(self._file, lineterminator="\n").writerow(COLUMNS)
        except OSError as error:
            raise self._failure(error) from error
        return self

    def write(self, tracked: TrackedFrames) -> None:
        """Add a row for each body."""
        if self._file is None:
            raise ValueError("The file of poses is not open.")
        try:
            for pose in tracked.poses.values():
                row = pose_row(pose, tracked.time_ns)
                if self._lines:
                    self._file.write(json.dumps(row) + "\n")
                else:
                    csv.DictWriter(self._file, COLUMNS, lineterminator="\n").writerow(row)
        except OSError as error:
            raise self._failure(error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._file is not None:
                self._file.close()
            if kind is None:
                self._draft.replace(self._path)
        except OSError as fault:
            raise self._failure(fault) from fault
        finally:
            self._file = None
            self._draft.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> PosesFileError:
        return PosesFileError(
            f"{self._path} cannot be written ({error.strerror}). "
            "Choose a folder that exists, may be written to and has space."
        )


def pose_row(pose: BodyPose, instant_ns: int) -> Row:
    """One row: the pose's own time if it is tracked, else the time of the instant."""
    row: Row = dict.fromkeys(COLUMNS)
    tracked = pose.state is TrackingState.TRACKED
    row |= {"time_ns": instant_ns, "body": pose.body, "tracked": int(tracked)}
    if tracked and pose.world_from_body is not None and pose.quality is not None:
        position = pose.world_from_body.translation
        quaternion = pose.world_from_body.rotation.as_quat(canonical=True)
        row["time_ns"] = pose.time_ns
        row |= {name: round(float(v), 5) for name, v in zip("xyz", position, strict=True)}
        names = ("qx", "qy", "qz", "qw")
        row |= {name: round(float(v), 9) for name, v in zip(names, quaternion, strict=True)}
        if pose.quality.known:
            row |= _quality_columns(pose.quality)
    return row


def _quality_columns(quality: PoseQuality) -> Row:
    return {
        "rms_px": round(quality.rms_px, 4),
        "corners": quality.corners,
        "sigma_mm": round(quality.sigma_mm, 5),
        "sigma_deg": round(quality.sigma_deg, 5),
    }
