"""Where a straight line first meets a surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from vtkmodules.vtkCommonCore import mutable
from vtkmodules.vtkCommonDataModel import vtkStaticCellLocator

from render.actors import poly_data
from render.surface import Surface


class RayCaster:
    """Answers in microseconds, after tens of milliseconds to prepare."""

    def __init__(self, surface: Surface) -> None:
        self._locator = vtkStaticCellLocator()
        self._locator.SetDataSet(poly_data(surface.vertices, surface.faces))
        self._locator.BuildLocator()

    def first_hit(
        self, origin: ArrayLike, direction: ArrayLike, length: float
    ) -> NDArray[np.float64] | None:
        """Give the (3,) first point of the surface along a line; None if there is none.

        The line starts at `origin` and goes along the unit vector `direction` for `length` mm.
        """
        start = np.asarray(origin, dtype=np.float64)
        end = start + length * np.asarray(direction, dtype=np.float64)
        point = [0.0, 0.0, 0.0]
        # VTK's own types say that t and the sub-cell are numbers; it wants references to them.
        met = self._locator.IntersectWithLine(  # type: ignore[call-overload]
            start.tolist(), end.tolist(), 1e-6, mutable(0.0), point, [0.0] * 3, mutable(0)
        )
        return np.array(point) if met else None
