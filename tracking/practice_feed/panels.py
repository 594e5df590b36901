"""Flat printed things, drawn so that their edges are right to about a hundredth of a pixel.

In: a panel's texture and its pose in the camera. Out: its grey and coverage over a patch of
pixels. Each pixel is the mean over a grid of viewing rays, each met with the panel's plane; the
lens distortion enters through the rays, so there is no approximation but the sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.practice_feed.view import Image, View, lay_over

FloatArray = NDArray[np.float64]

TEXEL = 0.125
"""Side of a texture element of a printed panel, mm."""
INK, PAPER, PLASTIC = 26.0, 214.0, 72.0
QUIET = 4.0
RIM = 3.0
"""White margin of the outermost tags, and the plastic rim around the paper, mm."""
MARKER_CELLS = 8


@dataclass(frozen=True, eq=False)
class Panel:
    """A textured rectangle.

    Attributes
    ----------
    body_from_panel
        Pose of the panel: its front looks along -z, x and y run along the texture.
    low, high
        (2,) corners of the rectangle in the panel's x and y, mm.
    texture
        (rows, columns) grey.
    texel
        Side of a texture element, mm.
    subsamples
        Viewing rays per pixel and direction.
    """

    body_from_panel: RigidTransform
    low: FloatArray
    high: FloatArray
    texture: Image
    texel: float
    subsamples: int = 4

    def outline(self) -> FloatArray:
        """Give the rectangle's corners (4, 3) in the body's frame, mm."""
        (x0, y0), (x1, y1) = self.low, self.high
        flat = np.array([[x0, y0, 0.0], [x1, y0, 0.0], [x1, y1, 0.0], [x0, y1, 0.0]])
        return np.asarray(self.body_from_panel.apply(flat), dtype=np.float64)


def printed_panels(body: MarkerBody) -> list[Panel]:
    """Make the panels of a bent plate from where its tags lie: two tags on each."""
    tags = sorted(body.corners)
    columns = [tags[i : i + 2] for i in range(0, len(tags), 2)]
    return [
        _printed_panel(body, pair, side) for side, pair in zip((-1, 0, 1), columns, strict=True)
    ]


def _printed_panel(body: MarkerBody, tags: Sequence[int], side: int) -> Panel:
    """One panel; `side` says whether it is the left, middle or right one of the plate."""
    corners = np.concatenate([body.corners[tag] for tag in tags])
    size = float(np.linalg.norm(corners[1] - corners[0]))
    x = (corners[1] - corners[0]) / size
    y = (corners[3] - corners[0]) / size
    body_from_panel = RigidTransform.from_matrix(
        np.block([[np.column_stack([x, y, np.cross(x, y), corners.mean(axis=0)])], [0, 0, 0, 1]])
    )
    half = size / 2 + QUIET / 2
    outer = QUIET / 2 + RIM
    low = np.array([-half - outer * (side <= -1), -2 * half - outer])
    high = np.array([half + outer * (side >= 1), 2 * half + outer])
    columns, rows = np.rint((high - low) / TEXEL).astype(int)
    x_mm = low[0] + (np.arange(columns) + 0.5) * TEXEL
    y_mm = low[1] + (np.arange(rows) + 0.5) * TEXEL
    on_paper = (
        (np.abs(y_mm) < 2 * half + QUIET / 2)[:, None]
        & (x_mm > -half - (QUIET / 2) * (side <= -1))
        & (x_mm < half + (QUIET / 2) * (side >= 1))
    )
    texture = np.where(on_paper, PAPER, PLASTIC).astype(np.float32)
    dictionary = cv2.aruco.getPredefinedDictionary(_DICTIONARIES[body.family])
    for tag in tags:
        bits = cv2.aruco.generateImageMarker(dictionary, tag, MARKER_CELLS)
        centre = body_from_panel.inv().apply(body.corners[tag].mean(axis=0))
        column = np.floor((x_mm - centre[0] + size / 2) / size * MARKER_CELLS).astype(int)
        row = np.floor((y_mm - centre[1] + size / 2) / size * MARKER_CELLS).astype(int)
        inside_x = np.flatnonzero((column >= 0) & (column < MARKER_CELLS))
        inside_y = np.flatnonzero((row >= 0) & (row < MARKER_CELLS))
        cells = bits[np.ix_(row[inside_y], column[inside_x])]
        texture[np.ix_(inside_y, inside_x)] = np.where(cells > 0, PAPER, INK)
    # Ink bleeds a little, evenly to both sides; it also keeps the samples from aliasing.
    texture = np.asarray(cv2.GaussianBlur(texture, (0, 0), 0.15 / TEXEL), dtype=np.float32)
    return Panel(body_from_panel, low, high, texture, TEXEL)


_DICTIONARIES = {"36h11": cv2.aruco.DICT_APRILTAG_36h11}


def draw_panels(
    canvas: Image,
    view: View,
    panels: Sequence[Panel],
    camera_from_body: RigidTransform,
    light: FloatArray,
) -> None:
    """Draw the panels of one body on `canvas` in place; `light` (3,) points to the lamp.

    Panels that share an edge are added before they are laid over the canvas, so no seam shows.
    """
    outlines = [camera_from_body.apply(panel.outline()) for panel in panels]
    patch = view.patch_around(np.concatenate(outlines), margin=2)
    if patch is None:
        return
    rows, columns = patch
    colour = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
    cover = np.zeros_like(colour)
    for panel, outline in zip(panels, outlines, strict=True):
        camera_from_panel = camera_from_body * panel.body_from_panel
        back = camera_from_panel.rotation.as_matrix()[:, 2]
        part = view.patch_around(outline, margin=2)
        if part is None or back @ outline.mean(axis=0) <= 0:
            continue
        shade = np.float32(0.72 + 0.28 * max(float(-back @ light), 0.0))
        grey, covered = _sample(panel, camera_from_panel, view.rays[part])
        inner = tuple(
            slice(mine.start - all_.start, mine.stop - all_.start)
            for mine, all_ in zip(part, patch, strict=True)
        )
        colour[inner] += grey * shade
        cover[inner] += covered
    lay_over(canvas, patch, colour, np.minimum(cover, 1.0))


def _sample(
    panel: Panel, camera_from_panel: RigidTransform, rays: FloatArray
) -> tuple[Image, Image]:
    """Grey (times coverage) and coverage of a panel over a patch of rays (h, w, 2)."""
    axes = camera_from_panel.rotation.as_matrix()
    ray_from_panel = np.column_stack([axes[:, 0], axes[:, 1], camera_from_panel.translation])
    panel_from_ray = np.linalg.inv(ray_from_panel)
    homogeneous = rays @ panel_from_ray[:, :2].T + panel_from_ray[:, 2]
    hits = homogeneous[..., :2] / homogeneous[..., 2:]
    texels = ((hits - panel.low) / panel.texel - 0.5).astype(np.float32)
    height, width = rays.shape[:2]
    fine = (width * panel.subsamples, height * panel.subsamples)
    # Over one pixel the map is straight to 1e-4 px, so rays between centres are interpolated.
    fine_texels = cv2.resize(texels, fine, interpolation=cv2.INTER_LINEAR)
    columns, rows = fine_texels[..., 0], fine_texels[..., 1]
    grey = cv2.remap(
        panel.texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    texture_rows, texture_columns = panel.texture.shape
    inside = (
        (columns >= -0.5)
        & (columns < texture_columns - 0.5)
        & (rows >= -0.5)
        & (rows < texture_rows - 0.5)
    ).astype(np.float32)
    both = np.dstack([grey * inside, inside])
    pixels = cv2.resize(both, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(pixels[..., 0], np.float32), np.asarray(pixels[..., 1], np.float32)
