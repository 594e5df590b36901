"""What the uncertainty of calibrated cameras costs in navigation.

In: the covariance of lenses and cameras. Out: the error to expect of the coil's focal point in the
head's frame, from calibration alone, for two default marker bodies where the board was held.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tracking.bodies import bent_plate
from tracking.calibration.bundle import pose_sensitivity
from tracking.calibration.bundle_model import CAMERA, LENS, SHAPE, Sighting, Unknowns
from tracking.calibration.camera_solution import CamerasSolution
from tracking.calibration.lens import project

FloatArray = NDArray[np.float64]

APART, DEPTH = 150.0, 100.0
"""From head body to coil body, and from the coil body to the focal point, mm."""

TURN_DEG = 20.0
"""The bodies look past the cameras by this angle, to either side."""


def predicted_error(found: CamerasSolution, number: int | None = None) -> float:
    """Give the RMS error (mm) of the focal point in the head's frame.

    With all cameras of `found`, or with camera `number` alone. Linear propagation of the
    covariance; noise of corners and errors of the bodies come on top in use.
    """
    unknowns, knowns = found.solution.unknowns, found.knowns
    covariance = found.solution.covariance
    if number is not None:
        unknowns = replace(
            unknowns,
            lenses=unknowns.lenses[number : number + 1],
            camera_from_world=unknowns.camera_from_world[number : number + 1],
        )
        covariance = np.zeros((LENS + CAMERA + SHAPE,) * 2)
        covariance[:LENS, :LENS] = found.solution.lens_covariance(number)
    poses = _placed(unknowns)
    points = np.concatenate(list(bent_plate("head", 0).corners.values()))
    sightings = [
        _seen(camera, number, pose, points, unknowns)
        for camera in range(len(unknowns.lenses))
        for number, pose in enumerate(poses)
    ]
    placed = replace(
        unknowns,
        world_from_board=np.array(poses),
        velocity=np.zeros((2, 6)),
        shape=np.zeros_like(unknowns.shape),
        late=np.zeros(len(unknowns.lenses)),
    )
    head, coil = pose_sensitivity(sightings, placed, knowns)
    focus = poses[1][:3, :3] @ np.array([0.0, 0.0, DEPTH])
    moved = coil[3:] - _cross(focus) @ coil[:3]
    arm = poses[1][:3, 3] + focus - poses[0][:3, 3]
    carried = head[3:] - _cross(arm) @ head[:3]
    change = moved - carried
    return float(np.sqrt(np.trace(change @ covariance @ change.T)))


def _placed(unknowns: Unknowns) -> list[FloatArray]:
    """Poses of head and coil bodies side by side where the board was, facing the cameras."""
    middle = np.median(unknowns.world_from_board[:, :3, 3], axis=0)
    cameras = np.linalg.inv(unknowns.camera_from_world)
    away = middle - cameras[:, :3, 3].mean(axis=0)
    away /= max(float(np.linalg.norm(away)), 1e-9)
    down = np.cross(away, cameras[0, :3, 0])
    down /= max(float(np.linalg.norm(down)), 1e-9)
    facing = np.column_stack([np.cross(down, away), down, away])
    poses = []
    for side in (-1, 1):
        pose = np.eye(4)
        turn = Rotation.from_rotvec([0.0, np.deg2rad(side * TURN_DEG), 0.0]).as_matrix()
        pose[:3, :3] = facing @ turn
        pose[:3, 3] = middle + facing[:, 0] * side * APART / 2
        poses.append(pose)
    return poses


def _seen(
    camera: int, instant: int, pose: FloatArray, points: FloatArray, unknowns: Unknowns
) -> Sighting:
    place = unknowns.camera_from_world[camera] @ pose
    pixels, _, _ = project(unknowns.lenses[camera], points @ place[:3, :3].T + place[:3, 3])
    return Sighting(camera, instant, 0.0, points, pixels)


def _cross(vector: FloatArray) -> FloatArray:
    x, y, z = vector
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
