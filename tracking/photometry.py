"""How the pixels around the printed edges of a body's tags differ from what a pose expects.

In: images, the tags to look at, a pose. Out: for each tag the pixels that tell something, their
grey levels, and, at any pose near by, the expected brightness with its derivatives by the pose and
by the blur.

Pixels are compared where they are, once each: the print is blurred and read at the place that the
ray of the pixel's centre meets. Reading the image between its pixels instead would blur it by an
amount that changes from pixel to pixel, and would make their noise depend on one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.reprojection import Placement
from tracking.tag_prints import BORDER, PER_MODULE, BlurredPrints, TagPrint, blurred_prints

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
GreyImage = NDArray[np.uint8]

EDGE_SIGMAS = 1.7
"""Pixels farther than this many blur widths from every edge tell nothing of the pose."""

CLEAR_SIGMAS = 2.8
"""Blur widths by which a pixel outside of the tag must keep away from where its white ends."""

INNERMOST = 1.0
"""Modules within the tag to which this may drive them back."""

MOST_PIXELS = 10_000
"""Of all tags together; each may have its share of them."""

SAME_SPREAD = 0.03
"""Change of the blur's covariance on a tag, in parts of it, below which a print is used again."""

BLUR = 6
"""Derivative by the blur, after the six by the pose."""


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """A camera that sees the body: its image, the rays of its pixels, where it stands."""

    camera: Camera
    image: GreyImage
    rays: SingleArray
    rotation: FloatArray
    translation: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Patches:
    """The pixels of N tags, S of each; a tag with fewer is filled up with such as do not count.

    Attributes
    ----------
    cameras
        (N,) which camera sees the tag.
    frames
        (N, 3, 3) of the prints, see :class:`TagPrint`.
    rotations, translations
        (N, 3, 3), (N, 3) mm of ``camera_from_world``.
    rays
        (N, 3, S) of the pixels, on the plane z = 1.
    grey
        (N, S) levels.
    counts
        (N, S) 1 where a pixel counts, otherwise 0.
    prints
        The blurred tags.
    spread
        (N, 2, 2) covariance of the blur on each of them, square modules.
    variances
        (C,) of the blur in each camera for which they were blurred, px^2.
    """

    cameras: NDArray[np.intp]
    frames: FloatArray
    rotations: FloatArray
    translations: FloatArray
    rays: SingleArray
    grey: SingleArray
    counts: SingleArray
    prints: BlurredPrints
    spread: FloatArray
    variances: FloatArray


def pixels_of_tags(
    views: Sequence[View],
    tags: Sequence[tuple[int, TagPrint]],
    placement: Placement,
    variances: FloatArray,
    quiet: float,
    earlier: Patches | None = None,
) -> Patches | None:
    """Choose the pixels to look at.

    Parameters
    ----------
    views
        The cameras.
    tags
        Which camera sees which print, N of them.
    placement
        ``world_from_body``, good to about a pixel.
    variances
        Of the blur in each of `views`, px^2.
    quiet
        Width of the white around each tag, modules.
    earlier
        Of an image before: if the same tags look much the same now, they are not blurred anew.

    Returns
    -------
    The pixels; None if part of a tag lies outside of its image or behind its camera.
    """
    cameras = np.array([camera for camera, _ in tags])
    frames = np.array([tag.frame for _, tag in tags])
    rotations = np.array([view.rotation for view in views])[cameras]
    translations = np.array([view.translation for view in views])[cameras]
    ink = np.array([tag.ink for _, tag in tags])
    modules = ink.shape[1]
    in_camera = _in_camera(frames, rotations, translations, placement)
    if in_camera[:, 2, 2].min() <= 1.0:
        return None
    per_pixel = _modules_per_pixel(views, cameras, in_camera, modules)
    spread = per_pixel @ per_pixel.transpose(0, 2, 1) * variances[cameras, None, None]
    if earlier is not None and _much_the_same(earlier, cameras, frames, spread):
        prints, spread, variances = earlier.prints, earlier.spread, earlier.variances
    else:
        prints = blurred_prints(ink, per_pixel, variances[cameras])
    sigma = np.sqrt(variances[cameras])
    widest = np.sqrt(np.square(per_pixel).sum(axis=2).max(axis=1)) * sigma
    reach = np.clip(quiet - CLEAR_SIGMAS * widest, -INNERMOST, EDGE_SIGMAS * widest)
    near = EDGE_SIGMAS * sigma[:, None] * np.sqrt(np.square(per_pixel).sum(axis=2))
    most, chosen = MOST_PIXELS // len(tags), []
    for index, (camera, tag) in enumerate(tags):
        found = _pixels(
            views[camera], tag, in_camera[index], float(reach[index]), near[index], most
        )
        if found is None:
            return None
        chosen.append(found)
    return Patches(
        cameras, frames, rotations, translations, *_filled_up(chosen), prints, spread, variances
    )


