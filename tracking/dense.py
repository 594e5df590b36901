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
from tracking.detection import TagObservation
from tracking.photometry import Patches, View, expected, pixels_of_tags
from tracking.ray_map import ray_map
from tracking.reprojection import Placement
from tracking.tag_prints import TagPrint, quiet_modules, tag_prints

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
GreyImage = NDArray[np.uint8]

APERTURE_PX2 = 1.0 / 12.0
"""Variance of the square that a pixel averages over."""

FIRST_BLUR_PX2 = 0.9**2
LEAST_BLUR_PX2, MOST_BLUR_PX2 = 0.3**2, 4.0**2

BLUR_DRIFT_PX2 = 0.02
"""Standard deviation of the change of the blur's variance from one image to the next."""

BLUR_FITS = 1.15
"""Ratio of blur variances above which the print is blurred anew."""

HUBER_SIGMAS = 2.0
ROUNDS = 8
SMALL_STEP = 1.0
"""Steps below this many standard deviations end the search: the next would be a tenth of that."""

COVER_SIGMAS = 6.0
COVER_SHARE = 0.04
"""A tag of which more than this share of the pixels are off by so many sigmas is covered."""

LEAST_NOISE = 0.5
"""Grey levels: rounding and a lens not quite Gaussian remain even without noise."""

WORST_MISFIT = 0.2
"""Misfit in parts of the contrast of print and paper above which nothing was matched."""

MISFIT_SHARE = 0.0125
"""Misfit in parts of the contrast that remains on rendered tags without noise. It is not chance:
its neighbours share it, so that it spoils the pose more than its size tells."""

LEAST_CONTRAST = 12.0

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


@dataclass(slots=True)
class _Blur:
    """What is known of a blur: its variance in px^2 and how sure that is (1 / px^4)."""

    variance: float = FIRST_BLUR_PX2
    information: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class _Fit:
    """The least squares problem at a placement, its gains and levels solved for.

    Attributes
    ----------
    information, gradient
        Of the pose (6) and the blur of each camera (C), in units of the noise.
    residual
        (N, S) grey levels; zero where a pixel does not count.
    noise
        (C,) standard deviation of the residual by camera, robust.
    gain
        (N,) contrast of paper and ink, grey levels.
    """

    information: FloatArray
    gradient: FloatArray
    residual: SingleArray
    noise: FloatArray
    gain: SingleArray


