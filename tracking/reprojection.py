"""How far a body at a pose would appear from where its tags were seen, and how that changes.

In: a body, tag observations of any number of cameras. Out: residuals in pixels and their Jacobian
with respect to a small error of the pose, as the pose solver needs them.

Seen corners are undistorted once. Residuals are taken between rays and led back to pixels by the
derivative of the distortion at the seen corner: exact to first order in the residual, so to less
than 0.001 px where a pose fits, and all corners of all cameras take part in each array operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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

NEAREST_MM = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Sighting:
    """The corners of one body that all cameras see, four of each tag following one another.

    Attributes
    ----------
    tags
        (camera name, tag id) of the T tags; M = 4 T.
    points
        (M, 3) corners in the body's frame, mm.
    rays
        (M, 2) where they were seen, on the plane z = 1 of their camera.
    rotations, translations
        (M, 3, 3) and (M, 3) mm of ``camera_from_world`` of their camera.
    scales
        (M, 2, 2) derivative of the seen pixel by the ray.
    precision
        (M,) reciprocal of each corner's noise relative to that of a large tag.
    lags
        (M,) capture time of their image relative to the time of the pose, s; mostly negative.
    outwards
        (M, 2) how a corner moves when all sides of its tag move out of it by one pixel.
    """

    tags: tuple[tuple[str, int], ...]
    points: FloatArray
    rays: FloatArray
    rotations: FloatArray
    translations: FloatArray
    scales: FloatArray
    precision: FloatArray
    lags: FloatArray
    outwards: FloatArray

    @property
    def together(self) -> bool:
        """Whether all images were taken at the time of the pose."""
        return not self.lags.any()

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras that see something."""
        return tuple(dict.fromkeys(camera for camera, _ in self.tags))

    def without(self, index: int) -> Sighting:
        """Leave out the tag at `index`."""
        kept = np.ones(len(self.points), dtype=bool)
        kept[4 * index : 4 * index + 4] = False
        return Sighting(
            tags=self.tags[:index] + self.tags[index + 1 :],
            points=self.points[kept],
            rays=self.rays[kept],
            rotations=self.rotations[kept],
            translations=self.translations[kept],
            scales=self.scales[kept],
            precision=self.precision[kept],
            lags=self.lags[kept],
            outwards=self.outwards[kept],
        )


@dataclass(frozen=True, eq=False, slots=True)
class Placement:
    """A pose as plain arrays, for speed: (3, 3) rotation and (3,) translation, mm.

    `twist` (6,) is the body's velocity: angular (rad/s), then of its origin (mm/s), ``world`` axes.
    """

    rotation: FloatArray
    translation: FloatArray
    twist: FloatArray = field(default_factory=lambda: np.zeros(6))

    def moved(self, step: FloatArray) -> Placement:
        """Apply a left-hand error about the body's origin: rotation vector, then translation.

        Six more numbers are added to the velocity.
        """
        turn, _ = cv2.Rodrigues(step[:3])
        twist = self.twist + step[6:] if len(step) > 6 else self.twist
        return Placement(turn @ self.rotation, self.translation + step[3:6], twist)


def sighting_of(
    body: MarkerBody,
    observations: Mapping[str, Sequence[TagObservation]],
    cameras: Mapping[str, Camera],
    lags: Mapping[str, float] | None = None,
) -> Sighting | None:
    """Gather what the cameras see of `body`; tags that are not on it are passed over.

    `lags` gives for a camera when its image was taken, relative to the time of the pose, s; zero
    where it has no entry. None if nothing of the body is seen.
    """
    late = {} if lags is None else lags
    tags: list[tuple[str, int]] = []
    quads: list[FloatArray] = []
    parts: list[tuple[FloatArray, ...]] = []
    for name, seen in observations.items():
        own = [observation for observation in seen if observation.tag in body.corners]
        if own:
            tags += [(name, observation.tag) for observation in own]
            quads += [observation.corners for observation in own]
            parts.append(_rays_of(cameras[name], quads[-len(own) :]))
    if not tags:
        return None
    rays, scales, rotations, translations = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    corners = np.array(quads)
    return Sighting(
        tags=tuple(tags),
        points=np.concatenate([body.corners[tag] for _, tag in tags]),
        rays=rays,
        rotations=rotations,
        translations=translations,
        scales=scales,
        precision=_precision(corners).repeat(4),
        outwards=_outwards(_normals(corners)),
        lags=np.array([late.get(camera, 0.0) for camera, _ in tags]).repeat(4),
    )


