"""The room that a rig runs in: its setup as it was when the rig was made.

A setup may change while the rig runs, by calibrating; the rig stays as it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tracking.setups import Setup


@dataclass(frozen=True, slots=True)
class Room:
    """Where a setup is, and what was in it."""

    folder: Path
    setup: Setup
