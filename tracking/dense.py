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

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.dense_fit import Blur, Found, Search, spread_of
from tracking.detection import TagObservation
from tracking.photometry import Patches, View
from tracking.ray_map import ray_map
from tracking.reprojection import NEAREST_MM, Placement
from tracking.tag_prints import TagPrint, quiet_modules, tag_prints

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

LEAST_SLANT = 0.35
LEAST_MODULE_PX = 1.6
BORDER_PX = 8.0
"""Tags that were not read take part if the sine of the angle under which they are seen, their
modules and their distance from the image's border are at least these."""


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


@dataclass(frozen=True, eq=False, slots=True)
class _Answer:
    """What a search in the images of cameras `names` came to, and on which tags that rests.

    `spread` is the covariance of the pose (6) and of the blurs (C).
    """

    names: tuple[str, ...]
    found: Found
    spread: FloatArray
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
            Camera name -> image (height, width) uint8. All are looked at, also those in which no
            tag was read.
        observations
            Camera name -> tags read in it; those of other bodies are passed over.
        world_from_body, covariance
            The pose from the tags' corners and its covariance, as in :class:`PoseQuality`.

        Returns
        -------
        The refined pose; None if too little is left of the tags, if it does not converge, or if
        it ends where the corners cannot be.
        """
        start = world_from_body.as_matrix()
        begin = Placement(start[:3, :3], start[:3, 3])
        readers = [
            name
            for name, tags in observations.items()
            if name in images and any(one.tag in self._prints[body] for one in tags)
        ]
        answer = self._search(body, readers, images, observations, begin) if readers else None
        if answer is None:
            return None
        # Where cameras that read no tag show the body is now known well enough to look there.
        placement = answer.found.placement
        showing = [
            name
            for name in images
            if name in readers
            or any(
                _in_sight(self._view(name, images[name]), printed, placement)
                for printed in self._prints[body].values()
            )
        ]
        if len(showing) > len(readers):
            answer = self._search(body, showing, images, observations, placement) or answer
        moved = _difference(start, answer.found.placement)
        doubted = CORNER_DOUBT**2 * covariance + answer.spread[:6, :6]
        if moved @ np.linalg.solve(doubted, moved) > IMPLAUSIBLE:
            return None
        self._learn(body, answer)
        return _solution(answer)

    def _search(
        self,
        body: str,
        names: Sequence[str],
        images: Mapping[str, GreyImage],
        observations: Mapping[str, Sequence[TagObservation]],
        begin: Placement,
    ) -> _Answer | None:
        views = [self._view(name, images[name]) for name in names]
        tags = self._tags(body, names, views, observations, begin)
        search = Search(
            views,
            [(names.index(name), self._prints[body][tag]) for name, tag, _ in tags],
            [read for _, _, read in tags],
            self._quiet[body],
            [self._blurs.get((name, body), Blur()) for name in names],
            self._patches.get(body),
        )
        found = search.run(begin)
        if found is None:
            return None
        kept = [one[:2] for one, used in zip(tags, found.kept.tolist(), strict=True) if used]
        return _Answer(tuple(names), found, spread_of(found), tuple(kept))

    def _learn(self, body: str, answer: _Answer) -> None:
        """Keep the prints, and what is known of the blurs, for the next images."""
        self._patches[body] = answer.found.patches
        used = {name for name, _ in answer.tags}
        for index, name in enumerate(answer.names):
            if name in used:
                known = float(answer.spread[6 + index, 6 + index])
                variance = float(answer.found.variances[index])
                self._blurs[name, body] = Blur(variance, 1.0 / (known + BLUR_DRIFT_PX2**2))

    def _tags(
        self,
        body: str,
        names: Sequence[str],
        views: Sequence[View],
        observations: Mapping[str, Sequence[TagObservation]],
        begin: Placement,
    ) -> list[tuple[str, int, bool]]:
        """Camera and tag of all that should be in sight, and whether it was read.

        What was too small or too noisy to be read says much once its place is known.
        """
        tags = []
        for name, view in zip(names, views, strict=True):
            read = {one.tag for one in observations.get(name, ())}
            tags += [
                (name, tag, tag in read)
                for tag, printed in self._prints[body].items()
                if tag in read or _in_sight(view, printed, begin)
            ]
        return tags

    def _view(self, name: str, image: GreyImage) -> View:
        extrinsics = self._extrinsics[name]
        return View(
            camera=self._cameras[name],
            image=np.ascontiguousarray(image),
            rays=self._rays[name],
            rotation=extrinsics[:3, :3],
            translation=extrinsics[:3, 3],
        )


def _solution(answer: _Answer) -> DenseSolution:
    found = answer.found
    used = {name for name, _ in answer.tags}
    blurs = zip(answer.names, found.variances.tolist(), strict=True)
    return DenseSolution(
        world_from_body=_transform(found.placement),
        covariance=answer.spread[:6, :6],
        rms_grey=found.rms_grey,
        psf_px={
            name: math.sqrt(max(variance - APERTURE_PX2, 0.0))
            for name, variance in blurs
            if name in used
        },
        tags=answer.tags,
    )


def _in_sight(view: View, printed: TagPrint, begin: Placement) -> bool:
    """Whether a tag faces a camera, not too small nor too slanted, and lies within its image."""
    modules = len(printed.ink)
    ends = np.array([[0, 0, 1], [modules, 0, 1], [modules, modules, 1], [0, modules, 1]])
    frame = printed.frame @ begin.rotation.T
    frame[2] += begin.translation
    frame = frame @ view.rotation.T
    frame[2] += view.translation
    corners = ends @ frame
    if corners[:, 2].min() <= NEAREST_MM:
        return False
    centre, normal = corners.mean(axis=0), np.cross(frame[0], frame[1])
    if centre @ normal < LEAST_SLANT * math.sqrt((centre @ centre) * (normal @ normal)):
        return False
    camera = view.camera
    pixels = camera.project(corners)
    if math.sqrt(cv2.contourArea(pixels.astype(np.float32))) < LEAST_MODULE_PX * modules:
        return False
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return bool(
        low.min() > BORDER_PX
        and high[0] < camera.width - BORDER_PX
        and high[1] < camera.height - BORDER_PX
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
