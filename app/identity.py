"""What the program calls itself, and what it is for."""

from __future__ import annotations

from importlib import metadata

NAME = "Coilpilot"
RESEARCH_USE = "Research use only; not a medical device."


def program_version() -> str:
    """Give the installed version; ``0+unknown`` from a folder that was never installed."""
    try:
        return metadata.version("coilpilot")
    except metadata.PackageNotFoundError:
        return "0+unknown"
