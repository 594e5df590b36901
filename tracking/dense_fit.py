"""The search for the pose at which a body's printed edges fall where the images have them.

In: the cameras' images, the tags to look at, a pose good to about a pixel, what is known of the
lenses' blurs. Out: the pose and the blurs that fit best, or None where nothing fits well.

Gauss-Newton on SE(3) over grey levels with Huber weights. Contrast and black level of each tag are
solved for at every step and eliminated from it (Schur complement).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.photometry import Patches, View, expected, pixels_of_tags
from tracking.reprojection import Placement
from tracking.tag_prints import TagPrint

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

FIRST_BLUR_PX2 = 0.9**2
LEAST_BLUR_PX2, MOST_BLUR_PX2 = 0.3**2, 4.0**2

LEAST_CERTAINTY = 1e-4
"""Of the blur's variance (1 / px^4): a camera all of whose tags are covered must do no harm."""

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

LEAST_SHARE = 0.4
"""Contrast in parts of that of the other tags below which one is covered, or its print gone."""

LEAST_CONTRAST = 12.0
"""Grey levels between ink and paper."""


@dataclass(slots=True)
class Blur:
    """What is known of a blur: its variance in px^2 and how sure that is (1 / px^4)."""

    variance: float = FIRST_BLUR_PX2
    information: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
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


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """Where the search ended: pose, blurs (C,) in px^2, and which tags (N,) it rests on."""

    placement: Placement
    variances: FloatArray
    fit: Fit
    kept: NDArray[np.bool_]
    patches: Patches
    rms_grey: float


class Search:
    """One search for a pose: what it looks at, and what it knew of the blurs before.

    `read` tells which of the `tags` were read in the image; at least half of these must remain.
    """

    def __init__(
        self,
        views: Sequence[View],
        tags: Sequence[tuple[int, TagPrint]],
        read: Sequence[bool],
        quiet: float,
        blurs: Sequence[Blur],
        earlier: Patches | None,
    ) -> None:
        self._views, self._tags, self._quiet, self._earlier = views, tags, quiet, earlier
        self._read = np.array(read)
        self._known = np.array([blur.variance for blur in blurs])
        self._certainty = np.array([blur.information for blur in blurs])

    def run(self, placement: Placement) -> Found | None:
        """Search from `placement`, ``world_from_body``; None if nothing fits well."""
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
                if 2 * np.count_nonzero(kept & self._read) < np.count_nonzero(self._read):
                    return None
                continue
            rms = _rms(patches, fit, kept)
            return Found(placement, variances, fit, kept, patches, rms)
        return None

    def _patches(self, placement: Placement, variances: FloatArray) -> Patches | None:
        return pixels_of_tags(
            self._views, self._tags, placement, variances, self._quiet, self._earlier
        )

    def _linearise(
        self, patches: Patches, placement: Placement, kept: NDArray[np.bool_]
    ) -> Fit | None:
        brightness, derivatives = expected(patches, placement)
        counts = patches.counts * kept.astype(np.float32)[:, None]
        columns = np.empty((len(counts), 9, counts.shape[1]), dtype=np.float32)
        columns[:, 7], columns[:, 8] = brightness, 1.0
        gain, residual = _matched(columns[:, 7:], patches.grey, counts)
        np.multiply(derivatives, gain[:, None, None], out=columns[:, :7])
        noise = _noise_by_camera(patches, residual, counts, len(self._views))
        contrast = float(np.median(gain[kept]))
        if contrast < LEAST_CONTRAST or (noise > WORST_MISFIT * contrast).any():
            return None
        sigma = noise[patches.cameras].astype(np.float32)[:, None]
        weight = counts / (sigma * np.maximum(sigma, np.abs(residual) / HUBER_SIGMAS))
        weighted = columns * weight[:, None]
        square = (weighted @ columns.transpose(0, 2, 1)).astype(np.float64)
        product = (weighted @ residual[..., None])[..., 0].astype(np.float64)
        information, gradient = _joined(square, product, patches.cameras, kept, len(self._views))
        prior = np.arange(6, 6 + len(self._views))
        information[prior, prior] += self._certainty + LEAST_CERTAINTY
        gradient[prior] += self._certainty * (self._known - patches.variances)
        return Fit(information, gradient, residual, noise, gain)


def _within(variances: FloatArray, printed: FloatArray) -> FloatArray:
    """Keep `variances` where the derivative by the blur still says something."""
    near = np.clip(variances, 0.5 * printed, 2.0 * printed)
    return np.asarray(np.clip(near, LEAST_BLUR_PX2, MOST_BLUR_PX2), dtype=np.float64)


def _differ(variances: FloatArray, printed: FloatArray) -> bool:
    change = variances / printed
    return bool(max(change.max(), 1.0 / change.min()) > BLUR_FITS)


def spread_of(found: Found) -> FloatArray:
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
        # A third of them tells the median well enough.
        values = size[own, ::3][counts[own, ::3] > 0]
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


def _covered(patches: Patches, fit: Fit) -> NDArray[np.bool_]:
    """Tags (N,) too much of which does not look like print."""
    limit = COVER_SIGMAS * fit.noise[patches.cameras][:, None]
    off = (np.abs(fit.residual) > limit).sum(axis=1)
    faint = fit.gain < LEAST_SHARE * np.median(fit.gain)
    return np.asarray(faint | (off > COVER_SHARE * patches.counts.sum(axis=1)))


def _rms(patches: Patches, fit: Fit, kept: NDArray[np.bool_]) -> float:
    number = patches.counts[kept].sum()
    return math.sqrt(float(np.square(fit.residual[kept]).sum()) / float(number))