class DenseRefiner:
    """Refines the poses of `bodies` in images of `cameras`. Used by one thread at a time."""

    def __init__(self, cameras: Sequence[Camera], bodies: Sequence[MarkerBody]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._extrinsics = {camera.name: camera.camera_from_world.as_matrix() for camera in cameras}
        self._rays = {camera.name: ray_map(camera) for camera in cameras}
        self._prints = {body.name: tag_prints(body) for body in bodies}
        self._quiet = {body.name: quiet_modules(body) for body in bodies}
        self._blurs: dict[tuple[str, str], _Blur] = {}
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
        blurs = [self._blurs.setdefault((name, body), _Blur()) for name in names]
        tags = [(names.index(name), prints[tag]) for name, tag in seen]
        start = world_from_body.as_matrix()
        search = _Search(views, tags, self._quiet[body], blurs, self._patches.get(body))
        found = search.run(Placement(start[:3, :3], start[:3, 3]))
        if found is None:
            return None
        self._patches[body] = found.patches
        spread = _spread(found)
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


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    placement: Placement
    variances: FloatArray
    fit: _Fit
    kept: NDArray[np.bool_]
    patches: Patches
    rms_grey: float


class _Search:
    """One search for a pose: what it looks at, and what it knew of the blurs before."""

    def __init__(
        self,
        views: Sequence[View],
        tags: Sequence[tuple[int, TagPrint]],
        quiet: float,
        blurs: Sequence[_Blur],
        earlier: Patches | None,
    ) -> None:
        self._views, self._tags, self._quiet, self._earlier = views, tags, quiet, earlier
        self._known = np.array([blur.variance for blur in blurs])
        self._certainty = np.array([blur.information for blur in blurs])

    def run(self, placement: Placement) -> _Found | None:
        patches = self._patches(placement, self._known)
        if patches is None:
            return None
        kept = np.ones(len(self._tags), dtype=bool)
        offset = np.zeros_like(self._known)
        for _ in range(ROUNDS):
            fit = self._linearise(patches, placement, kept)
            if fit is None:
                return None
            step = np.asarray(np.linalg.solve(fit.information, fit.gradient), dtype=np.float64)
            placement = placement.moved(step[:6])
            variances = _within(patches.variances + step[6:], patches.variances)
            if _differ(variances, patches.variances):
                patches, offset = self._patches(placement, variances), np.zeros_like(offset)
                if patches is None:
                    return None
                continue
            # The blur is told as its distance from that of the print: only its change counts.
            step[6:], offset = step[6:] - offset, step[6:].copy()
            if step @ fit.information @ step > SMALL_STEP**2 * len(step):
                continue
            covered = _covered(patches, fit) & kept
            if covered.any():
                kept &= ~covered
                if kept.sum() * 2 < len(kept):
                    return None
                continue
            rms = _rms(patches, fit, kept)
            return _Found(placement, variances, fit, kept, patches, rms)
        return None

    def _patches(self, placement: Placement, variances: FloatArray) -> Patches | None:
        return pixels_of_tags(
            self._views, self._tags, placement, variances, self._quiet, self._earlier
        )

    def _linearise(
        self, patches: Patches, placement: Placement, kept: NDArray[np.bool_]
    ) -> _Fit | None:
        brightness, derivatives = expected(patches, placement)
        counts = patches.counts * kept.astype(np.float32)[:, None]
        columns = np.empty((len(counts), 9, counts.shape[1]), dtype=np.float32)
        columns[:, 7], columns[:, 8] = brightness, 1.0
        gain, residual = _matched(columns[:, 7:], patches.grey, counts)
        np.multiply(derivatives, gain[:, None, None], out=columns[:, :7])
        noise = _noise_by_camera(patches, residual, counts, len(self._views))
        contrast = gain[kept]
        if contrast.min() < LEAST_CONTRAST or (noise > WORST_MISFIT * contrast.max()).any():
            return None
        sigma = noise[patches.cameras].astype(np.float32)[:, None]
        weight = counts / (sigma * np.maximum(sigma, np.abs(residual) / HUBER_SIGMAS))
        weighted = columns * weight[:, None]
        square = (weighted @ columns.transpose(0, 2, 1)).astype(np.float64)
        product = (weighted @ residual[..., None])[..., 0].astype(np.float64)
        information, gradient = _joined(square, product, patches.cameras, kept, len(self._views))
        prior = np.arange(6, 6 + len(self._views))
        information[prior, prior] += self._certainty
        gradient[prior] += self._certainty * (self._known - patches.variances)
        return _Fit(information, gradient, residual, noise, gain)


def _within(variances: FloatArray, printed: FloatArray) -> FloatArray:
    """Keep `variances` where the derivative by the blur still says something."""
    near = np.clip(variances, 0.5 * printed, 2.0 * printed)
    return np.asarray(np.clip(near, LEAST_BLUR_PX2, MOST_BLUR_PX2), dtype=np.float64)


def _differ(variances: FloatArray, printed: FloatArray) -> bool:
    change = variances / printed
    return bool(max(change.max(), 1.0 / change.min()) > BLUR_FITS)


def _spread(found: _Found) -> FloatArray:
    """Covariance of the pose and the blurs, with what no lens quite does as the model says."""
    contrast = float(np.median(found.fit.gain[found.kept]))
    model = 1.0 + (MISFIT_SHARE * contrast / float(found.fit.noise.min())) ** 2
    return np.asarray(model * np.linalg.inv(found.fit.information), dtype=np.float64)


def _matched(
    base: SingleArray, grey: SingleArray, counts: SingleArray
) -> tuple[SingleArray, SingleArray]:
    """Contrast (N,) of each tag by regression of grey (N, S), and what it leaves (N, S).

    `base` (N, 2, S) is the brightness, and one.
    """
    counted = base * counts[:, None]
    square = counted @ base.transpose(0, 2, 1)
    product = counted @ grey[..., None]
    square[:, [0, 1], [0, 1]] += 1e-3
    answer = np.linalg.solve(square, product)
    expected_grey = answer.transpose(0, 2, 1) @ base
    residual = (grey - expected_grey[:, 0]) * counts
    return np.asarray(answer[:, 0, 0], dtype=np.float32), np.asarray(residual, dtype=np.float32)


def _noise_by_camera(
    patches: Patches, residual: SingleArray, counts: SingleArray, cameras: int
) -> FloatArray:
    noise = np.full(cameras, LEAST_NOISE)
    size = np.abs(residual)
    for camera in range(cameras):
        own = patches.cameras == camera
        values = size[own][counts[own] > 0]
        if len(values):
            # 1.4826 times the median of the size is the standard deviation of normal noise.
            middle = np.partition(values, len(values) // 2)[len(values) // 2]
            noise[camera] = max(1.4826 * float(middle), LEAST_NOISE)
    return noise


def _joined(
    square: FloatArray,
    product: FloatArray,
    cameras: NDArray[np.intp],
    kept: NDArray[np.bool_],
    count: int,
) -> tuple[FloatArray, FloatArray]:
    """Information and gradient of the pose and the blurs, gains and levels eliminated (Schur)."""
    square, product, cameras = square[kept], product[kept], cameras[kept]
    coupling = square[:, :7, 7:]
    eliminated = np.linalg.solve(square[:, 7:, 7:], coupling.transpose(0, 2, 1))
    own = square[:, :7, :7] - coupling @ eliminated
    rest = product[:, :7] - (eliminated.transpose(0, 2, 1) @ product[:, 7:, None])[..., 0]
    information, gradient = np.zeros((6 + count, 6 + count)), np.zeros(6 + count)
    for part, side, camera in zip(own, rest, cameras.tolist(), strict=True):
        where = np.array([0, 1, 2, 3, 4, 5, 6 + camera])
        information[np.ix_(where, where)] += part
        gradient[where] += side
    return information, gradient


def _covered(patches: Patches, fit: _Fit) -> NDArray[np.bool_]:
    """Tags (N,) too much of which does not look like print."""
    limit = COVER_SIGMAS * fit.noise[patches.cameras][:, None]
    off = (np.abs(fit.residual) > limit).sum(axis=1)
    return np.asarray(off > COVER_SHARE * patches.counts.sum(axis=1))


def _rms(patches: Patches, fit: _Fit, kept: NDArray[np.bool_]) -> float:
    number = patches.counts[kept].sum()
    return math.sqrt(float(np.square(fit.residual[kept]).sum()) / float(number))


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
