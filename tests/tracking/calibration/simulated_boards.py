"""Boards waved before simulated cameras: exact projections with noise, and drawn pictures."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.calibration.board_finder import BoardView
from tracking.cameras import Camera


def lens_camera(name="left", *, x=0.0, turn_deg=0.0, focal=900.0, size=(1280, 720)):
    """A camera whose lens is no default in any number."""
    place = RigidTransform.from_components(
        np.array([x, 0.0, 0.0]), Rotation.from_rotvec([0.0, np.deg2rad(turn_deg), 0.0])
    )
    return Camera(
        name=name,
        width=size[0],
        height=size[1],
        matrix=np.array(
            [[focal, 0, size[0] / 2 + 7.0], [0, focal + 1.5, size[1] / 2 - 5.0], [0, 0, 1]]
        ),
        distortion=np.array([-0.12, 0.06, 0.0006, -0.0004, 0.01]),
        camera_from_world=place.inv(),
    )


def waved(board, count, rng, *, x=0.0, distance=700.0, spread=(160.0, 80.0, 150.0)):
    """Poses ``world_from_board`` of the board's centre, all over the view and tilted."""
    poses = []
    for _ in range(count):
        tilt = rng.uniform(-35, 35, 2)
        turn = Rotation.from_rotvec(np.deg2rad([tilt[0], tilt[1], rng.uniform(-60, 60)]))
        place = np.array([x, 0.0, distance]) + rng.uniform(-1, 1, 3) * spread
        poses.append(RigidTransform.from_components(place, turn))
    return poses


def swung(board_time, *, x=0.0, distance=700.0):
    """Pose ``world_from_board`` at a time (s) of a board that a hand swings smoothly."""
    t = board_time
    tilt = [30 * np.sin(1.1 * t), 32 * np.sin(0.83 * t + 1), 60 * np.sin(0.57 * t + 2)]
    place = [
        x + 150 * np.sin(0.71 * t + 0.5),
        80 * np.sin(0.93 * t),
        distance + 150 * np.sin(0.49 * t + 1.5),
    ]
    return RigidTransform.from_components(
        np.array(place), Rotation.from_rotvec(np.deg2rad(np.array(tilt)))
    )


def view_of(camera, board, world_from_board, rng, *, noise=0.06, time_ns=0, mirrored=False):
    """What `camera` sees of the board; None if not enough of it."""

    def seen(points):
        flat = points.reshape(-1, 3) - board.centre
        pixels = camera.project_world(world_from_board.apply(flat))
        return pixels + rng.normal(0, noise, pixels.shape)

    corners, saddles = seen(board.tag_corners).reshape(-1, 4, 2), seen(board.saddles)
    limit = np.array([camera.width, camera.height]) - 5
    tags = ((corners > 4) & (corners < limit)).all(axis=(1, 2))
    inside = ((saddles > 4) & (saddles < limit)).all(axis=1)
    if tags.sum() < 4:
        return None
    return BoardView(
        camera=camera.name,
        time_ns=time_ns,
        tags=np.flatnonzero(tags),
        tag_corners=corners[tags],
        saddles=np.flatnonzero(inside),
        saddle_points=saddles[inside],
        # A picture without edges: what was found is not refined again.
        patch=np.full((8, 8), 128, np.uint8),
        origin=(0, 0),
        mirrored=mirrored,
    )


def drawn(board, camera, world_from_board, *, scale=10, blur=0.8, noise=2.0, seed=0):
    """A picture of the board: its print warped point by point through the lens."""
    width, height = board.columns * board.square, board.rows * board.square
    print_size = (round(width * scale), round(height * scale))
    sheet = board.pattern().generateImage(print_size, marginSize=0, borderBits=1)
    sheet = cv2.GaussianBlur(sheet, (0, 0), scale * 0.25)
    if board.inverted:
        sheet = 255 - sheet
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    rays = np.column_stack([camera.undistort(pixels), np.ones(len(pixels))])
    board_from_camera = (camera.camera_from_world * world_from_board).inv()
    away, start = board_from_camera.rotation.apply(rays), board_from_camera.translation
    hits = start + away * (-start[2] / away[:, 2:])
    places = (hits[:, :2] + board.centre[:2]) * scale - 0.5
    shape = (camera.height, camera.width)
    maps = [places[:, k].reshape(shape).astype(np.float32) for k in (0, 1)]
    paper = 25 if board.inverted else 235
    flat = cv2.remap(sheet, *maps, cv2.INTER_LINEAR, borderValue=int(paper))
    flat = cv2.GaussianBlur(30 + flat.astype(np.float64) * 0.7, (0, 0), blur)
    flat += np.random.default_rng(seed).normal(0, noise, shape)
    return np.clip(np.rint(flat), 0, 255).astype(np.uint8)
