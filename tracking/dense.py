"""Poses from all pixels at the printed edges of a body's tags, in all cameras together.

In: a body's pose from its corners, and the images. Out: a :class:`DenseSolution`, or None where the
images do not clearly support one.

Gauss-Newton on SE(3) over grey levels with Huber weights. Unknown besides the pose: brightness of
ink and paper of each tag in each camera, and the width of each camera's blur, which would otherwise
be taken for a change of the tags' size and so of their distance. All are solved for together, so
the covariance holds what they leave uncertain. What was learned of the blur is a prior of the next
image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.dense_fit import Blur, Search, spread_of
from tracking.detection import TagObservation
from tracking.photometry import Patches, View
from tracking.ray_map import ray_map
from tracking.reprojection import Placement
from tracking.tag_prints import quiet_modules, tag_prints

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

APERTURE_PX2 = 1.0 / 12.0
"""Variance of the square that a pixel averages over."""

BLUR_DRIFT_PX2 = 0.02
"""Standard deviation of the change of the blur's variance from one image to the next."""

IMPLAUSIBLE = 27.9
"""Squared Mahalanobis distance from the corners' pose beyond which the result is not believed:
one in ten thousand of a chi-square of six degrees of freedom."""

CORNER_DOUBT = 4.0
"""By how much corners may be worse than their scatter about the pose tells: what they share, as a
blur that moves all sides outwards, leaves no residual."""


@dataclass(frozen=True, eq=False, slots=True)
class DenseSolution:
    """What was found.

    Attributes
    ----------
    world_from_body
        The pose.
    covariance
        (6, 6) of a left-hand error about the body's origin, as in :class:`PoseQuality`.
    rms_grey
        RMS residual of the pixels that counted, grey levels.
    psf_px
        Camera name -> standard deviation of its blur without the pixel's own square, px.
    tags
        (camera name, tag id) of the tags that the pose rests on.
    """

    world_from_body: RigidTransform
    covariance: FloatArray
    rms_grey: float
    psf_px: Mapping[str, float]
    tags: tuple[tuple[str, int], ...]


class DenseRefiner:
    """Refines the poses of `bodies` in images of `cameras`. Used by one thread at a time."""

    def __init__(self, cameras: Sequence[Camera], bodies: Sequence[MarkerBody]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._extrinsics = {camera.name: camera.camera_from_world.as_matrix() for camera in cameras}
        self._rays = {camera.name: ray_map(camera) for camera in cameras}
        self._prints = {body.name: tag_prints(body) for body in bodies}
        self._quiet = {body.name: quiet_modules(body) for body in bodies}
        self._blurs: dict[tuple[str, str], Blur] = {}
        self._patches: dict[str, Patches] = {}

    def refine(
        self,
        body: str,
        images: Mapping[str, GreyImage],
        observations: Mapping[str, Sequence[TagObservation]],
        world_from_body: RigidTransform,
        covariance: FloatArray,
    ) -> DenseSolution | None:
        """Refine the pose of the body named `body`.

        Parameters
        ----------
        body
            One of the refiner's bodies.
        images
            Camera name -> image (height, width) uint8.
        observations
            Camera name -> tags seen in it; those of other bodies are passed over.
        world_from_body, covariance
            The pose from the tags' corners and its covariance, as in :class:`PoseQuality`.

        Returns
        -------
        The refined pose; None if too little is left of the tags, if it does not converge, or if
        it ends where the corners cannot be.
        """
        prints = self._prints[body]
        seen = [
            (name, one.tag)
            for name, tags in observations.items()
            if name in images
            for one in tags
            if one.tag in prints
        ]
        if not seen:
            return None
        names = list(dict.fromkeys(name for name, _ in seen))
        views = [self._view(name, images[name]) for name in names]
        blurs = [self._blurs.setdefault((name, body), Blur()) for name in names]
        tags = [(names.index(name), prints[tag]) for name, tag in seen]
        start = world_from_body.as_matrix()
        search = Search(views, tags, self._quiet[body], blurs, self._patches.get(body))
        found = search.run(Placement(start[:3, :3], start[:3, 3]))
        if found is None:
            return None
        self._patches[body] = found.patches
        spread = spread_of(found)
        moved = _difference(start, found.placement)
        doubted = CORNER_DOUBT**2 * covariance
        if moved @ np.linalg.solve(doubted + spread[:6, :6], moved) > IMPLAUSIBLE:
            return None
        for index, blur in enumerate(blurs):
            blur.variance = float(found.variances[index])
            known = 1.0 / float(spread[6 + index, 6 + index])
            blur.information = 1.0 / (1.0 / known + BLUR_DRIFT_PX2**2)
        return DenseSolution(
            world_from_body=_transform(found.placement),
            covariance=spread[:6, :6],
            rms_grey=found.rms_grey,
            psf_px={
                name: math.sqrt(max(float(variance) - APERTURE_PX2, 0.0))
                for name, variance in zip(names, found.variances, strict=True)
            },
            tags=tuple(one for one, kept in zip(seen, found.kept.tolist(), strict=True) if kept),
        )

    def _view(self, name: str, image: GreyImage) -> View:
        extrinsics = self._extrinsics[name]
        return View(
            camera=self._cameras[name],
            image=np.ascontiguousarray(image),
            rays=self._rays[name],
            rotation=extrinsics[:3, :3],
            translation=extrinsics[:3, 3],
        )


def _difference(start: FloatArray, placement: Placement) -> FloatArray:
    """Left-hand error (6,) from `start` (4, 4) to `placement`, both near each other."""
    turn = placement.rotation @ start[:3, :3].T
    skew = (turn - turn.T) / 2
    return np.array([skew[2, 1], skew[0, 2], skew[1, 0], *(placement.translation - start[:3, 3])])


def _transform(placement: Placement) -> RigidTransform:
    matrix = np.eye(4)
    rotation = placement.rotation
    # A step towards the nearest orthonormal matrix (Bjorck and Bowie 1971) takes off rounding.
    matrix[:3, :3] = rotation @ (1.5 * np.eye(3) - 0.5 * rotation.T @ rotation)
    matrix[:3, 3] = placement.translation
    return RigidTransform(matrix, normalize=False)
