"""The moving part of the 3-D view: the coil, its normal line and the line of its error.

In: a coil model; for each frame the coil's pose and what it aims at. Out: a layer and the box of
pixels that it covers.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from render import palette
from render.actors import (
    box_corners,
    lit_mesh,
    mesh_actor,
    place,
    place_at,
    solid_actor,
    stretch_between,
)
from render.coil_model import (
    CoilModel,
    back_rim_mesh,
    centre_cross_mesh,
    handle_mesh,
    notch_mesh,
    rim_mesh,
    windings_mesh,
)
from render.layers import Layer, LayerWindow
from render.markers import line_mesh
from render.meshes import sphere
from render.projection import Box, Projection

FloatArray = NDArray[np.float64]

RIM = (0.45, 0.80, 1.00)
BACK_RIM = (0.10, 0.36, 0.70)
WINDING = (0.10, 0.47, 0.92)
CROSS = (0.85, 0.95, 1.00)
NOTCH = palette.rgb(palette.YELLOW)
AIM = palette.rgb(palette.SKY_BLUE)
ERROR = palette.rgb(palette.VERMILION)
STALE_STRENGTH = 0.45


class CoilState(StrEnum):
    """How far the coil's pose can be believed."""

    LIVE = "live"
    """Drawn in full."""
    STALE = "stale"
    """Drawn as a grey ghost: it was there, it may be elsewhere now."""
    HIDDEN = "hidden"
    """Not drawn."""


class CoilDrawing:
    """Draws a coil wherever it is. Used by one thread; `close` it."""

    def __init__(self, coil: CoilModel) -> None:
        parts = [
            lit_mesh(windings_mesh(coil), WINDING, glow=0.4, crease_deg=130.0),
            lit_mesh(back_rim_mesh(coil), BACK_RIM, glow=0.4, crease_deg=100.0),
            lit_mesh(rim_mesh(coil), RIM, glow=0.4, crease_deg=100.0),
            lit_mesh(handle_mesh(coil), RIM, glow=0.3, crease_deg=100.0),
            lit_mesh(notch_mesh(coil), NOTCH, glow=0.3),
            lit_mesh(centre_cross_mesh(coil), CROSS, glow=0.5),
        ]
        self._rigid = solid_actor(*parts)
        self._normal = mesh_actor(line_mesh(0.9), AIM, glow=0.5)
        self._aim = mesh_actor(sphere(np.zeros(3), 2.4), AIM, glow=0.3)
        self._error = mesh_actor(line_mesh(0.9), ERROR, glow=0.5)
        self._corners = np.concatenate([box_corners(part.GetBounds()) for part in parts])
        self._layer = LayerWindow()
        self._layer.add(self._rigid, self._normal, self._aim, self._error)

    def draw(
        self,
        projection: Projection,
        mri_from_coil: FloatArray,
        aim: FloatArray,
        target: FloatArray | None,
        state: CoilState,
    ) -> tuple[Box, Layer] | None:
        """Draw the coil.

        Parameters
        ----------
        projection
            Camera and picture size.
        mri_from_coil
            (4, 4) pose of the coil.
        aim
            (3,) end of the normal line.
        target
            (3,) end of the line of error; None for no such line.
        state
            How far the pose can be believed.

        Returns
        -------
        tuple or None
            The box of pixels and the layer within it; None if nothing is in the picture.
        """
        if state is CoilState.HIDDEN:
            return None
        box = projection.box_around(self._place(mri_from_coil, aim, target))
        if box.empty:
            return None
        layer = self._layer.grab(projection, box)
        return box, _ghost(layer) if state is CoilState.STALE else layer

    def _place(
        self, mri_from_coil: FloatArray, aim: FloatArray, target: FloatArray | None
    ) -> FloatArray:
        """Move everything; give (N, 3) points whose hull holds it."""
        origin = mri_from_coil[:3, 3]
        place(self._rigid, mri_from_coil)
        place_at(self._aim, aim)
        stretch_between(self._normal, origin, aim)
        self._error.SetVisibility(target is not None)
        if target is not None:
            stretch_between(self._error, origin, target)
        corners = self._corners @ mri_from_coil[:3, :3].T + origin
        return np.vstack([corners, aim] if target is None else [corners, aim, target])

    def close(self) -> None:
        """Give the graphics memory back. Safe to call twice."""
        self._layer.close()


def _ghost(layer: Layer) -> Layer:
    """Take the colour out and most of the opacity."""
    rgba = layer.pixels.view(np.uint8).reshape(*layer.depth.shape, 4) * np.float32(STALE_STRENGTH)
    rgba[..., :3] = (rgba[..., :3] @ np.array([0.3, 0.59, 0.11], dtype=np.float32))[..., None]
    return replace(layer, pixels=rgba.astype(np.uint8).view(np.uint32)[..., 0], opaque=False)
