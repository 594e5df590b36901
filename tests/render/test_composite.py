"""Laying pixels over each other against exact arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from render.composite import Still, over, put_in
from render.layers import Layer
from render.projection import Box

Bytes = NDArray[np.uint8]


def packed(rgba: Bytes) -> NDArray[np.uint32]:
    return np.ascontiguousarray(rgba).view(np.uint32)[..., 0]


def laid_over(upper: Bytes, lower: NDArray[np.float64]) -> NDArray[np.float64]:
    return upper + (1 - upper[..., 3:] / 255) * lower


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


@pytest.mark.parametrize("opaque", [True, False])
def test_put_in_lays_each_pixel_by_its_depth_within_the_box_only(opaque: bool) -> None:
    random = np.random.default_rng(3)
    shape, box = (20, 30), Box(4, 3, 25, 17)
    part = (box.bottom - box.top, box.right - box.left)
    ground = random.integers(0, 256, (*shape, 4), dtype=np.uint8)
    ground[..., 3] = 255
    scalp = np.minimum(random.integers(0, 256, (*shape, 4)), 100).astype(np.uint8)
    scalp[..., 3] = 100
    opaque_depth = random.uniform(0.3, 1.0, shape).astype(np.float32)
    front_depth = opaque_depth * random.choice([0.6, 1.0], shape).astype(np.float32)
    scalp[front_depth == opaque_depth] = 0
    picture = laid_over(scalp, ground.astype(float))
    still = Still(
        packed(np.round(picture).astype(np.uint8)),
        packed(ground),
        packed(scalp),
        opaque_depth,
        front_depth,
    )
    alpha = 255 if opaque else 115
    drawn = random.random(part) < 0.7
    coil = np.where(drawn[..., None], random.integers(0, alpha, (*part, 4)), 0).astype(np.uint8)
    coil[..., 3] = np.where(drawn, alpha, 0)
    depth = np.where(drawn, random.random(part), 1.0).astype(np.float32)
    # VTK's layers lie in memory with their lowest row first.
    moving = Layer(packed(coil[::-1])[::-1], depth[::-1].copy()[::-1], opaque)

    expected, cut = picture.copy(), box.slices
    before, hidden = depth < front_depth[cut], depth >= opaque_depth[cut]
    behind = laid_over(scalp[cut], laid_over(coil, ground[cut].astype(float)))
    nearest = np.where(before[..., None], laid_over(coil, picture[cut]), behind)
    expected[cut] = np.where(hidden[..., None], picture[cut], nearest)
    result = put_in(still, box, moving).view(np.uint8).reshape(*shape, 4)
    assert all(case.any() for case in (before, hidden, ~before & ~hidden))
    assert np.abs(result - expected).max() <= 2
