"""Single tags at known poses for the benchmark of corners: frames, and their true corners.

Independent of the code under test, of OpenCV's projection and of its undistortion: the lens is
written out here, pixels are sampled 6 x 6 and sent through its inverse by fixed-point iteration.
Six tags a frame on a cluttered background, each at its own pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.cameras import Camera

FloatArray = NDArray[np.float64]

WIDTH, HEIGHT, FOCAL = 1280, 720, 920.0
K1, K2, P1, P2 = -0.08, 0.03, 0.0004, -0.0003
CENTRE = (WIDTH / 2 - 3.3, HEIGHT / 2 + 2.1)
SIDE_MM = 40.0
SAMPLES = 6
BLACK, WHITE = 30.0, 210.0
CELLS = (3, 2)
"""Tags across and down a frame."""


@dataclass(frozen=True, eq=False)
class Light:
    """What lies between the exact picture and the frame."""

    name: str
    blur_px: float
    noise: float
    jpeg: int | None = None
    motion_px: float = 0.0


GOOD = Light("good light", 0.7, 2.5)
HARD = Light("hard light", 1.2, 6.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """One frame without blur and noise, and the corners (4, 2) of each tag in it."""

    exact: NDArray[np.float32]
    corners: dict[int, FloatArray]


def camera() -> Camera:
    """Give the camera that looks at all scenes."""
    return Camera(
        name="bench",
        width=WIDTH,
        height=HEIGHT,
        matrix=np.array([[FOCAL, 0, CENTRE[0]], [0, FOCAL, CENTRE[1]], [0, 0, 1]]),
        distortion=np.array([K1, K2, P1, P2, 0.0]),
        camera_from_world=RigidTransform.identity(),
    )


def side_px(corners: FloatArray) -> float:
    """Mean length of the four sides, pixels."""
    return float(np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1).mean())


def scenes(number: int, seed: int, dictionary: int = cv2.aruco.DICT_APRILTAG_36h11) -> list[Scene]:
    """Render `number` frames of six tags, 0.5 to 1.9 m away, tilted by up to 60 degrees."""
    rng = np.random.default_rng(seed)
    family = cv2.aruco.getPredefinedDictionary(dictionary)
    return [_scene(rng, family) for _ in range(number)]


def expose(scene: Scene, light: Light, seed: int) -> NDArray[np.uint8]:
    """Give the frame that a sensor makes of `scene` in this light."""
    rng = np.random.default_rng(seed)
    image = cv2.GaussianBlur(scene.exact, (0, 0), light.blur_px)
    if light.motion_px:
        image = cv2.filter2D(image, -1, _streak(light.motion_px, rng.uniform(0, np.pi)))
    noisy = image + rng.normal(0, light.noise, image.shape)
    frame = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if light.jpeg is None:
        return frame
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, light.jpeg])
    decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    return np.asarray(decoded, dtype=np.uint8)


def _streak(length: float, angle: float) -> FloatArray:
    """Kernel of a motion of `length` pixels, symmetric about its middle."""
    fine, size = 16, 2 * int(length) + 3
    kernel = np.zeros((size, size))
    steps = np.linspace(-length / 2, length / 2, fine * size)
    for x, y in zip(steps * np.cos(angle), steps * np.sin(angle), strict=True):
        left, top = int(np.floor(x)), int(np.floor(y))
        for column, row in ((0, 0), (1, 0), (0, 1), (1, 1)):
            share = (1 - abs(x - left - column)) * (1 - abs(y - top - row))
            kernel[size // 2 + top + row, size // 2 + left + column] += share
    return kernel / kernel.sum()


def _distort(rays: FloatArray) -> FloatArray:
    x, y = rays[..., 0], rays[..., 1]
    r2 = x * x + y * y
    radial = 1 + K1 * r2 + K2 * r2 * r2
    return np.stack(
        [
            x * radial + 2 * P1 * x * y + P2 * (r2 + 2 * x * x),
            y * radial + P1 * (r2 + 2 * y * y) + 2 * P2 * x * y,
        ],
        axis=-1,
    )


def _undistort(distorted: FloatArray) -> FloatArray:
    rays = distorted.copy()
    for _ in range(8):
        rays += distorted - _distort(rays)
    return rays


def _scene(rng: np.random.Generator, family: cv2.aruco.Dictionary) -> Scene:
    coarse = rng.uniform(50, 160, (45, 80)).astype(np.float32)
    image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    corners = {}
    tags = rng.choice(len(family.bytesList), CELLS[0] * CELLS[1], replace=False)
    for cell, tag in enumerate(tags.tolist()):
        corners[tag] = _place(rng, image, family, tag, (cell % CELLS[0], cell // CELLS[0]))
    return Scene(image, corners)


def _place(
    rng: np.random.Generator,
    image: NDArray[np.float32],
    family: cv2.aruco.Dictionary,
    tag: int,
    cell: tuple[int, int],
) -> FloatArray:
    """Put one tag somewhere into `cell` of the image and give its corners."""
    depth = rng.uniform(500, 1900)
    size = np.array([WIDTH / CELLS[0], HEIGHT / CELLS[1]])
    pixel = (np.array(cell) + rng.uniform(0.25, 0.75, 2)) * size
    centre = np.append(_undistort((pixel - CENTRE) / FOCAL), 1.0) * depth
    # Facing the camera, turned in its plane, then tilted about any axis in that plane.
    about, tilt = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(0, 60))
    turn = Rotation.from_rotvec([tilt * np.cos(about), tilt * np.sin(about), 0])
    turn *= Rotation.from_rotvec([0, 0, rng.uniform(0, 2 * np.pi)])
    right, down = turn.as_matrix()[:, 0] * SIDE_MM, turn.as_matrix()[:, 1] * SIDE_MM
    modules = family.markerSize + 2
    printed = np.ones((modules + 2, modules + 2))
    printed[1:-1, 1:-1] = cv2.aruco.generateImageMarker(family, tag, modules) > 0
    origin = centre - (right + down) / 2
    _paint(image, printed, origin - (right + down) / modules, right, down, modules)
    quad = np.array([origin, origin + right, origin + right + down, origin + down])
    return _distort(quad[:, :2] / quad[:, 2:]) * FOCAL + CENTRE


def _paint(
    image: NDArray[np.float32],
    printed: FloatArray,
    origin: FloatArray,
    right: FloatArray,
    down: FloatArray,
    modules: int,
) -> None:
    """Draw modules `printed`, whose first one begins at `origin`, as means of exact samples."""
    extent = len(printed) / modules
    sheet = origin + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) @ [right * extent, down * extent]
    outline = _distort(sheet[:, :2] / sheet[:, 2:]) * FOCAL + CENTRE
    low = np.floor(outline.min(axis=0)).astype(int) - 2
    high = np.ceil(outline.max(axis=0)).astype(int) + 3
    part = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    xs, ys = (
        (np.arange(first, end)[:, None] + part).ravel()
        for first, end in zip(low, high, strict=True)
    )
    rays = _undistort((np.stack(np.meshgrid(xs, ys), axis=-1) - CENTRE) / FOCAL)
    rays = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1)
    normal = np.cross(right, down)
    hit = rays * ((origin @ normal) / (rays @ normal))[..., None] - origin
    column = np.floor(hit @ right / (right @ right) * modules).astype(int)
    row = np.floor(hit @ down / (down @ down) * modules).astype(int)
    last = len(printed) - 1
    inside = (row >= 0) & (row <= last) & (column >= 0) & (column <= last)
    level = np.where(printed[row.clip(0, last), column.clip(0, last)] > 0, WHITE, BLACK)
    patch = image[low[1] : high[1], low[0] : high[0]]
    behind = np.repeat(np.repeat(patch, SAMPLES, axis=0), SAMPLES, axis=1)
    fine = np.where(inside, level, behind)
    patch[:] = fine.reshape(len(patch), SAMPLES, -1, SAMPLES).mean(axis=(1, 3))


def matched(
    found: Sequence[tuple[int, FloatArray]], scene: Scene
) -> list[tuple[float, FloatArray]]:
    """Size and corner errors (4, 2) of each tag of `scene` that is among `found`."""
    return [
        (side_px(scene.corners[tag]), corners - scene.corners[tag])
        for tag, corners in found
        if tag in scene.corners and np.abs(corners - scene.corners[tag]).max() < 5
    ]
