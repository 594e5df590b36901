"""What stands around the markers: the room, the patient, the coil and a sleeve.

In: a camera's view and poses. Out: grey values, drawn in place. None of it carries accuracy; it
is there to look like a room and to be in the way of the detection as a room is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.practice_feed.panels import Panel
from tracking.practice_feed.view import Image, View, lay_over

FloatArray = NDArray[np.float64]

SLEEVE_SIZE = (560.0, 172.0)
"""Length and width of the sleeve, mm."""
FRACTION_BITS = 4


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A blob given by its centre and half axes (3,) in ``mri``, mm."""

    centre: FloatArray
    radii: FloatArray


HEAD = Ellipsoid(np.array([0.0, -12.0, 2.0]), np.array([79.0, 101.0, 102.0]))
NOSE = Ellipsoid(np.array([0.0, 78.0, -40.0]), np.array([9.0, 11.0, 17.0]))
NECK = Ellipsoid(np.array([0.0, -40.0, -150.0]), np.array([58.0, 62.0, 120.0]))
SHOULDERS = Ellipsoid(np.array([0.0, -50.0, -330.0]), np.array([225.0, 110.0, 150.0]))


def room(rng: np.random.Generator, height: int, width: int) -> Image:
    """Paint the wall behind: soft noise at several scales and pieces of furniture out of focus."""
    wall = np.full((height, width), 112.0, dtype=np.float32)
    for left, top, right, bottom, grey in (
        (-40, 120, 250, 760, 92.0),
        (930, -40, 1190, 560, 126.0),
        (420, -40, 640, 130, 130.0),
        (1010, 470, 1320, 760, 84.0),
    ):
        cv2.rectangle(wall, (left, top), (right, bottom), grey, thickness=-1)
    wall = np.asarray(cv2.GaussianBlur(wall, (0, 0), 9.0), dtype=np.float32)
    for sigma, strength in ((3.0, 1.5), (12.0, 3.0), (60.0, 6.0)):
        noise = rng.standard_normal((height, width), dtype=np.float32)
        soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma), dtype=np.float32)
        wall += soft * np.float32(strength / float(soft.std()))
    return wall


def light_field(height: int, width: int, tilt: float) -> Image:
    """Uneven light (height, width): a gradient across the image and the lens's vignetting."""
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    return np.asarray((1 + tilt * x - 0.05 * y) * (1 - 0.16 * (x**2 + 0.32 * y**2)), np.float32)


def draw_body(canvas: Image, view: View, camera_from_mri: RigidTransform) -> None:
    """Draw neck and shoulders, which stay still."""
    light = _lamp(camera_from_mri)
    for shape, grey in ((SHOULDERS, 70.0), (NECK, 128.0)):
        _draw_ellipsoid(canvas, view, shape, camera_from_mri, light, grey)


def draw_head(canvas: Image, view: View, camera_from_mri: RigidTransform) -> None:
    """Draw the head: skin, hair, the band that holds the marker plate, eyes and nose."""
    light = _lamp(camera_from_mri)
    _draw_ellipsoid(canvas, view, HEAD, camera_from_mri, light, 148.0, face=True)
    _draw_ellipsoid(canvas, view, NOSE, camera_from_mri, light, 150.0)


def _lamp(camera_from_mri: RigidTransform) -> FloatArray:
    return np.asarray(camera_from_mri.rotation.apply([0.25, 0.55, 0.8]), dtype=np.float64)


