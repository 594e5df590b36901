"""The first row of every session: who wrote it, when, in which units and frames."""

from __future__ import annotations

import platform
import sqlite3
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata

from app.identity import program_version
from app.session.schema import Body

LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "psygnal",
    "pydantic",
    "pyside6-essentials",
    "scipy",
    "vtk",
)

UNITS = {
    "length": "mm",
    "angle": "degree",
    "time": "ns, time.monotonic_ns() of the machine that recorded",
    "intensity": "% of maximum stimulator output",
    "residual": "px",
}

FRAMES = {
    "mri": "scanner RAS of the T1 image, mm",
    "world": "the first camera: x right, y down, z forward, mm",
    "head": "the marker body on the head",
    "coil_body": "the marker body on the coil",
    "coil": "SimNIBS: origin at the centre of the head-side face, z into the head, "
    "y away from the handle, x = y cross z",
    "transforms": "mri_from_coil maps coil coordinates to mri coordinates; translation in mm, "
    "quaternion in the order x, y, z, w",
}


def library_versions() -> dict[str, str]:
    """Give the versions of the libraries that shape a recording."""
    found = {name: version for name in LIBRARIES if (version := _version(name))}
    return {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **found}


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """One moment on two clocks: ``time.monotonic_ns()`` and UTC in ISO 8601."""

    monotonic_ns: int
    utc: str

    def utc_at(self, time_ns: int) -> datetime:
        """Give the UTC time of the monotonic time `time_ns`, to the microsecond."""
        offset = timedelta(microseconds=(time_ns - self.monotonic_ns) / 1000)
        return datetime.fromisoformat(self.utc) + offset


def opening_facts(anchor: ClockAnchor) -> Body:
    """Say what every session states of itself, with the `anchor` of its clock to UTC."""
    return {
        "session_id": str(uuid.uuid4()),
        "anchor": {"monotonic_ns": anchor.monotonic_ns, "utc": anchor.utc},
        "program_version": program_version(),
        "library_versions": library_versions(),
        "platform": platform.platform(),
        "units": UNITS,
        "frames": FRAMES,
    }


def clock_anchor() -> ClockAnchor:
    """Read both clocks together."""
    before = time.monotonic_ns()
    now = datetime.now(UTC)
    after = time.monotonic_ns()
    return ClockAnchor((before + after) // 2, now.isoformat(timespec="microseconds"))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
