"""Bundle adjustment of a marker body: its unknowns, its residuals and their derivatives.

In: what the cameras saw of the tags in a number of views. Out: residuals in pixels and a sparse
Jacobian for :mod:`tracking.calibration.body_adjustment`.

Unknown are where each tag is on the body (6 each; one tag stays where it is, which fixes the
frame), how each tag's printed square differs from a perfect one (6 shape modes, held by a prior),
one scale common to all tags, and the body's pose in each view (6 each).
A tag's own frame lies as in ``bent_plate``: origin at its centre, x across, y down as printed,
z into the sheet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tracking.bodies import MarkerBody
from tracking.calibration.rigid_errors import skew, turns
from tracking.calibration.tag_views import TagView
from tracking.cameras import Camera
from tracking.reprojection import sighting_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CORNERS = np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
"""Corners of a tag with half a side of 1, in its own frame."""

SHAPES = np.array(
    [
        [
            [x, y, 0.0],
            [x, -y, 0.0],
            [y, x, 0.0],
            [x * y, 0.0, 0.0],
            [0.0, x * y, 0.0],
            [0, 0, x * y],
        ]
        for x, y, _ in CORNERS
    ]
).transpose(0, 2, 1)
"""(4, 3, 6) how far each corner moves by each mode of shape: size, aspect, shear, two trapezes,
twist. With the six of rigid motion they span all that four corners can do."""

TAG_UNKNOWNS, VIEW_UNKNOWNS = 12, 6

NEAREST_MM = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """All tags seen, one row each; R rows of V views.

    Attributes
    ----------
    view, tag
        (R,) index of the view and of the tag.
    camera
        (R,) index of the camera.
    rays
        (R, 4, 2) corners on the plane z = 1 of their camera.
    scales
        (R, 4, 2, 2) derivative of the seen pixel by the ray.
    rotations, translations
        (R, 3, 3) and (R, 3) mm of ``camera_from_world``.
    precision
        (R, 4) reciprocal of each corner's noise relative to that of a large tag.
    """

    view: IntArray
    tag: IntArray
    camera: IntArray
    rays: FloatArray
    scales: FloatArray
    rotations: FloatArray
    translations: FloatArray
    precision: FloatArray

    def rows(self, kept: NDArray[np.bool_]) -> Seen:
        """Keep some rows only."""
        return Seen(
            self.view[kept],
            self.tag[kept],
            self.camera[kept],
            self.rays[kept],
            self.scales[kept],
            self.rotations[kept],
            self.translations[kept],
            self.precision[kept],
        )


@dataclass(frozen=True, eq=False, slots=True)
class Geometry:
    """The unknowns. N tags, V views.

    Attributes
    ----------
    half_sides
        (N,) half a side of each tag as assumed, mm; not unknown.
    log_scale
        Logarithm of how much larger everything is than assumed.
    shapes
        (N, 6) shape modes of each tag, mm at its corners.
    tag_rotations, tag_translations
        (N, 3, 3), (N, 3) mm: ``body_from_tag``.
    view_rotations, view_translations
        (V, 3, 3), (V, 3) mm: ``world_from_body``.
    """

    half_sides: FloatArray
    log_scale: float
    shapes: FloatArray
    tag_rotations: FloatArray
    tag_translations: FloatArray
    view_rotations: FloatArray
    view_translations: FloatArray

    def tag_corners(self) -> FloatArray:
        """Corners (N, 4, 3) of each tag in its own frame, mm."""
        square = np.exp(self.log_scale) * self.half_sides[:, None, None] * CORNERS
        return np.asarray(square + np.einsum("kxm,nm->nkx", SHAPES, self.shapes))

    def body_corners(self) -> FloatArray:
        """Corners (N, 4, 3) in the body's frame, mm."""
        turned = np.einsum("nxy,nky->nkx", self.tag_rotations, self.tag_corners())
        return np.asarray(turned + self.tag_translations[:, None])

    def moved(self, step: FloatArray) -> Geometry:
        """Apply a step of all unknowns, in the order of :func:`linearise`."""
        count = len(self.half_sides)
        of_tags = step[: TAG_UNKNOWNS * count].reshape(count, TAG_UNKNOWNS)
        of_views = step[TAG_UNKNOWNS * count + 1 :].reshape(-1, VIEW_UNKNOWNS)
        return replace(
            self,
            log_scale=self.log_scale + float(step[TAG_UNKNOWNS * count]),
            shapes=self.shapes + of_tags[:, 6:],
            tag_rotations=turns(of_tags[:, :3]) @ self.tag_rotations,
            tag_translations=self.tag_translations + of_tags[:, 3:6],
            view_rotations=turns(of_views[:, :3]) @ self.view_rotations,
            view_translations=self.view_translations + of_views[:, 3:],
        )

    @property
    def unknowns(self) -> int:
        """How many there are, those of the tag that stays included."""
        return TAG_UNKNOWNS * len(self.half_sides) + 1 + VIEW_UNKNOWNS * len(self.view_rotations)


