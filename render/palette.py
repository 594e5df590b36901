"""Colours: the colour-blind-safe set of Okabe and Ito on a dark background, and what each means.

Out: sRGB colours as ``#rrggbb``. Colour never speaks alone: each state also has its own shape
and word (``render.bullseye``).
"""

from __future__ import annotations

# Okabe & Ito, "Color universal design", 2008. Vermilion and blue are lightened so that text in
# them reaches a contrast of 4.5 on the background (WCAG 2.2, 1.4.3).
BACKGROUND = "#1b1d21"
TEXT = "#f2f2f2"
MUTED = "#9aa0a8"
GREEN = "#1fbf8f"
SKY_BLUE = "#56b4e9"
BLUE = "#5a9bd8"
YELLOW = "#f0e442"
ORANGE = "#e69f00"
VERMILION = "#ee7433"
PURPLE = "#d78fb8"

TARGET = GREEN
COIL = SKY_BLUE

PALETTE = (TEXT, MUTED, GREEN, SKY_BLUE, BLUE, YELLOW, ORANGE, VERMILION, PURPLE)
"""Every colour in which text may be written on `BACKGROUND`."""


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue of ``#rrggbb``, each 0 to 1 (sRGB)."""
    return (
        int(colour[1:3], 16) / 255,
        int(colour[3:5], 16) / 255,
        int(colour[5:7], 16) / 255,
    )


def relative_luminance(colour: str) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white), as WCAG 2.2 defines it."""
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((relative_luminance(first), relative_luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
