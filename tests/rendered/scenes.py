"""Cameras and poses of the trials: a head and a coil beside it, before one or two 720p cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from tests.rendered.renderer import Renderer
from tracking.bodies import bent_plate
from tracking.cameras import Camera

HEAD, COIL = bent_plate("head", 0), bent_plate("coil_body", 6)
FOCAL_POINT = np.array([0.0, 100.0, 0.0])
"""Of the coil in its body's frame, mm: along the printed sheet, as far as a coil's winding is."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Where the two bodies are: ``world_from_body``."""

    head: RigidTransform
    coil: RigidTransform

    @property
    def poses(self):
        return {"head": self.head, "coil_body": self.coil}


def camera(name="left", *, x=0.0, toe_in_deg=0.0, focal=920.0, size=(1280, 720)):
    """A camera at (x, 0, 0) in world, turned by `toe_in_deg` about y, with a usual lens."""
    width, height = size
    turn = Rotation.from_rotvec([0.0, np.deg2rad(toe_in_deg), 0.0])
    world_from_camera = RigidTransform.from_components(np.array([x, 0.0, 0.0]), turn)
    return Camera(
        name=name,
        width=width,
        height=height,
        matrix=np.array([[focal, 0, width / 2 - 3.3], [0, focal, height / 2 + 2.1], [0, 0, 1.0]]),
        distortion=np.array([-0.08, 0.03, 0.0004, -0.0003, 0.0]),
        camera_from_world=world_from_camera.inv(),
    )


def pair():
    """Two cameras 400 mm apart whose axes meet 900 mm away."""
    angle = float(np.rad2deg(np.arctan2(400.0, 900.0)))
    return camera("left"), camera("right", x=400.0, toe_in_deg=-angle)


def renderers(cameras, seed=0):
    return {each.name: Renderer(each, [HEAD, COIL], seed) for each in cameras}


def scenes(cameras, count, seed=0, *, depth=(600.0, 1200.0)):
    """`count` scenes in which every camera has both bodies in its picture, faces towards it.

    The coil's body is 0.6 to 1.2 m from the first camera and tilted by up to 50 degrees, the
    head's about 150 mm from it and tilted by up to 45.
    """
    rng = np.random.default_rng([seed, 4])
    found = []
    while len(found) < count:
        coil = _placed(rng, _somewhere(rng, cameras, depth), 50.0, cameras)
        direction = rng.normal(size=3)
        beside = coil.translation + 150.0 * direction / np.linalg.norm(direction)
        scene = Scene(_placed(rng, beside, 45.0, cameras), coil)
        if all(_in_sight(each, scene) for each in cameras):
            found.append(scene)
    return found


def _somewhere(rng, cameras, depth):
    z = rng.uniform(*depth)
    x, y = rng.uniform(-0.3, 0.3) * z, rng.uniform(-0.22, 0.22) * z
    centres = [each.camera_from_world.inv().translation[0] for each in cameras]
    return np.array([x + np.mean(centres), y, z])


def _placed(rng, position, tilt_deg, cameras):
    """Facing the middle of the cameras, tilted about a random axis in the sheet and turned."""
    middle = np.mean([each.camera_from_world.inv().translation for each in cameras], axis=0)
    axis = position - middle
    axis /= np.linalg.norm(axis)
    facing, _ = Rotation.align_vectors([axis, [1.0, 0, 0]], [[0, 0, 1.0], [1.0, 0, 0]], [1, 1e-3])
    about = rng.uniform(0, 2 * np.pi)
    tilt = (
        np.deg2rad(tilt_deg)
        * np.sqrt(rng.uniform())
        * np.array([np.cos(about), np.sin(about), 0.0])
    )
    spin = Rotation.from_rotvec([0, 0, rng.uniform(-np.pi, np.pi)])
    turn = facing * Rotation.from_rotvec(tilt) * spin
    return RigidTransform.from_components(position, turn)


def _in_sight(each, scene):
    outlines = []
    for body, pose in ((HEAD, scene.head), (COIL, scene.coil)):
        points = each.camera_from_world.apply(
            pose.apply(np.concatenate(list(body.corners.values())))
        )
        if points[:, 2].min() < 300:
            return False
        pixels = each.project(points)
        if (pixels < 12).any() or (pixels > [each.width - 12, each.height - 12]).any():
            return False
        outlines.append((pixels.min(axis=0), pixels.max(axis=0)))
    (low, high), (other_low, other_high) = outlines
    # Neither body hides the other.
    return bool((high + 8 < other_low).any() or (other_high + 8 < low).any())
