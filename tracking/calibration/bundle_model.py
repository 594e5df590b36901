"""What bundle adjustment is about: its unknowns, what pictures show, and how one follows the other.

In: values of all unknowns. Out: the residuals of all pictures, and their derivatives. Lengths are
mm, times seconds, lenses as in :mod:`tracking.calibration.lens`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tracking.calibration.lens import project

FloatArray = NDArray[np.float64]

LENS, CAMERA, SHAPE, BENDS = 9, 7, 10, 4
"""Numbers of a lens, of a camera (where it stands, and how late it is), and of the shape of the
board, of which the first four are bends and the last six place its back."""

POSE = 12
"""Numbers of the board at one instant: turn, shift, and the velocities of both."""


@dataclass(frozen=True, eq=False, slots=True)
class Sighting:
    """One picture of the board.

    Attributes
    ----------
    camera, instant
        Indices of the camera and of the instant.
    delay
        When the picture was taken after the instant's own time, s.
    points
        (N, 3) on the flat board, mm, from its centre.
    pixels
        (N, 2) where they are seen.
    back
        Whether the picture shows the back of a board that is printed on both sides.
    """

    camera: int
    instant: int
    delay: float
    points: FloatArray
    pixels: FloatArray
    back: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Unknowns:
    """All that is to be found, as values.

    Attributes
    ----------
    lenses
        (C, 9).
    camera_from_world
        (C, 4, 4); the first stays as it is.
    world_from_board
        (T, 4, 4), of the board's centre.
    velocity
        (T, 6) of the board: rotation vector, rad/s, then mm/s, in ``world`` axes.
    shape
        (10,) bends along x x, x y, y y (mm at the edge), how much wider than high it is, and turn
        and shift of the back's points from where the front has them.
    late
        (C,) by how much the times of each camera are too early, s; 0 for the first.
    """

    lenses: FloatArray
    camera_from_world: FloatArray
    world_from_board: FloatArray
    velocity: FloatArray
    shape: FloatArray
    late: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Knowns:
    """What is known beforehand.

    Attributes
    ----------
    lenses, lens_sigma
        (C, 9) expected lenses and their standard deviations; 0 for what is fixed.
    half_size
        (2,) half the board's width and height, mm.
    times
        (T,) the instants, s, rising.
    moving
        Whether the board's velocity is to be found: only with several cameras.
    shaped
        Whether the bends of the board are to be found.
    backed
        Whether pictures of its back are among the sightings.
    """

    lenses: FloatArray
    lens_sigma: FloatArray
    half_size: FloatArray
    times: FloatArray
    moving: bool
    shaped: bool
    backed: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """All sightings in one, point after point."""

    camera: NDArray[np.intp]
    instant: NDArray[np.intp]
    delay: FloatArray
    points: FloatArray
    pixels: FloatArray
    back: NDArray[np.bool_]
    starts: NDArray[np.intp]
    sightings: Sequence[Sighting]

    @classmethod
    def of(cls, sightings: Sequence[Sighting]) -> Rows:
        """Join `sightings` in their order."""
        counts = [len(one.points) for one in sightings]
        return cls(
            camera=np.repeat([one.camera for one in sightings], counts),
            instant=np.repeat([one.instant for one in sightings], counts),
            delay=np.repeat([one.delay for one in sightings], counts).astype(np.float64),
            points=np.concatenate([one.points for one in sightings]),
            pixels=np.concatenate([one.pixels for one in sightings]),
            back=np.repeat([one.back for one in sightings], counts),
            starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp),
            sightings=sightings,
        )


def shaped_points(points: FloatArray, shape: FloatArray, half_size: FloatArray) -> FloatArray:
    """Where `points` (N, 3) of the flat board lie on the bent one, mm from its centre."""
    across, down = points[:, 0] / half_size[0], points[:, 1] / half_size[1]
    bent = points.copy()
    bent[:, 0] *= 1 + shape[3]
    bent[:, 1] *= 1 - shape[3]
    bent[:, 2] += shape[0] * across**2 + shape[1] * across * down + shape[2] * down**2
    return bent


def _on_board(rows: Rows, unknowns: Unknowns, knowns: Knowns) -> FloatArray:
    """Where the points lie on the bent board, (N, 3) from its centre."""
    bent = shaped_points(rows.points, unknowns.shape, knowns.half_size)
    if not rows.back.any():
        return bent
    turn, shift = np.split(unknowns.shape[BENDS:], 2)
    bent[rows.back] = Rotation.from_rotvec(turn).apply(bent[rows.back]) + shift
    return bent


def _in_camera(
    rows: Rows, unknowns: Unknowns, knowns: Knowns
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Points in their cameras, from the board's centre in world axes, their speed, and delays."""
    board = unknowns.world_from_board[rows.instant]
    arm = np.einsum("nij,nj->ni", board[:, :3, :3], _on_board(rows, unknowns, knowns))
    velocity = unknowns.velocity[rows.instant]
    delay = (rows.delay + unknowns.late[rows.camera])[:, None]
    turned = Rotation.from_rotvec(velocity[:, :3] * delay).apply(arm)
    world = turned + board[:, :3, 3] + velocity[:, 3:] * delay
    speed = np.cross(velocity[:, :3], turned) + velocity[:, 3:]
    camera = unknowns.camera_from_world[rows.camera]
    points = np.einsum("nij,nj->ni", camera[:, :3, :3], world) + camera[:, :3, 3]
    # A point behind the camera is as wrong as can be, without dividing by nothing.
    points[:, 2] = np.maximum(points[:, 2], 1.0)
    return points, turned, speed, delay


