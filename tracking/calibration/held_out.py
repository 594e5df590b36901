"""Checks calibrated cameras on pictures that the calibration did not use.

In: a solution. Out: findings. Every fifth instant is left out, the cameras are solved anew from the
others, and lengths on the board are measured in the pictures left out: by triangulation where
several cameras see them, else on the plane in which one camera sees the board.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.calibration.board import Board
from tracking.calibration.board_finder import BoardView
from tracking.calibration.bundle import solve
from tracking.calibration.camera_solution import CamerasSolution
from tracking.calibration.result import Finding
from tracking.cameras import Camera

FloatArray = NDArray[np.float64]

SQUARE_SIDE = "side of a square in pictures left out"

EVERY = 5
"""One instant in so many is left out."""

FEWEST_INSTANTS = 10
"""With fewer instants nothing can be spared for checking."""

LARGEST_COSINE = float(np.cos(np.deg2rad(8.0)))
"""Rays must meet at a larger angle than this."""

LARGEST_MISS = 0.002
"""How far off a triangulated point may be seen, on the plane z = 1."""

Ray = tuple[FloatArray, FloatArray]
"""``camera_from_world`` (4, 4), and where the point is seen on the plane z = 1 (2,)."""

FEWEST_POINTS = 6
LONGEST_DELAY_S = 0.05
"""Pictures further apart in time show the board at different places."""


@dataclass(frozen=True, eq=False, slots=True)
class HeldOut:
    """Cameras of `found` as solved without some instants, and the views of those instants."""

    found: CamerasSolution
    cameras: Sequence[Camera]
    views: Sequence[Sequence[BoardView]]


def flatness_check(held: HeldOut, number: int) -> tuple[Finding, ...]:
    """Compare the sides of squares seen by one camera with each other, in pictures left out.

    One camera cannot tell size from distance, so only their scatter is told, not their mean.
    """
    found = held.found
    errors = [
        _plane_lengths(view, found.board, held.cameras[number]) / found.board.square - 1
        for instant in held.views
        for view in instant
        if view.camera == found.names[number] and view.camera not in found.backs
    ]
    joined = np.concatenate(errors) if errors else np.zeros(0)
    if not joined.size:
        return ()
    return (
        Finding(
            name="squares in pictures left out",
            value=100 * float(np.sqrt((joined**2).mean())),
            unit="%",
            meaning=f"RMS deviation of {joined.size} sides from each other's size",
        ),
    )


def length_check(held: HeldOut) -> tuple[Finding, ...]:
    """Triangulate the sides of squares in pictures left out."""
    found = held.found
    lengths = triangulated_sides(found, held.cameras, held.views)
    if not lengths.size:
        return ()
    return (
        Finding(
            name=SQUARE_SIDE,
            value=float(lengths.mean()),
            unit="mm",
            meaning=f"mean of {lengths.size} sides triangulated; printed with "
            f"{found.board.square:g} mm",
        ),
        Finding(
            name="the same, RMS error of one side",
            value=float(np.sqrt(((lengths - found.board.square) ** 2).mean())),
            unit="mm",
        ),
    )


def triangulated_sides(
    found: CamerasSolution, cameras: Sequence[Camera], instants: Sequence[Sequence[BoardView]]
) -> FloatArray:
    """Lengths (L,) of the sides of squares whose ends two or more cameras see, mm.

    Cameras that see the back of the board take no part, nor pictures too far apart in time, nor
    points whose rays are nearly parallel or pass each other.
    """
    late = dict(zip(found.names, found.solution.unknowns.late.tolist(), strict=True))
    lengths = []
    for instant in instants:
        front = [view for view in instant if view.camera in late and view.camera not in found.backs]
        taken = {view.camera: view.time_ns / 1e9 + late[view.camera] for view in front}
        middle = float(np.median(list(taken.values()))) if taken else 0.0
        rays: dict[int, list[Ray]] = {}
        for view in front:
            if abs(taken[view.camera] - middle) > LONGEST_DELAY_S or not len(view.saddles):
                continue
            camera = cameras[found.names.index(view.camera)]
            seen = camera.undistort(view.saddle_points)
            for saddle, ray in zip(view.saddles.tolist(), seen, strict=True):
                rays.setdefault(saddle, []).append((camera.camera_from_world.as_matrix(), ray))
        points = {saddle: _triangulated(some) for saddle, some in rays.items()}
        for first, second in _neighbours(found.board):
            one, other = points.get(first), points.get(second)
            if one is not None and other is not None:
                lengths.append(float(np.linalg.norm(one - other)))
    return np.array(lengths)


def hold_out(found: CamerasSolution) -> HeldOut:
    """Solve without every fifth instant; with too few instants nothing is left out."""
    instants = len(found.solution.unknowns.world_from_board)
    if instants < FEWEST_INSTANTS:
        return HeldOut(found, [found.camera(k) for k in range(len(found.names))], [])
    out = set(range(EVERY // 2, instants, EVERY))
    pictures = list(zip(found.sightings, found.views, strict=True))
    views: dict[int, list[BoardView]] = {}
    for one, view in pictures:
        if one.instant in out:
            views.setdefault(one.instant, []).append(view)
    used = [(one, view) for one, view in pictures if one.instant not in out]
    rest = found.with_instants(
        [instant for instant in range(instants) if instant not in out],
        [view for _, view in used],
        [one for one, _ in used],
    )
    solution = solve(rest.sightings, rest.solution.unknowns, rest.knowns)
    fresh = replace(rest, solution=solution)
    cameras = [fresh.camera(number) for number in range(len(found.names))]
    return HeldOut(found, cameras, list(views.values()))


def _plane_lengths(view: BoardView, board: Board, camera: Camera) -> FloatArray:
    """Sides of squares (L,) where the rays of one camera meet the plane of the board, mm."""
    if len(view.pixels) < FEWEST_POINTS or len(view.saddles) < 2:
        return np.zeros(0)
    good, turn, shift = cv2.solvePnP(
        view.points(board), view.pixels, camera.matrix, camera.distortion
    )
    if not good:
        return np.zeros(0)
    matrix = cv2.Rodrigues(turn)[0]
    rays = np.column_stack([camera.undistort(view.saddle_points), np.ones(len(view.saddles))])
    hits = rays * ((shift.ravel() @ matrix[:, 2]) / (rays @ matrix[:, 2]))[:, None]
    points = dict(zip(view.saddles.tolist(), hits, strict=True))
    return np.array(
        [
            float(np.linalg.norm(points[first] - points[second]))
            for first, second in _neighbours(board)
            if first in points and second in points
        ]
    )


def _neighbours(board: Board) -> list[tuple[int, int]]:
    """Pairs of saddle points that are the ends of one side."""
    across, down = board.columns - 1, board.rows - 1
    index = np.arange(across * down).reshape(down, across)
    level = zip(index[:, :-1].ravel().tolist(), index[:, 1:].ravel().tolist(), strict=True)
    upright = zip(index[:-1].ravel().tolist(), index[1:].ravel().tolist(), strict=True)
    return [*level, *upright]


def _triangulated(rays: Sequence[Ray]) -> FloatArray | None:
    """Point (3,) that two or more cameras see along `rays`: linear (Hartley & Sturm 1997)."""
    towards = np.array([[*ray, 1.0] @ place[:3, :3] for place, ray in rays])
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    if (towards @ towards.T).min() > LARGEST_COSINE:
        return None
    rows = np.concatenate(
        [
            np.array([ray[0] * place[2] - place[0], ray[1] * place[2] - place[1]])
            for place, ray in rays
        ]
    )
    point = np.asarray(np.linalg.lstsq(rows[:, :3], -rows[:, 3], rcond=None)[0])
    for place, ray in rays:
        there = place[:3, :3] @ point + place[:3, 3]
        if there[2] <= 0 or np.linalg.norm(there[:2] / there[2] - ray) > LARGEST_MISS:
            return None
    return point
