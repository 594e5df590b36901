"""Putting layers together by depth, pixel by pixel.

Three things lie in a pixel: what is opaque (cortex, markers), the translucent scalp, and the coil.
The coil may be before the scalp, between scalp and cortex, or behind the cortex; with F the
picture without a coil, C the opaque colour, t what the scalp lets through, K the coil's colour
times its opacity k,

    before the scalp     K + (1 - k) F
    behind the scalp     F + t (K - k C)        since F = scalp + t C
    behind the cortex    F

In and out: numpy arrays of equal height and width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from render.layers import Layer

Image = NDArray[np.uint8]
FloatImage = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Still:
    """The picture without the moving parts, with what is needed to put them in.

    Attributes
    ----------
    picture
        (h, w, 3) uint8, the finished picture F.
    planes
        (3, h, w) float32, F again, 0 to 255, one plane for each colour.
    opaque
        (3, h, w) float32, the picture C without scalp.
    opaque_depth, scalp_depth
        (h, w) float32; scalp_depth is 1 where no scalp covers the pixel.
    transmission
        (h, w) float32, t: 1 where no scalp covers the pixel.
    """

    picture: Image
    planes: FloatImage
    opaque: FloatImage
    opaque_depth: FloatImage
    scalp_depth: FloatImage
    transmission: FloatImage


@dataclass(frozen=True, eq=False, slots=True)
class ScalpLook:
    """How the scalp looks by how much it faces the viewer, in 255 steps; step 0 is no scalp.

    Attributes
    ----------
    glow
        (3, 256) float32, the scalp's own light, 0 to 255: its colour times its opacity.
    transmission
        (256,) float32, one minus its opacity.
    """

    glow: FloatImage
    transmission: FloatImage


def scalp_look(
    colour: tuple[float, float, float], opacity: float, rim_opacity: float, ambient: float = 0.12
) -> ScalpLook:
    """Shade a scalp that is denser where it turns away, as skin and glass do.

    `colour` is 0 to 1; `opacity` holds where the scalp faces the viewer, `rim_opacity` at its
    outline; `ambient` is the share of light that does not depend on direction.
    """
    facing = np.linspace(0.0, 1.0, 256)
    alpha = opacity + (rim_opacity - opacity) * (1.0 - facing) ** 2.5
    light = ambient + (1.0 - ambient) * facing
    alpha[0] = 0.0
    glow = 255.0 * np.asarray(colour)[:, None] * (light * alpha)
    return ScalpLook(glow.astype(np.float32), (1.0 - alpha).astype(np.float32))


def nearest(first: Layer, second: Layer) -> Layer:
    """Give in each pixel what lies nearer; both layers are opaque where they are drawn."""
    second_wins = second.depth < first.depth
    rgba = first.rgba.copy()
    rgba[second_wins] = second.rgba[second_wins]
    return Layer(rgba, np.where(second_wins, second.depth, first.depth))


def still_picture(
    opaque: Layer, scalp: Layer | None, look: ScalpLook, background: tuple[float, float, float]
) -> Still:
    """Lay the scalp over what is opaque.

    The scalp's layer was drawn white under a headlight: its red tells how much it faces the viewer.
    """
    ground = np.round(255 * np.asarray(background)).astype(np.uint8)
    empty = opaque.rgba[..., 3] == 0
    behind = _planes(opaque.rgba)
    for plane, level in zip(behind, ground, strict=True):
        plane[empty] = level
    height, width = empty.shape
    picture = np.empty((height, width, 3), dtype=np.uint8)
    if scalp is None:
        nothing = np.ones((height, width), dtype=np.float32)
        picture[:] = behind.transpose(1, 2, 0)
        return Still(picture, behind.copy(), behind, opaque.depth, nothing, nothing)
    shows = (scalp.rgba[..., 3] > 0) & (scalp.depth < opaque.depth)
    step = np.where(shows, np.maximum(scalp.rgba[..., 0], 1), 0)
    transmission = look.transmission.take(step)
    planes = behind * transmission
    for channel in range(3):
        plane = planes[channel]
        plane += look.glow[channel].take(step)
        picture[..., channel] = plane + np.float32(0.5)
    scalp_depth = np.where(shows, scalp.depth, np.float32(1.0))
    return Still(picture, planes, behind, opaque.depth, scalp_depth, transmission)


def put_in(still: Still, rows: slice, columns: slice, moving: Layer) -> Image:
    """Give `still` with a moving layer put in at some rows and columns, as a new picture."""
    alpha = moving.rgba[..., 3] * np.float32(1 / 255)
    behind_scalp = moving.depth >= still.scalp_depth[rows, columns]
    share = np.where(behind_scalp, still.transmission[rows, columns], np.float32(1.0))
    share *= moving.depth < still.opaque_depth[rows, columns]
    picture = still.picture.copy()
    part = picture[rows, columns]
    for channel in range(3):
        before = still.planes[channel, rows, columns]
        covered = np.where(behind_scalp, still.opaque[channel, rows, columns], before)
        change = moving.rgba[..., channel].astype(np.float32)
        change -= alpha * covered
        change *= share
        change += before
        change += np.float32(0.5)
        part[..., channel] = np.clip(change, 0, 255)
    return picture


def _planes(rgba: Image) -> FloatImage:
    """Give (3, h, w) float32: numpy is much faster on planes than on interleaved colours."""
    return np.ascontiguousarray(rgba[..., :3].transpose(2, 0, 1)).astype(np.float32)
