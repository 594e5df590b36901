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
from tracking.tag_prints import (
    BRIGHTNESS,
    BY_BLUR,
    BY_U,
    BY_V,
    BlurredPrints,
    TagPrint,
    blurred_prints,
)

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
GreyImage = NDArray[np.uint8]

EDGE_SIGMAS = 1.7
"""Pixels farther than this many blur widths from every edge tell nothing of the pose."""

CLEAR_SIGMAS = 2.8
"""Blur widths by which a pixel outside of the tag must keep away from where its white ends."""

LOW = 1.0
MOST_PIXELS = 1200
"""Of one tag: a tag that fills the image is not worth more time than others."""

BLUR, GAIN, LEVEL = 6, 7, 8
"""Columns of the derivatives after the six of the pose."""


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
        (N, S, 3) of the pixels, on the plane z = 1.
    grey
        (N, S) levels.
    counts
        (N, S) whether a pixel counts.
    prints
        The blurred tags.
    """

    cameras: NDArray[np.intp]
    frames: FloatArray
    rotations: FloatArray
    translations: FloatArray
    rays: SingleArray
    grey: SingleArray
    counts: NDArray[np.bool_]
    prints: BlurredPrints


def pixels_of_tags(
    views: Sequence[View],
    tags: Sequence[tuple[int, TagPrint]],
    placement: Placement,
    variances: FloatArray,
    quiet: float,
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
    prints = blurred_prints(ink, per_pixel, variances[cameras])
    sigma = np.sqrt(variances[cameras])
    widest = np.sqrt(np.square(per_pixel).sum(axis=2).max(axis=1)) * sigma
    reach = np.clip(quiet - CLEAR_SIGMAS * widest, -LOW, EDGE_SIGMAS * widest)
    chosen = []
    for index, camera in enumerate(cameras):
        found = _pixels(views[camera], in_camera[index], modules, float(reach[index]))
        if found is None:
            return None
        chosen.append(_near_edges(found, prints, index, per_pixel[index], float(sigma[index])))
    most = max(len(rays) for rays, _ in chosen)
    rays_of = np.zeros((len(tags), most, 3), dtype=np.float32)
    rays_of[..., 2] = 1.0
    grey = np.zeros((len(tags), most), dtype=np.float32)
    counts = np.zeros((len(tags), most), dtype=bool)
    for index, (rays, levels) in enumerate(chosen):
        rays_of[index, : len(rays), :2] = rays
        grey[index, : len(rays)] = levels
        counts[index, : len(rays)] = True
    return Patches(cameras, frames, rotations, translations, rays_of, grey, counts, prints)


def expected(patches: Patches, placement: Placement) -> tuple[SingleArray, SingleArray]:
    """Brightness (N, S), 0 ink to 1 paper, and its derivatives (N, S, 7) at `placement`.

    The derivatives are by a left-hand error of ``world_from_body`` about the body's origin
    (rotation vector in rad, translation in mm, both in ``world``), and by the variance of the
    blur in px^2.
    """
    in_camera = _in_camera(patches.frames, patches.rotations, patches.translations, placement)
    # (u, v, 1) times the depth is a ray: the inverse takes rays to places on the tag.
    inverse = np.linalg.inv(in_camera)
    meeting = patches.rays @ inverse.astype(np.float32)
    u, v = meeting[..., 0] / meeting[..., 2], meeting[..., 1] / meeting[..., 2]
    rows = np.arange(len(u))[:, None]
    read = patches.prints.read(np.broadcast_to(rows, u.shape), u, v)
    # Moved by d, the body shows a pixel the place (u, v) - (h0 - u h2, h1 - v h2) d, where h0,
    # h1, h2 are the columns of the inverse.
    slope = np.empty((*u.shape, 3), dtype=np.float32)
    slope[..., 0], slope[..., 1] = -read[..., BY_U], -read[..., BY_V]
    slope[..., 2] = u * read[..., BY_U] + v * read[..., BY_V]
    in_world = (inverse.transpose(0, 2, 1) @ patches.rotations).astype(np.float32)
    by_shift = slope @ in_world
    place = np.empty_like(slope)
    place[..., 0], place[..., 1], place[..., 2] = u, v, 1.0
    arm = place @ (patches.frames @ placement.rotation.T).astype(np.float32)
    derivatives = np.empty((*u.shape, 7), dtype=np.float32)
    derivatives[..., 3:6] = by_shift
    for axis in range(3):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        derivatives[..., axis] = (
            arm[..., one] * by_shift[..., two] - arm[..., two] * by_shift[..., one]
        )
    derivatives[..., BLUR] = read[..., BY_BLUR]
    return read[..., BRIGHTNESS], derivatives


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
    places = np.column_stack([steps, np.ones(3)])
    answer = np.empty((len(cameras), 2, 2))
    for index, camera in enumerate(cameras):
        pixels = views[camera].camera.project(places @ in_camera[index])
        answer[index] = np.linalg.inv((pixels[1:] - pixels[0]).T / 0.5)
    return answer


def _pixels(
    view: View, in_camera: FloatArray, modules: int, reach: float
) -> tuple[SingleArray, SingleArray, SingleArray] | None:
    """Rays (P, 2), places (P, 2) on the tag and grey levels (P,) of the pixels that show a tag.

    None if part of it lies outside of the image.
    """
    ends = np.array([-reach, modules + reach])
    outline = np.array([[u, v, 1.0] for u in ends for v in ends]) @ in_camera
    pixels = view.camera.project(outline)
    low = np.floor(pixels.min(axis=0)).astype(int)
    high = np.ceil(pixels.max(axis=0)).astype(int) + 1
    width, height = view.camera.width, view.camera.height
    if low.min() < 0 or high[0] > width or high[1] > height:
        return None
    columns, rows = np.arange(low[0], high[0]), np.arange(low[1], high[1])
    where = (rows[:, None] * width + columns).reshape(-1)
    stride = 1 + len(where) // (12 * MOST_PIXELS)
    where = where[::stride]
    rays = view.rays[where]
    inverse = np.linalg.inv(in_camera).astype(np.float32)
    meeting = rays @ inverse[:2] + inverse[2]
    places = meeting[:, :2] / meeting[:, 2:]
    inside = ((places >= -reach) & (places <= modules + reach)).all(axis=1)
    grey = view.image.reshape(-1)[where[inside]].astype(np.float32)
    return rays[inside], places[inside], grey


def _near_edges(
    found: tuple[SingleArray, SingleArray, SingleArray],
    prints: BlurredPrints,
    index: int,
    per_pixel: FloatArray,
    sigma: float,
) -> tuple[SingleArray, SingleArray]:
    """Rays and grey levels of the pixels near an edge."""
    rays, places, grey = found
    rows = np.full(len(places), index)
    read = prints.read(rows, places[:, 0], places[:, 1]).reshape(-1, 4)
    slope = read[:, [BY_U, BY_V]] @ per_pixel.astype(np.float32)
    # The slope at a straight edge is that of the normal distribution.
    least = np.exp(-0.5 * EDGE_SIGMAS**2) / (np.sqrt(2 * np.pi) * sigma)
    near = np.flatnonzero(np.square(slope).sum(axis=1) >= least**2)
    near = near[:: 1 + len(near) // MOST_PIXELS]
    return rays[near], grey[near]