def residuals_of(rows: Rows, unknowns: Unknowns, knowns: Knowns) -> FloatArray:
    """Give (N, 2) pixels, seen minus expected."""
    points, _, _, _ = _in_camera(rows, unknowns, knowns)
    pixels, _, _ = project(unknowns.lenses[rows.camera], points)
    return rows.pixels - pixels


def jacobians(
    rows: Rows, unknowns: Unknowns, knowns: Knowns
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Residuals (N, 2), and derivatives of pixels by lens, camera, shape (N, 2, 26) and by pose."""
    points, arm, speed, late = _in_camera(rows, unknowns, knowns)
    pixels, by_point, by_lens = project(unknowns.lenses[rows.camera], points)
    camera = unknowns.camera_from_world[rows.camera]
    by_world = by_point @ camera[:, :3, :3]
    by_camera = np.concatenate(
        [
            -by_point @ _cross(points - camera[:, :3, 3]),
            by_point,
            np.einsum("nkj,nj->nk", by_world, speed)[:, :, None],
        ],
        axis=2,
    )
    by_turn = -by_world @ _cross(arm)
    delay = late[:, :, None]
    by_pose = np.concatenate([by_turn, by_world, by_turn * delay, by_world * delay], axis=2)
    by_board = by_world @ unknowns.world_from_board[rows.instant][:, :3, :3]
    common = np.concatenate(
        [by_lens, by_camera, _by_shape(rows, by_board, unknowns, knowns)], axis=2
    )
    return rows.pixels - pixels, common, by_pose


def _by_shape(rows: Rows, by_board: FloatArray, unknowns: Unknowns, knowns: Knowns) -> FloatArray:
    """Give the derivatives (N, 2, 10) by the shape from those by points of the board."""
    across = rows.points[:, 0] / knowns.half_size[0]
    down = rows.points[:, 1] / knowns.half_size[1]
    bends = np.column_stack([across**2, across * down, down**2])
    aspect = by_board[:, :, :1] * rows.points[:, None, :1] - (
        by_board[:, :, 1:2] * rows.points[:, None, 1:2]
    )
    back = rows.back[:, None, None]
    turned = _on_board(rows, unknowns, knowns) - unknowns.shape[7:]
    return np.concatenate(
        [
            by_board[:, :, 2:] * bends[:, None, :],
            aspect,
            np.where(back, -by_board @ _cross(turned), 0.0),
            np.where(back, by_board, 0.0),
        ],
        axis=2,
    )


def _cross(vectors: FloatArray) -> FloatArray:
    """(N, 3, 3) matrices that take the cross product with `vectors` (N, 3)."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