def seen_of(
    views: Sequence[TagView], ids: Sequence[int], cameras: Mapping[str, Camera], family: str
) -> Seen:
    """Put what `views` show of the tags `ids` into arrays."""
    flat = MarkerBody("tags", family, dict.fromkeys(ids, CORNERS))
    index = {tag: number for number, tag in enumerate(ids)}
    numbers = {name: number for number, name in enumerate(cameras)}
    rows: list[tuple[int, int, int]] = []
    sightings = []
    for number, view in enumerate(views):
        sighting = sighting_of(flat, view.tags, cameras)
        if sighting is not None:
            sightings.append(sighting)
            rows += [(number, index[tag], numbers[camera]) for camera, tag in sighting.tags]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Seen(
        view=table[:, 0],
        tag=table[:, 1],
        camera=table[:, 2],
        rays=np.concatenate([one.rays for one in sightings]).reshape(-1, 4, 2),
        scales=np.concatenate([one.scales for one in sightings]).reshape(-1, 4, 2, 2),
        rotations=np.concatenate([one.rotations[::4] for one in sightings]),
        translations=np.concatenate([one.translations[::4] for one in sightings]),
        precision=np.concatenate([one.precision for one in sightings]).reshape(-1, 4),
    )


def residuals(seen: Seen, geometry: Geometry) -> FloatArray:
    """Residuals (R, 4, 2), seen minus expected, px."""
    return _expect(seen, geometry)[0]


def linearise(seen: Seen, geometry: Geometry) -> tuple[FloatArray, sparse.csr_array]:
    """Residuals (R, 4, 2) px and the Jacobian (8 R, unknowns) of the expected pixels.

    The unknowns follow one another as: of each tag a left-hand error of ``body_from_tag`` (rad,
    mm) and its shape (mm); the logarithm of the scale; of each view a left-hand error of
    ``world_from_body`` about the body's origin (rad, mm).
    """
    difference, by_world, arm = _expect(seen, geometry)
    rows, tags = len(seen.tag), len(geometry.half_sides)
    turned = geometry.tag_rotations[seen.tag]
    by_body = by_world @ geometry.view_rotations[seen.view][:, None]
    by_own = by_body @ turned[:, None]
    own_arm = geometry.tag_corners()[seen.tag] @ turned.transpose(0, 2, 1)
    square = np.exp(geometry.log_scale) * geometry.half_sides[seen.tag, None, None] * CORNERS
    values = np.empty((rows, 4, 2, TAG_UNKNOWNS + 1 + VIEW_UNKNOWNS))
    values[..., 0:3] = -by_body @ skew(own_arm)
    values[..., 3:6] = by_body
    values[..., 6:12] = by_own @ SHAPES
    values[..., 12:13] = by_own @ square[..., None]
    values[..., 13:16] = -by_world @ skew(arm)
    values[..., 16:19] = by_world
    scale = TAG_UNKNOWNS * tags
    columns = np.concatenate(
        [
            TAG_UNKNOWNS * seen.tag[:, None] + np.arange(TAG_UNKNOWNS),
            np.full((rows, 1), scale),
            scale + 1 + VIEW_UNKNOWNS * seen.view[:, None] + np.arange(VIEW_UNKNOWNS),
        ],
        axis=1,
    )
    width = columns.shape[1]
    jacobian = sparse.csr_array(
        (values.ravel(), columns.repeat(8, axis=0).ravel(), np.arange(0, 8 * rows + 1) * width),
        shape=(8 * rows, geometry.unknowns),
    )
    return difference, jacobian


def _expect(seen: Seen, geometry: Geometry) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Residuals, derivative (R, 4, 2, 3) of the expected pixels by ``world``, body's arm there."""
    turned = geometry.view_rotations[seen.view]
    arm = geometry.body_corners()[seen.tag] @ turned.transpose(0, 2, 1)
    in_world = arm + geometry.view_translations[seen.view][:, None]
    points = in_world @ seen.rotations.transpose(0, 2, 1) + seen.translations[:, None]
    inverse = 1.0 / np.maximum(points[..., 2:], NEAREST_MM)
    rays = points[..., :2] * inverse
    difference = (seen.scales @ (seen.rays - rays)[..., None])[..., 0]
    of_ray = seen.rotations[:, None, :2] - rays[..., None] * seen.rotations[:, None, 2:]
    return difference, seen.scales @ (of_ray * inverse[..., None]), arm