def expected(patches: Patches, placement: Placement) -> tuple[SingleArray, SingleArray]:
    """Brightness (N, S), 0 ink to 1 paper, and its derivatives (N, 7, S) at `placement`.

    The derivatives are by a left-hand error of ``world_from_body`` about the body's origin
    (rotation vector in rad, translation in mm, both in ``world``), and by the variance of the
    blur in px^2.
    """
    in_camera = _in_camera(patches.frames, patches.rotations, patches.translations, placement)
    # (u, v, 1) times the depth is a ray: the inverse takes rays to places on the tag.
    inverse = np.linalg.inv(in_camera)
    meeting = inverse.transpose(0, 2, 1).astype(np.float32) @ patches.rays
    u, v = meeting[:, 0] / meeting[:, 2], meeting[:, 1] / meeting[:, 2]
    brightness, by_u, by_v, by_blur = patches.prints.read(u, v)
    # Moved by d, the body shows a pixel the place (u, v) - (h0 - u h2, h1 - v h2) d, where h0,
    # h1, h2 are the columns of the inverse.
    slope = np.array([-by_u, -by_v, u * by_u + v * by_v]).transpose(1, 0, 2)
    to_world = patches.rotations.transpose(0, 2, 1) @ inverse
    by_shift = to_world.astype(np.float32) @ slope
    meeting[:, 0], meeting[:, 1], meeting[:, 2] = u, v, 1.0
    turned = placement.rotation @ patches.frames.transpose(0, 2, 1)
    arm = turned.astype(np.float32) @ meeting
    derivatives = np.empty((len(u), 7, u.shape[1]), dtype=np.float32)
    for axis in range(3):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        np.multiply(arm[:, one], by_shift[:, two], out=derivatives[:, axis])
        derivatives[:, axis] -= arm[:, two] * by_shift[:, one]
    derivatives[:, 3:6], derivatives[:, BLUR] = by_shift, by_blur
    return brightness, derivatives


def _much_the_same(
    earlier: Patches, cameras: NDArray[np.intp], frames: FloatArray, spread: FloatArray
) -> bool:
    """Whether the prints blurred for `earlier` do for these tags at this `spread`."""
    if not np.array_equal(earlier.cameras, cameras):
        return False
    if not np.array_equal(earlier.frames, frames):
        return False
    change = np.abs(spread - earlier.spread).max(axis=(1, 2))
    return bool((change <= SAME_SPREAD * np.trace(spread, axis1=1, axis2=2)).all())


def _in_camera(
    frames: FloatArray, rotations: FloatArray, translations: FloatArray, placement: Placement
) -> FloatArray:
    """Frames (N, 3, 3) of the prints in their cameras' frames."""
    turned = frames @ placement.rotation.T
    turned[:, 2] += placement.translation
    moved = turned @ rotations.transpose(0, 2, 1)
    moved[:, 2] += translations
    return np.asarray(moved, dtype=np.float64)


def _modules_per_pixel(
    views: Sequence[View], cameras: NDArray[np.intp], in_camera: FloatArray, modules: int
) -> FloatArray:
    """(N, 2, 2) how (u, v) change by a pixel along x and y at the centre of each tag."""
    steps = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]]) + modules / 2
    points = np.column_stack([steps, np.ones(3)]) @ in_camera
    answer = np.empty((len(cameras), 2, 2))
    for camera, view in enumerate(views):
        own = cameras == camera
        pixels = view.camera.project(points[own].reshape(-1, 3)).reshape(-1, 3, 2)
        answer[own] = np.linalg.inv((pixels[:, 1:] - pixels[:, :1]).transpose(0, 2, 1) / 0.5)
    return answer


def _pixels(
    view: View, tag: TagPrint, in_camera: FloatArray, reach: float, near: FloatArray, most: int
) -> tuple[SingleArray, SingleArray] | None:
    """Rays (2, P) and grey levels (P,) of the pixels that show edges of `tag`.

    `reach` is how far out of the tag they may lie, `near` (2,) how far along u and v from an
    edge, modules; there are at most `most` of them. None if part of the tag lies outside of the
    image.
    """
    modules = len(tag.ink)
    ends = (-reach, modules + reach)
    outline = np.array([[u, v, 1.0] for u in ends for v in ends]) @ in_camera
    pixels = view.camera.project(outline)
    left, top = np.floor(pixels.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(pixels.max(axis=0)).astype(int).tolist()
    if min(left, top) < 0 or right >= view.camera.width or bottom >= view.camera.height:
        return None
    stride = 1 + (right - left) * (bottom - top) // (12 * most)
    rows, columns = slice(top, bottom + 1), slice(left, right + 1, stride)
    rays = view.rays[:, rows, columns].reshape(2, -1)
    to_places = np.linalg.inv(in_camera).T.astype(np.float32)
    u, v, depth = to_places[:, :2] @ rays + to_places[:, 2:]
    u /= depth
    v /= depth
    middle, half = np.float32(modules / 2), np.float32(modules / 2 + reach)
    inside = np.flatnonzero(np.maximum(np.abs(u - middle), np.abs(v - middle)) <= half)
    step, start = np.float32(PER_MODULE), np.float32(BORDER * PER_MODULE)
    across = (u[inside] * step + start).astype(np.intp)
    down = (v[inside] * step + start).astype(np.intp)
    from_edge = tag.from_edge[:, down, across]
    inside = inside[(from_edge[0] <= near[0]) | (from_edge[1] <= near[1])]
    inside = inside[:: 1 + len(inside) // most]
    grey = view.image[rows, columns].reshape(-1)[inside].astype(np.float32)
    return rays[:, inside], grey


def _filled_up(
    chosen: Sequence[tuple[SingleArray, SingleArray]],
) -> tuple[SingleArray, SingleArray, SingleArray]:
    """Rays (N, 3, S), grey levels and counts (N, S) of tags with up to S pixels."""
    most = max(len(grey) for _, grey in chosen)
    rays = np.zeros((len(chosen), 3, most), dtype=np.float32)
    rays[:, 2] = 1.0
    grey = np.zeros((len(chosen), most), dtype=np.float32)
    counts = np.zeros((len(chosen), most), dtype=np.float32)
    for index, (direction, levels) in enumerate(chosen):
        rays[index, :2, : len(levels)] = direction
        grey[index, : len(levels)] = levels
        counts[index, : len(levels)] = 1.0
    return rays, grey, counts
