"""Images of marker bodies at known poses: each pixel is the mean of exact samples inside it.

Independent of the code under test: rays come from undistorted sub-pixel positions, meet the tag's
plane, and read the printed module there. Blur and noise are added as a sensor would.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.bodies import MarkerBody
from tracking.cameras import Camera

SAMPLES = 4
MARGIN = 4 / 36  # white around the tags of the default body, in tag sides


def camera(name="left", *, x=0.0, toe_in_deg=0.0, focal=920.0, distorted=True, size=(1280, 720)):
    """A 720p camera at (x, 0, 0) in world, turned inwards by `toe_in_deg` about y."""
    width, height = size
    turn = Rotation.from_rotvec([0.0, np.deg2rad(toe_in_deg), 0.0])
    world_from_camera = RigidTransform.from_components(np.array([x, 0.0, 0.0]), turn)
    return Camera(
        name=name,
        width=width,
        height=height,
        matrix=np.array([[focal, 0, width / 2 - 3.3], [0, focal, height / 2 + 2.1], [0, 0, 1]]),
        distortion=np.array([-0.08, 0.03, 0.0004, -0.0003, 0.0]) if distorted else np.zeros(5),
        camera_from_world=world_from_camera.inv(),
    )


def pair():
    """Two cameras 400 mm apart that look at a point 800 mm away."""
    angle = np.rad2deg(np.arctan2(200, 800))
    left = camera("left")
    return left, camera("right", x=400.0, toe_in_deg=-2 * angle * 0.9)


def pose(position, rotvec_deg=(0.0, 0.0, 0.0)):
    return RigidTransform.from_components(
        np.asarray(position, dtype=np.float64),
        Rotation.from_rotvec(np.deg2rad(np.asarray(rotvec_deg, dtype=np.float64))),
    )


def render(
    view: Camera,
    placed: Sequence[tuple[MarkerBody, RigidTransform]],
    seed: int = 0,
    *,
    blur: float = 0.7,
    noise: float = 2.5,
    hidden: Sequence[int] = (),
):
    rng = np.random.default_rng(seed)
    image = _background(view, rng)
    for body, world_from_body in placed:
        seen = {
            tag: view.camera_from_world.apply(world_from_body.apply(corners))
            for tag, corners in body.corners.items()
            if tag not in hidden
        }
        for corners in seen.values():
            _paint(image, view, np.ones((8, 8), dtype=bool), corners, MARGIN, 1)
        for tag, corners in seen.items():
            _paint(image, view, _modules(tag), corners, 0.0, SAMPLES)
    image = cv2.GaussianBlur(image, (0, 0), blur) + rng.normal(0, noise, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def true_corners(view, body, world_from_body, tag):
    return view.project_world(world_from_body.apply(body.corners[tag]))


def _background(view, rng):
    coarse = rng.uniform(60, 150, (9, 16)).astype(np.float32)
    return cv2.resize(coarse, (view.width, view.height), interpolation=cv2.INTER_CUBIC).astype(
        np.float64
    )


def _modules(tag):
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    return cv2.aruco.generateImageMarker(dictionary, tag, 8) > 0


def _paint(image, view, modules, corners, margin, samples):
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    normal = np.cross(across, down)
    if corners.mean(axis=0) @ normal <= 0:  # seen from behind
        return
    sheet = corners.mean(axis=0) + (corners - corners.mean(axis=0)) * (1 + 2 * margin)
    outline = view.project(sheet)
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 2, [view.width, view.height])
    if (low >= high).any():
        return
    sub = (np.arange(samples) + 0.5) / samples - 0.5
    xs = (np.arange(low[0], high[0])[:, None] + sub).ravel()
    ys = (np.arange(low[1], high[1])[:, None] + sub).ravel()
    pixels = np.stack(np.meshgrid(xs, ys), axis=-1)
    rays = view.undistort(pixels.reshape(-1, 2)).reshape(pixels.shape)
    rays = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1)
    hit = rays * ((corners[0] @ normal) / (rays @ normal))[..., None] - corners[0]
    u, v = hit @ across / (across @ across), hit @ down / (down @ down)
    on_sheet = (np.abs(u - 0.5) <= 0.5 + margin) & (np.abs(v - 0.5) <= 0.5 + margin)
    row, column = (np.clip((share * 8).astype(int), 0, 7) for share in (v, u))
    level = np.where(modules[row, column], 210.0, 30.0)
    patch = image[low[1] : high[1], low[0] : high[0]]
    fine = np.where(on_sheet, level, np.repeat(np.repeat(patch, samples, 0), samples, 1))
    patch[:] = fine.reshape(patch.shape[0], samples, patch.shape[1], samples).mean(axis=(1, 3))
