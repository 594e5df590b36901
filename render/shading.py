"""Colours that make gyri readable: ridges light, furrows dark.

In: a cortex surface. Out: one colour for each vertex.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from render.surface import Surface, vertex_normals

RIDGE = np.array([246.0, 220.0, 204.0])
FURROW = np.array([118.0, 78.0, 76.0])


def furrow_depth(surface: Surface, steps: int = 24) -> NDArray[np.float32]:
    """How far each vertex lies under its smoothed surroundings along its normal, mm; ridges < 0.

    The surroundings are the mean of neighbours taken `steps` times.
    """
    count = len(surface.vertices)
    first = surface.faces[:, [0, 1, 2]].ravel()
    second = surface.faces[:, [1, 2, 0]].ravel()
    ones = np.ones(len(first), dtype=np.float32)
    neighbours = coo_array((ones, (first, second)), shape=(count, count)).tocsr()
    neighbours = neighbours + neighbours.T
    number = np.maximum(np.asarray(neighbours.sum(axis=1)), 1.0)[:, None].astype(np.float32)
    smooth = surface.vertices
    for _ in range(steps):
        smooth = ((neighbours @ smooth) / number).astype(np.float32)
    outward = vertex_normals(surface)
    depth: NDArray[np.float32] = ((smooth - surface.vertices) * outward).sum(axis=1)
    return depth


def cortex_colours(surface: Surface) -> NDArray[np.float32]:
    """(N, 3) sRGB colours of the cortex's vertices under full light, 0 to 255."""
    depth = furrow_depth(surface)
    spread = float(np.percentile(np.abs(depth), 90)) or 1.0
    furrow = 1.0 / (1.0 + np.exp(-2.6 * depth[:, None] / spread))
    colours: NDArray[np.float32] = (RIDGE + furrow * (FURROW - RIDGE)).astype(np.float32)
    return colours
