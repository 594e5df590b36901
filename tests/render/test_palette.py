"""Colours are told apart: contrast computed as WCAG defines it."""

from __future__ import annotations

import itertools

import pytest

from render import palette
from render.bullseye import STATE_COLOUR


@pytest.mark.parametrize("colour", palette.PALETTE)
def test_text_can_be_read_on_the_background(colour: str) -> None:
    assert palette.contrast(colour, palette.BACKGROUND) >= 4.5


def test_contrast_has_the_known_extremes() -> None:
    assert palette.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert palette.contrast("#777777", "#777777") == pytest.approx(1)
    assert palette.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_states_can_be_told_by_those_who_do_not_see_red_or_green() -> None:
    # Viénot, Brettel and Mollon 1999 in linear light: both dichromats see red and green only as
    # their mixture; protanopes weigh green almost alone.
    weights = {"protan": (0.112, 0.888), "deutan": (0.293, 0.707)}
    for red_weight, green_weight in weights.values():
        seen = []
        for colour in STATE_COLOUR.values():
            red, green, blue = (channel**2.2 for channel in palette.rgb(colour))
            yellow = red_weight * red + green_weight * green
            seen.append((yellow, blue))
        for first, second in itertools.combinations(seen, 2):
            assert max(abs(a - b) for a, b in zip(first, second, strict=True)) > 0.07
