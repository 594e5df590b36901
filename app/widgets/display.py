"""Whether a window can be shown on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

OFFSCREEN = "offscreen"


def has_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether Qt will find a display: always on Windows and macOS, else if one is named."""
    wanted = environment.get("QT_QPA_PLATFORM", "")
    if wanted:
        return wanted not in (OFFSCREEN, "minimal")
    if platform in ("win32", "darwin"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
