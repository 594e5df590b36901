"""First guesses for bundle adjustment: lenses, where the cameras stand, where the board was.

In: views of a board. Out: values close enough for :func:`tracking.calibration.bundle.solve` to
converge from. Flat boards have two poses that look alike; cameras are placed by the pose that most
instants agree on. Lengths are mm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.calibration.board import Board
from tracking.calibration.board_finder import BoardView, rough_camera
from tracking.calibration.lens import lens_of

FloatArray = NDArray[np.float64]

FEWEST_POINTS = 8
"""Points of a picture below which its board pose is not worth guessing."""

LARGEST_MISFIT = 0.03
"""Corners of the board that are seen further off do not count, on the plane z = 1."""

FOCAL_SHARES = (0.5, 0.65, 0.85, 1.1, 1.5, 2.1)
"""Focal lengths to try, in widths of the picture."""


def guess_lens(views: Sequence[BoardView], board: Board, size: tuple[int, int]) -> FloatArray:
    """Guess the (9,) lens with which `views` are explained best without distortion.

    `size` is the width and height of the pictures.
    """
    best, least = lens_of(rough_camera(*size)), np.inf
    sample = list(views)[:: max(1, len(views) // 12)]
    for share in FOCAL_SHARES:
        lens = lens_of(rough_camera(*size))
        lens[:2] = share * max(size)
        errors = [guess_poses(view, board, lens)[1] for view in sample]
        errors = [error for error in errors if np.isfinite(error)]
        cost = float(np.median(errors)) if errors else np.inf
        if cost < least:
            best, least = lens, cost
    return best


def guess_poses(view: BoardView, board: Board, lens: FloatArray) -> tuple[list[FloatArray], float]:
    """Guess ``camera_from_board``, of the board's centre, by one picture.

    Returns
    -------
    poses
        One or two (4, 4), the better first; none if the picture shows too little.
    error
        RMS misfit of the better one, pixels; infinite without one.
    """
    points = view.points(board) - board.centre
    if len(points) < FEWEST_POINTS:
        return [], np.inf
    matrix = np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1.0]])
    count, turns, shifts, errors = cv2.solvePnPGeneric(
        points.reshape(-1, 1, 3),
        view.pixels.reshape(-1, 1, 2),
        matrix,
        lens[4:],
        flags=cv2.SOLVEPNP_IPPE,
    )
    poses = []
    for turn, shift in zip(turns[:count], shifts[:count], strict=True):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = cv2.Rodrigues(turn)[0], shift.ravel()
        if np.isfinite(pose).all() and pose[2, 3] > 0:
            poses.append(pose)
    return poses, float(np.ravel(errors)[0]) if poses else np.inf


@dataclass(frozen=True, eq=False, slots=True)
class Outlook:
    """How one picture shows the board.

    Attributes
    ----------
    poses
        One or two ``camera_from_board`` (4, 4) that explain it.
    corners
        (4, 2) where the corners of the board are seen on the plane z = 1 of the camera.
    """

    poses: Sequence[FloatArray]
    corners: FloatArray

    @classmethod
    def of(cls, poses: Sequence[FloatArray], half_size: FloatArray) -> Outlook:
        """Take the corners from the first of `poses`, which fits best."""
        return cls(poses, _flat(_corners(half_size) @ poses[0][:3, :3].T + poses[0][:3, 3]))


Outlooks = Sequence[Mapping[int, Outlook]]
"""For each instant: camera -> how its picture shows the board."""


def place_cameras(
    outlooks: Outlooks, cameras: int, half_size: FloatArray
) -> list[FloatArray | None]:
    """Place each camera among the others by the boards that two of them see at once.

    Parameters
    ----------
    outlooks
        What the cameras see.
    cameras
        How many there are.
    half_size
        (2,) half the board's width and height.

    Returns
    -------
    places
        (4, 4) ``camera_from_world`` of each, the first camera being ``world``; None for a camera
        that no chain of common views joins to the first.
    """
    links: dict[tuple[int, int], tuple[float, FloatArray]] = {}
    for first, second in combinations(range(cameras), 2):
        support, pose = _agreed(outlooks, first, second, half_size)
        if support > 0:
            links[first, second] = support, pose
            links[second, first] = support, np.asarray(np.linalg.inv(pose), dtype=np.float64)
    places: list[FloatArray | None] = [np.eye(4), *[None] * (cameras - 1)]
    while True:
        # The best supported link from a camera that has its place to one that has none.
        open_links = [
            (support, known, fresh)
            for (known, fresh), (support, _) in links.items()
            if places[known] is not None and places[fresh] is None
        ]
        if not open_links:
            return places
        _, known, fresh = max(open_links)
        there = places[known]
        assert there is not None
        places[fresh] = links[known, fresh][1] @ there


def _agreed(
    outlooks: Outlooks, first: int, second: int, half_size: FloatArray
) -> tuple[float, FloatArray]:
    """Find ``second_from_first`` that explains most instants, and how many it explains."""
    common = [seen for seen in outlooks if first in seen and second in seen]
    candidates = [
        other @ np.linalg.inv(one)
        for seen in common
        for one in seen[first].poses
        for other in seen[second].poses
    ]
    best, most = np.eye(4), 0.0
    if not candidates:
        return most, best
    placed = [
        _corners(half_size) @ pose[:3, :3].T + pose[:3, 3]
        for seen in common
        for pose in seen[first].poses
    ]
    owner = np.repeat(range(len(common)), [len(seen[first].poses) for seen in common])
    points = np.array(placed)
    wanted = np.array([seen[second].corners for seen in common])[owner]
    for pose in candidates:
        off = _misfit(points @ pose[:3, :3].T + pose[:3, 3], wanted)
        explained = np.zeros(len(common))
        np.maximum.at(explained, owner, 1 - off)
        if explained.sum() > most:
            best, most = pose, float(explained.sum())
    return most, best


def _misfit(points: FloatArray, wanted: FloatArray) -> FloatArray:
    """(N,) how far off `points` (N, 4, 3) are seen from `wanted` (N, 4, 2): 0 to 1."""
    distance = np.linalg.norm(_flat(points) - wanted, axis=2).max(axis=1)
    behind = (points[:, :, 2] <= 0).any(axis=1)
    return np.where(behind, 1.0, np.minimum(distance / LARGEST_MISFIT, 1.0))


def _flat(points: FloatArray) -> FloatArray:
    return np.asarray(points[..., :2] / np.maximum(points[..., 2:], 1.0))


def _corners(half_size: FloatArray) -> FloatArray:
    """(4, 3) corners of the board from its centre, mm."""
    signs = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    return np.column_stack([signs * half_size, np.zeros(4)])


def guess_board(
    seen: Mapping[int, Outlook], places: Sequence[FloatArray | None], half_size: FloatArray
) -> FloatArray | None:
    """Guess ``world_from_board`` at one instant: the pose that explains its pictures best.

    None if no camera that has a place sees the board.
    """
    placed = {camera: place for camera in seen if (place := places[camera]) is not None}
    candidates = [
        np.linalg.inv(place) @ pose
        for camera, place in placed.items()
        for pose in seen[camera].poses
    ]
    if not candidates:
        return None
    off = np.zeros(len(candidates))
    stack = np.array(candidates)
    for camera, place in placed.items():
        there = place @ stack
        points = _corners(half_size) @ there[:, :3, :3].transpose(0, 2, 1) + there[:, None, :3, 3]
        off += _misfit(points, np.tile(seen[camera].corners, (len(stack), 1, 1)))
    return candidates[int(np.argmin(off))]