def _draw_ellipsoid(
    canvas: Image,
    view: View,
    shape: Ellipsoid,
    camera_from_mri: RigidTransform,
    light: FloatArray,
    grey: float,
    *,
    face: bool = False,
) -> None:
    """Cast rays at one ellipsoid and shade it by the angle to the lamp."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    box = camera_from_mri.apply(shape.centre + signs * shape.radii)
    patch = view.patch_around(np.asarray(box), margin=2)
    if patch is None:
        return
    mri_from_camera = camera_from_mri.inv()
    rotation = (mri_from_camera.rotation.as_matrix() / shape.radii[:, None]).astype(np.float32)
    start = ((mri_from_camera.translation - shape.centre) / shape.radii).astype(np.float32)
    rays = view.rays[patch].astype(np.float32)
    along = rays @ rotation[:, :2].T + rotation[:, 2]
    a = (along**2).sum(axis=-1)
    b = along @ start
    reach = b * b / a - (start @ start - 1.0)
    cover = np.clip(reach / 0.03, 0.0, 1.0)
    distance = (-b - np.sqrt(np.maximum(reach, 0.0) * a)) / a
    unit = start + along * distance[..., None]
    normal = unit / shape.radii.astype(np.float32)
    lamp = mri_from_camera.rotation.apply(light)
    cosine = normal @ lamp.astype(np.float32) / np.linalg.norm(normal, axis=-1)
    shade = 0.55 + 0.45 * np.clip(cosine, -0.4, 1.0)
    colour = np.full(cover.shape, grey, dtype=np.float32)
    if face:
        colour = _face(unit * shape.radii.astype(np.float32) + shape.centre.astype(np.float32))
    lay_over(canvas, patch, np.asarray(colour * shade * cover, np.float32), cover)


def _face(points: Image) -> Image:
    """Grey of the skin at points (h, w, 3) in ``mri``."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]

    def step(value: NDArray[np.floating], width: float) -> Image:
        return np.asarray(1 / (1 + np.exp(-np.clip(value / width, -30, 30))), np.float32)

    grey = np.full(x.shape, 150.0, dtype=np.float32)
    hair = step(z - 62.0 + 0.55 * np.maximum(20.0 - y, -60.0) * -1.0, 3.0)
    hair = np.maximum(hair, step(12.0 - y, 4.0) * step(z + 30.0, 4.0))
    grey += hair * (78.0 + 5.0 * np.sin(x * 0.45 + 0.2 * z) - grey)
    band = step(13.0 - np.abs(z - 52.0 - 0.12 * (y - 80.0)), 0.8)
    grey += band * (58.0 - grey)
    for side in (-1.0, 1.0):
        eye = np.exp(-(((x - 31 * side) / 11) ** 2) - ((z + 22) / 6) ** 2) * (y > 0)
        grey -= 70.0 * eye
    return grey


def draw_coil(
    canvas: Image, view: View, camera_from_coil: RigidTransform, post_foot: FloatArray
) -> None:
    """Draw a figure-of-eight coil with its handle and the post that carries its marker plate.

    `post_foot` (3,) is where the post ends at the plate, in the coil's frame, mm.
    """
    angle = np.linspace(0.0, 2 * np.pi, 48, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)])
    handle = np.array([[x, y, z] for x in (-15, 15) for y in (-205, -45) for z in (-34, -8)])
    post = np.concatenate([circle[::6] * 7 + [0, -42, -20], circle[::6] * 7 + post_foot])
    _draw_hull(canvas, view, camera_from_coil, handle.astype(np.float64), 66.0)
    for x in (-44.0, 44.0):
        bottom = circle * 46.0 + [x, 0.0, 0.0]
        _draw_hull(
            canvas, view, camera_from_coil, np.concatenate([bottom, bottom - [0, 0, 20]]), 58
        )
    for x in (-44.0, 44.0):
        for radius, grey in ((44.0, 92.0), (36.0, 82.0), (17.0, 66.0)):
            top = circle * radius + [x, 0.0, -20.0]
            _draw_hull(canvas, view, camera_from_coil, top, grey)
    _draw_hull(canvas, view, camera_from_coil, post, 104.0)


def _draw_hull(
    canvas: Image, view: View, camera_from_coil: RigidTransform, points: FloatArray, grey: float
) -> None:
    """Fill the outline of a convex solid given by points (N, 3) in the coil's frame."""
    points_camera = np.asarray(camera_from_coil.apply(points))
    patch = view.patch_around(points_camera, margin=2)
    if patch is None:
        return
    rows, columns = patch
    pixels = view.camera.project(points_camera) - [columns.start, rows.start]
    fixed = np.rint(pixels * 2**FRACTION_BITS).astype(np.int32)
    mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(fixed), 255, cv2.LINE_AA, FRACTION_BITS)
    cover = np.asarray(mask / np.float32(255), dtype=np.float32)
    lay_over(canvas, patch, np.asarray(cover * grey, dtype=np.float32), cover)


def sleeve_panel(rng: np.random.Generator) -> Panel:
    """Make an arm in a woven sleeve with a cuff, which passes in front of the coil."""
    texel = 1.0
    columns, rows = (int(side / texel) for side in SLEEVE_SIZE)
    x, y = np.meshgrid(np.arange(columns) * texel, np.arange(rows) * texel)
    noise = rng.standard_normal((rows, columns), dtype=np.float32)
    folds = np.asarray(cv2.GaussianBlur(noise, (0, 0), 14.0), dtype=np.float32)
    across = y / SLEEVE_SIZE[1] - 0.5
    grey = 118.0 - 130.0 * across**2 + folds * (7.0 / float(folds.std()))
    grey += 3.0 * np.sin(x * 0.9) * np.sin(y * 0.9)
    grey[:, :30] += 22.0
    half = np.array(SLEEVE_SIZE) / 2
    low = np.array([-96.0, -half[1] - 6.0])
    texture = np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0), dtype=np.float32)
    return Panel(RigidTransform.identity(), low, low + SLEEVE_SIZE, texture, texel, subsamples=1)