def residuals(sighting: Sighting, placement: Placement) -> tuple[FloatArray, FloatArray]:
    """Residuals (M, 2) px, seen minus expected, and Jacobian (M, 2, 6) of the expected pixels.

    The six are a left-hand error of ``world_from_body`` about the body's origin: rotation vector
    (rad) and translation (mm), in ``world`` axes: ``x_world = exp(w) R p + t + v``. Where images
    were not taken at the time of the pose, the placement's twist leads from one to the other; the
    derivative by the twist is the lag times the one by the pose, to first order in the turn
    between them.
    """
    arm = sighting.points @ placement.rotation.T
    if not sighting.together:
        arm = _turned(arm, placement.twist[:3], sighting.lags)
        arm_to = arm + sighting.lags[:, None] * placement.twist[3:]
    else:
        arm_to = arm
    in_world = (arm_to + placement.translation)[:, None, :]
    x, y, z = ((sighting.rotations * in_world).sum(axis=2) + sighting.translations).T
    behind = z <= NEAREST_MM
    inverse = 1.0 / np.maximum(z, NEAREST_MM)
    rays = np.array([x * inverse, y * inverse]).T[:, :, None]
    difference = (sighting.scales @ (sighting.rays[:, :, None] - rays))[:, :, 0]
    # The derivative of (x / z, y / z) by (x, y, z) is (1 0 -x/z; 0 1 -y/z) / z.
    of_ray = (sighting.rotations[:, :2] - rays * sighting.rotations[:, 2:]) * inverse[:, None, None]
    jacobian: FloatArray = np.empty((len(arm), 2, 6))
    by_shift = np.matmul(sighting.scales, of_ray, out=jacobian[:, :, 3:])
    np.matmul(by_shift, _turning(arm), out=jacobian[:, :, :3])
    if behind.any():
        difference[behind] = BEHIND_PX
        jacobian[behind] = 0.0
    return difference, jacobian


def _turned(arm: FloatArray, angular: FloatArray, lags: FloatArray) -> FloatArray:
    """Turn (M, 3) vectors by an angular velocity (3,) for (M,) seconds each."""
    turned = arm.copy()
    for lag in set(lags.tolist()) - {0.0}:
        turn, _ = cv2.Rodrigues(angular * lag)
        turned[lags == lag] = arm[lags == lag] @ turn.T
    return turned


def _turning(arm: FloatArray) -> FloatArray:
    """Differentiate ``w x arm`` by w: (M, 3, 3)."""
    by_turn = np.zeros((len(arm), 3, 3))
    x, y, z = arm.T
    by_turn[:, 0, 1], by_turn[:, 1, 2], by_turn[:, 2, 0] = z, x, y
    by_turn[:, 1, 0], by_turn[:, 2, 1], by_turn[:, 0, 2] = -z, -x, -y
    return by_turn


def _rays_of(camera: Camera, quads: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
    """Rays, scales, rotations and translations of corners that `camera` sees."""
    rays = camera.undistort(np.concatenate(quads))
    count = len(rays)
    on_plane = np.ones((count, 3))
    on_plane[:, :2] = rays
    _, jacobian = cv2.projectPoints(
        on_plane, np.zeros(3), np.zeros(3), camera.matrix, camera.distortion
    )
    # At zero rotation and depth 1 the derivative by the translation is the one by the ray.
    scales = np.asarray(jacobian, dtype=np.float64)[:, 3:5].reshape(count, 2, 2)
    extrinsics = camera.camera_from_world.as_matrix()[None]
    return (
        rays,
        scales,
        extrinsics[:, :3, :3].repeat(count, axis=0),
        extrinsics[:, :3, 3].repeat(count, axis=0),
    )


def _precision(quads: FloatArray) -> FloatArray:
    """Precision (T,) of the corners of tags (T, 4, 2), 1 for a large tag.

    On rendered tags the noise grows with the square of how narrow a tag appears: 0.026 px from
    36 px on, 0.05 px at 28 px, 0.1 px at 18 px.
    """
    sides = quads - quads[:, [3, 0, 1, 2]]
    longest = np.hypot(sides[:, :, 0], sides[:, :, 1]).max(axis=1)
    one, other = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    area = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    width = area / np.maximum(longest, 1e-9)
    share = np.minimum(np.maximum(width / LARGE_TAG_PX, 0.3), 1.0)
    return np.asarray(share * share, dtype=np.float64)


def _normals(quads: FloatArray) -> FloatArray:
    """Give unit normals (T, 4, 2) out of tags (T, 4, 2); side k leads from corner k onwards."""
    sides = quads[:, [1, 2, 3, 0]] - quads
    lengths = np.maximum(np.hypot(sides[:, :, 0], sides[:, :, 1]), 1e-9)
    return np.stack([sides[:, :, 1], -sides[:, :, 0]], axis=2) / lengths[:, :, None]


def _outwards(after: FloatArray) -> FloatArray:
    """Motion (4 T, 2) of corners when all sides, of normals (T, 4, 2), move out by one pixel."""
    before = after[:, [3, 0, 1, 2]]
    # The corner lies where both lines do: its motion has length one along either normal.
    along = 1.0 + (after * before).sum(axis=2, keepdims=True)
    return np.asarray((after + before) / np.maximum(along, 0.2), dtype=np.float64).reshape(-1, 2)
