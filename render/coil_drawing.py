"""The moving part of the 3-D view: the coil, its normal line and the line of its error.

In: a coil model; for each frame the coil's pose and what it aims at. Out: a layer and the box of
pixels that it covers.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from render import palette
from render.actors import mesh_actor, place_rigid, stretch_between
from render.coil_model import (
    CoilModel,
    casing_mesh,
    centre_cross_mesh,
    handle_mesh,
    notch_mesh,
    windings_mesh,
)
from render.layers import Layer, LayerWindow
from render.markers import line_mesh
from render.meshes import sphere
from render.projection import Box, Projection

CASING = (0.20, 0.40, 0.68)
HANDLE = (0.30, 0.40, 0.54)
WINDING = (0.62, 0.83, 0.98)
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

    def __init__(self, coil: CoilModel, casing_opacity: float) -> None:
        self._rigid = [
            mesh_actor(handle_mesh(coil), HANDLE, opacity=casing_opacity),
            mesh_actor(casing_mesh(coil), CASING, opacity=casing_opacity),
            mesh_actor(windings_mesh(coil), WINDING, glow=0.25),
            mesh_actor(notch_mesh(coil), NOTCH, glow=0.3),
            mesh_actor(centre_cross_mesh(coil), WINDING, glow=0.4),
        ]
        self._normal = mesh_actor(line_mesh(0.9), AIM, glow=0.5)
        self._aim = mesh_actor(sphere(np.zeros(3), 2.4), AIM, glow=0.3)
        self._error = mesh_actor(line_mesh(0.9), ERROR, glow=0.5)
        bounds = np.array([actor.GetBounds() for actor in self._rigid])
        low, high = bounds[:, ::2].min(axis=0), bounds[:, 1::2].max(axis=0)
        self._corners = np.stack(np.meshgrid(*np.stack([low, high], axis=1)), -1).reshape(-1, 3)
        self._layer = LayerWindow()
        # The lines come first, so that the casing in front of them is blended over them.
        self._layer.add(self._normal, self._aim, self._error, *self._rigid)

    def draw(
        self,
        projection: Projection,
        mri_from_coil: RigidTransform,
        aim: NDArray[np.float64],
        target: NDArray[np.float64] | None,
        state: CoilState,
    ) -> tuple[Box, Layer] | None:
        """Draw the coil.

        Parameters
        ----------
        projection
            Camera and picture size.
        mri_from_coil
            Pose of the coil.
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
        box = projection.box_around(np.stack(self._place(mri_from_coil, aim, target)))
        if box.empty:
            return None
        self._layer.aim(projection)
        layer = self._layer.grab(box)
        return box, _ghost(layer) if state is CoilState.STALE else layer

    def _place(
        self,
        mri_from_coil: RigidTransform,
        aim: NDArray[np.float64],
        target: NDArray[np.float64] | None,
    ) -> list[NDArray[np.float64]]:
        """Move everything; give points whose hull holds it."""
        origin = mri_from_coil.translation
        for actor in self._rigid:
            place_rigid(actor, mri_from_coil)
        place_rigid(self._aim, RigidTransform.from_translation(aim))
        stretch_between(self._normal, origin, aim)
        self._error.SetVisibility(target is not None)
        if target is not None:
            stretch_between(self._error, origin, target)
        ends = [aim] if target is None else [aim, target]
        return [*mri_from_coil.apply(self._corners), *ends]

    def close(self) -> None:
        """Give the graphics memory back. Safe to call twice."""
        self._layer.close()


def _ghost(layer: Layer) -> Layer:
    """Take the colour out and most of the opacity."""
    pixels = layer.rgba.astype(np.float32) * np.float32(STALE_STRENGTH)
    grey = pixels[..., :3] @ np.array([0.3, 0.59, 0.11], dtype=np.float32)
    pixels[..., :3] = grey[..., None]
    return replace(layer, rgba=pixels.astype(np.uint8))
