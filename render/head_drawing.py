"""The still part of the 3-D view: cortex and scalp, finely, or roughly while the camera moves.

In: both surfaces in ``mri``, then a projection. Out: one layer for each.

A rough drawing has fewer triangles, and its scalp half of the pixels each way: it takes less than
half of the time, and while the head turns one hardly sees it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkFiltersCore import vtkBinnedDecimation

from render.actors import LitSurface, poly_data
from render.layers import Layer, LayerWindow
from render.projection import Projection
from render.shading import cortex_colours
from render.surface import Surface

Number = TypeVar("Number", np.uint32, np.float32)

ROUGH_CELL = 3.0
"""In a rough drawing the vertices within a cube of this side become one, mm."""


class HeadDrawing:
    """Draws the head from anywhere. Used by one thread; `close` it."""

    def __init__(self, scalp: Surface, cortex: Surface) -> None:
        white = np.full((len(scalp.vertices), 3), 255, np.float32)
        self._scalp = _both(scalp, white)
        self._cortex = _both(cortex, cortex_colours(cortex))
        self.scalp_window, self.cortex_window = LayerWindow(), LayerWindow()
        self.scalp_window.add(*(lit.actor for lit in self._scalp))
        self.cortex_window.add(*(lit.actor for lit in self._cortex))

    def layers(self, projection: Projection, *, rough: bool) -> tuple[Layer, Layer]:
        """Draw cortex and scalp, the scalp white under a light at the eye."""
        cortex, scalp = _shown(self._cortex, rough), _shown(self._scalp, rough)
        cortex.light_softly(projection.view)
        scalp.light_from_eye(projection.view)
        drawn = self.cortex_window.grab(projection, projection.whole)
        if not rough:
            return drawn, self.scalp_window.grab(projection, projection.whole)
        width, height = (projection.width + 1) // 2, (projection.height + 1) // 2
        half = replace(projection, width=width, height=height)
        small = self.scalp_window.grab(half, half.whole)
        size = projection.height, projection.width
        return drawn, Layer(_doubled(small.pixels, size), _doubled(small.depth, size))

    def close(self) -> None:
        """Give the graphics memory back. Safe to call twice."""
        self.scalp_window.close()
        self.cortex_window.close()


def coarser(surface: Surface, cell: float) -> Surface:
    """Merge the vertices within each cube of side `cell` mm; the surface itself if none is left."""
    extent = np.ptp(surface.vertices, axis=0)
    binning = vtkBinnedDecimation()
    binning.SetInputData(poly_data(surface.vertices, surface.faces))
    binning.SetAutoAdjustNumberOfDivisions(False)
    binning.SetNumberOfDivisions(*(max(round(float(length) / cell), 1) for length in extent))
    binning.SetPointGenerationModeToBinAverages()
    binning.Update()
    result = binning.GetOutput()
    if result.GetNumberOfPolys() == 0:
        return surface
    triangles = vtk_to_numpy(result.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return Surface(vtk_to_numpy(result.GetPoints().GetData()), triangles)


def _both(surface: Surface, colours: NDArray[np.float32]) -> tuple[LitSurface, LitSurface]:
    """Make the fine and the rough form of a surface."""
    rough = coarser(surface, ROUGH_CELL)
    _distance, nearest = KDTree(surface.vertices).query(rough.vertices)
    return LitSurface(surface, colours), LitSurface(rough, colours[nearest])


def _shown(both: tuple[LitSurface, LitSurface], rough: bool) -> LitSurface:
    both[0].actor.SetVisibility(not rough)
    both[1].actor.SetVisibility(rough)
    return both[rough]


def _doubled(image: NDArray[Number], size: tuple[int, int]) -> NDArray[Number]:
    """Make four pixels of each, then leave out what lies beyond `size` (height, width)."""
    return image.repeat(2, axis=1).repeat(2, axis=0)[: size[0], : size[1]]
