"""Laying pixels over each other against exact arithmetic."""

from __future__ import annotations

import numpy as np

from render.composite import over


def test_over_is_exact_to_a_step_and_never_overflows() -> None:
    alpha, colour, below = np.meshgrid(np.arange(256), [0, 1, 100, 254, 255], np.arange(256))
    upper_colour = np.minimum(colour, alpha)
    pixels = [
        np.stack([c, 0 * c, c, a], axis=-1).astype(np.uint8).view(np.uint32).ravel()
        for c, a in ((upper_colour, alpha), (below, np.full_like(alpha, 255)))
    ]
    result = over(*pixels).view(np.uint8).reshape(*alpha.shape, 4).astype(float)
    exact = upper_colour + (1 - alpha / 255) * below
    assert np.abs(result[..., 0] - exact).max() <= 1
    assert np.abs(result[..., 2] - exact).max() <= 1
    assert (result[..., 1] == 0).all()
    assert (result[..., 3] == 255).all()
