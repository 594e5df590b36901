"""Corner-level simulations of hand-turned bodies: exact projections with noise, no pictures."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.bodies import MarkerBody
from tracking.calibration.tag_views import TagView
from tracking.detection import TagObservation

STEP_NS = 33_000_000


def printed(body, rng, sigma):
    """The body as made by hand: every corner a little off."""
    return MarkerBody(
        body.name,
        body.family,
        {
            tag: corners + rng.normal(0, sigma, 3) + rng.normal(0, sigma / 4, (4, 3))
            for tag, corners in body.corners.items()
        },
    )


def hand_turned(count, *, tilt_deg=50.0, distance=750.0, x=0.0, facing_deg=0.0):
    """Poses of a body that a hand turns before the cameras, slowly and to all sides."""
    poses = []
    for number in range(count):
        share = number / count
        around, swing = (
            2 * np.pi * 7 * share,
            np.deg2rad(tilt_deg) * np.sin(2 * np.pi * 2.3 * share),
        )
        tilt = [swing * np.cos(around), swing * np.sin(around), 0.0]
        roll = [0.0, 0.0, np.deg2rad(40) * np.sin(2 * np.pi * 1.7 * share)]
        face = Rotation.from_rotvec([0, np.deg2rad(facing_deg), 0])
        place = [
            x + 60 * np.sin(9.1 * share),
            40 * np.cos(7.3 * share),
            distance + 120 * np.sin(5.2 * share),
        ]
        poses.append(
            RigidTransform.from_components(
                np.array(place), face * Rotation.from_rotvec(tilt) * Rotation.from_rotvec(roll)
            )
        )
    return poses


def observe(body, world_from_body, view, rng, noise, *, least_cosine=0.3):
    """The tags of `body` that look to the camera `view`, with noise of `noise` px."""
    seen = []
    for tag, corners in body.corners.items():
        points = view.camera_from_world.apply(world_from_body.apply(corners))
        front = np.cross(points[3] - points[0], points[1] - points[0])
        centre = points.mean(axis=0)
        cosine = -(front @ centre) / np.linalg.norm(front) / np.linalg.norm(centre)
        if cosine < least_cosine:
            continue
        pixels = view.project(points)
        if ((pixels < 5) | (pixels > [view.width - 5, view.height - 5])).any():
            continue
        seen.append(TagObservation(tag, pixels + rng.normal(0, noise, (4, 2))))
    return tuple(seen)


def film(placed, views, rng, *, noise=0.05, speed=20.0, step_ns=STEP_NS):
    """Views of bodies; `placed` is a list of (body, poses), all equally long."""
    film = []
    for number in range(len(placed[0][1])):
        tags = {
            view.name: tuple(
                one
                for body, poses in placed
                for one in observe(body, poses[number], view, rng, noise)
            )
            for view in views
        }
        tags = {name: seen for name, seen in tags.items() if seen}
        film.append(TagView(number * step_ns, tags, speed))
    return film


def geometry_error(body, truth):
    """RMS distance of corners per axis after rigid alignment, mm."""
    found = np.concatenate([body.corners[tag] for tag in truth.corners])
    true = np.concatenate(list(truth.corners.values()))
    found, true = found - found.mean(axis=0), true - true.mean(axis=0)
    rotation, _ = Rotation.align_vectors(true, found)
    return float(np.sqrt(np.mean((rotation.apply(found) - true) ** 2)))
