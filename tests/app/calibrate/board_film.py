"""Films of the printed board, rendered through a lens that is known exactly."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from tests.tracking import rendering
from tracking.calibration.board import Board

FINE = 2
TEXELS = 40
"""Texels along a square's side."""
PICTURES_PER_S = 5


def film_camera(name="left", size=(640, 360), focal=470.0):
    """A small camera with a slightly distorting lens."""
    return rendering.camera(name, focal=focal, size=size)


def board_poses():
    """``camera_from_board`` of board centres: all over the picture, near and far, tilted."""
    for row in (-1, 0, 1):
        for column in (-1.5, -0.5, 0.5, 1.5):
            for number in range(3):
                depth = 380.0 + 90.0 * number
                turn = Rotation.from_euler(
                    "xyz",
                    [25.0 * (number - 1), 22.0 * np.sign(column) * (row or 1), 8.0 * row],
                    True,
                )
                centre = np.array([0.29 * column * depth, 0.22 * row * depth, depth])
                yield turn, centre


def pictures(camera, board=None, *, step=2):
    """Render the board at its poses, all or at every `step`-th."""
    board = Board() if board is None else board
    texture = board.pattern().generateImage((board.columns * TEXELS, board.rows * TEXELS))
    rays = _rays(camera)
    rng = np.random.default_rng(3)
    for turn, centre in list(board_poses())[::step]:
        matrix = turn.as_matrix()
        origin = centre - matrix @ board.centre
        normal = matrix[:, 2]
        hit = rays * ((normal @ origin) / (rays @ normal))[..., None] - origin
        where = (hit @ matrix[:, :2] * (TEXELS / board.square) - 0.5).astype(np.float32)
        fine = cv2.remap(
            texture, where, None, cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, (150.0,)
        )
        image = cv2.resize(fine, (camera.width, camera.height), None, 0, 0, cv2.INTER_AREA)
        noisy = cv2.GaussianBlur(image, (0, 0), 0.6) * 0.8 + 20 + rng.normal(0, 1.0, image.shape)
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def write_film(path, images):
    """Write a lossless video of `images`, five a second."""
    images = list(images)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=PICTURES_PER_S)
        stream.time_base = Fraction(1, PICTURES_PER_S)
        stream.height, stream.width = images[0].shape
        stream.pix_fmt = "gray"
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _rays(camera):
    xs = (np.arange(camera.width * FINE) + 0.5) / FINE - 0.5
    ys = (np.arange(camera.height * FINE) + 0.5) / FINE - 0.5
    pixels = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    flat = camera.undistort(pixels).reshape(camera.height * FINE, camera.width * FINE, 2)
    return np.concatenate([flat, np.ones((*flat.shape[:2], 1))], axis=-1)
