"""How far a body at a pose would appear from where its tags were seen, and how that changes.

In: a body, tag observations of any number of cameras. Out: residuals in pixels and their Jacobian
with respect to a small error of the pose, as the pose solver needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.detection import TagObservation

FloatArray = NDArray[np.float64]

LARGE_TAG_PX = 36.0
"""Width from which a tag's corners do not get better."""

BEHIND_PX = 1e4
"""Residual of a point that would lie behind its camera."""


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """The corners of one body that one camera sees.

    Attributes
    ----------
    camera
        The camera.
    rotation, translation
        Of ``camera_from_world``, (3, 3) and (3,) mm.
    tags
        Ids of the tags seen, four corners of each following one another in the arrays.
    points
        (4 T, 3) corners in the body's frame, mm.
    pixels
        (4 T, 2) where they were seen.
    precision
        (4 T,) reciprocal of each corner's noise relative to that of a large tag.
    """

    camera: Camera
    rotation: FloatArray
    translation: FloatArray
    tags: tuple[int, ...]
    points: FloatArray
    pixels: FloatArray
    precision: FloatArray

    def without(self, tag: int) -> View:
        """Leave out `tag`."""
        kept = np.repeat([one != tag for one in self.tags], 4)
        return replace(
            self,
            tags=tuple(one for one in self.tags if one != tag),
            points=self.points[kept],
            pixels=self.pixels[kept],
            precision=self.precision[kept],
        )


@dataclass(frozen=True, eq=False, slots=True)
class Placement:
    """A pose as plain arrays, for speed: (3, 3) rotation and (3,) translation, mm."""

    rotation: FloatArray
    translation: FloatArray

    def moved(self, step: FloatArray) -> Placement:
        """Apply a left-hand error about the body's origin: rotation vector, then translation."""
        turn, _ = cv2.Rodrigues(np.ascontiguousarray(step[:3]))
        return Placement(turn @ self.rotation, self.translation + step[3:])


def views_of(
    body: MarkerBody,
    observations: Mapping[str, Sequence[TagObservation]],
    cameras: Mapping[str, Camera],
) -> tuple[View, ...]:
    """Gather what the cameras see of `body`; tags that are not on it are passed over."""
    views = []
    for name, seen in observations.items():
        own = [observation for observation in seen if observation.tag in body.corners]
        if not own:
            continue
        camera = cameras[name]
        pixels = np.stack([observation.corners for observation in own])
        extrinsics = camera.camera_from_world.as_matrix()
        views.append(
            View(
                camera=camera,
                rotation=extrinsics[:3, :3],
                translation=extrinsics[:3, 3],
                tags=tuple(observation.tag for observation in own),
                points=np.concatenate([body.corners[observation.tag] for observation in own]),
                pixels=pixels.reshape(-1, 2),
                precision=np.repeat(_precision(pixels), 4),
            )
        )
    return tuple(views)


def residuals(views: Sequence[View], placement: Placement) -> tuple[FloatArray, FloatArray]:
    """Residuals (M, 2) px, seen minus expected, and Jacobian (M, 2, 6) of the expected pixels.

    The six are a left-hand error of ``world_from_body`` about the body's origin: rotation vector
    (rad) and translation (mm), in ``world`` axes: ``x_world = exp(w) R p + t + v``.
    """
    parts, jacobians = [], []
    for view in views:
        arm = view.points @ placement.rotation.T
        seen_from = (arm + placement.translation) @ view.rotation.T + view.translation
        pixels, by_point = _project(view.camera, seen_from)
        by_shift = by_point @ view.rotation
        by_turn = _cross(arm[:, None, :], by_shift)
        behind = seen_from[:, 2] <= 1.0
        difference = view.pixels - pixels
        if behind.any():
            difference[behind] = BEHIND_PX
            by_turn[behind] = by_shift[behind] = 0.0
        parts.append(difference)
        jacobians.append(np.concatenate([by_turn, by_shift], axis=2))
    return np.concatenate(parts), np.concatenate(jacobians)


def _precision(quads: FloatArray) -> FloatArray:
    """Precision (T,) of the corners of tags (T, 4, 2), 1 for a large tag.

    On rendered tags the noise grows with the square of how narrow a tag appears: 0.026 px from
    36 px on, 0.05 px at 28 px, 0.1 px at 18 px.
    """
    sides = quads - np.roll(quads, 1, axis=1)
    longest = np.sqrt(np.square(sides).sum(axis=2).max(axis=1))
    one, other = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    area = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    width = area / np.maximum(longest, 1e-9)
    return np.asarray(np.clip(width / LARGE_TAG_PX, 0.3, 1.0) ** 2, dtype=np.float64)


def _project(camera: Camera, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pixels (N, 2) of `points` in the camera's frame and their derivative (N, 2, 3)."""
    pixels, jacobian = cv2.projectPoints(
        np.ascontiguousarray(points), np.zeros(3), np.zeros(3), camera.matrix, camera.distortion
    )
    # At zero rotation the derivative by the translation is the one by the point itself.
    by_point = np.asarray(jacobian, dtype=np.float64)[:, 3:6].reshape(-1, 2, 3)
    return np.asarray(pixels, dtype=np.float64).reshape(-1, 2), by_point


def _cross(first: FloatArray, second: FloatArray) -> FloatArray:
    """Cross product along the last axis (numpy's own is several times slower here)."""
    ax, ay, az = first[..., 0], first[..., 1], first[..., 2]
    bx, by, bz = second[..., 0], second[..., 1], second[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)
