"""Bundle adjustment: lenses, cameras, board poses and the board's bow from all pictures at once.

In: what each picture shows of the board, and a first guess. Out: the least-squares solution, its
covariance and the residuals. Robust (Cauchy weights); board poses are eliminated by the Schur
complement (Triggs et al. 2000, "Bundle adjustment: a modern synthesis"), so that the cost grows
with the number of pictures only linearly.

Cameras need not take their pictures together: the board has a velocity at each instant, and each
picture enters at its own time. Lengths are mm, times seconds, lenses as in
:mod:`tracking.calibration.lens`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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

SHAPE_SIGMA = np.array([1.0, 1.0, 1.0, 0.002, *[0.01] * 3, *[8.0] * 3])
"""How far a board may be expected to deviate: three bends in mm at its edge, its aspect, and turn
(rad) and shift (mm) of what is printed on its back."""

LATE_SIGMA = 0.03
"""By how much one camera may be expected to be later than another, s."""

SPEED_CHANGE = np.array([0.3] * 3 + [50.0] * 3)
"""How far the board's velocity may be off the one between its neighbours a second apart: rad/s,
then mm/s. Looser, and every picture would get a pose of its own by being late."""

STILLNESS = np.array([0.02] * 3 + [4.0] * 3)
"""Least doubt about a velocity, in the same units."""

ONE_SIDED = 4.0
"""The doubt grows by this where only one neighbour tells the velocity."""

UNKNOWN_SPEED = np.array([0.2] * 3 + [60.0] * 3)
"""The doubt where none does."""

SQUARE_SIGMA = 0.003
"""How much wider than high a sensor's pixels may be expected to be."""

LONGEST_GAP = 0.4
"""Neighbouring instants further apart, s, do not tell a velocity."""

CAUCHY = 3.0
"""Residuals of this many standard deviations count by half."""

OUTRIGHT_PX = 10.0
"""A point so far off is as wrong as can be."""

LEAST_SCALE_PX = 0.02
ROUNDS, LAST_GAIN = 40, 1e-6


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
class Solution:
    """The solution.

    Attributes
    ----------
    unknowns
        The values.
    covariance
        Of lenses (9 each), cameras (7 each: small turn, then shift, of ``camera_from_world`` from
        the left, and lateness) and shape (10), in this order; zero for what is fixed. Enlarged by
        what whole pictures have in common.
    residuals
        For each sighting (N, 2) pixels, seen minus expected.
    sigma_px
        Standard deviation of a coordinate of one point.
    """

    unknowns: Unknowns
    covariance: FloatArray
    residuals: tuple[FloatArray, ...]
    sigma_px: float

    @property
    def cost(self) -> float:
        """Robust mean misfit of a point, for comparing solutions of the same pictures, pixels."""
        joined = np.linalg.norm(np.concatenate(self.residuals), axis=1)
        return float(np.minimum(joined, OUTRIGHT_PX).mean())

    def lens_covariance(self, camera: int) -> FloatArray:
        """(9, 9) of one lens."""
        rows = slice(camera * LENS, (camera + 1) * LENS)
        return self.covariance[rows, rows]


@dataclass(slots=True)
class _Normal:
    """Normal equations with the poses in blocks of their own."""

    common: FloatArray
    common_side: FloatArray
    mixed: FloatArray
    pose: FloatArray
    pose_side: FloatArray
    cost: float


def solve(sightings: Sequence[Sighting], start: Unknowns, knowns: Knowns) -> Solution:
    """Find the solution from `start`.

    Levenberg-Marquardt; the robust scale follows the residuals until it settles.
    """
    rows = _Rows.of(sightings)
    free = _free(knowns, len(start.lenses))
    unknowns, damping = start, 1e-3
    scale = _scale(_residuals(rows, unknowns, knowns))
    normal = _normal(rows, unknowns, knowns, scale)
    for _ in range(ROUNDS):
        trial = _moved(unknowns, *_step(normal, free, damping), knowns)
        fresh = _cost(rows, trial, knowns, scale)
        if not fresh < normal.cost:
            damping *= 8
            if damping > 1e8:
                break
            continue
        gain = (normal.cost - fresh) / max(normal.cost, 1e-12)
        unknowns, damping = trial, max(damping / 4, 1e-9)
        before, scale = scale, _scale(_residuals(rows, unknowns, knowns))
        normal = _normal(rows, unknowns, knowns, scale)
        if gain < LAST_GAIN and abs(scale - before) < 1e-3 * scale:
            break
    residuals = _residuals(rows, unknowns, knowns)
    covariance = _covariance(rows, unknowns, knowns, scale, free)
    parts = np.split(residuals, rows.starts[1:])
    return Solution(unknowns, covariance, tuple(parts), scale)


def pose_sensitivity(
    sightings: Sequence[Sighting], unknowns: Unknowns, knowns: Knowns
) -> FloatArray:
    """Give how the poses that explain `sightings` change with the common unknowns.

    Returns
    -------
    sensitivity
        (T, 6, 16 C + 10): small turn and shift of ``world_from_board`` by lenses, cameras, shape,
        ordered as in `Solution.covariance`.
    """
    normal = _normal(_Rows.of(sightings), unknowns, replace(knowns, moving=False), 1.0)
    turned = np.linalg.solve(normal.pose, normal.mixed.transpose(0, 2, 1))
    return np.asarray(-turned[:, :6], dtype=np.float64)


def common_equations(
    sightings: Sequence[Sighting], unknowns: Unknowns, knowns: Knowns
) -> tuple[FloatArray, FloatArray, float]:
    """Give the normal equations of lenses, cameras and shape with the poses eliminated.

    Returns
    -------
    matrix, side
        (P, P) and (P,), P = 16 C + 10, ordered as in `Solution.covariance`; their solution is the
        change to the unknowns that explains the sightings better. Nothing is held fixed in them.
    square
        Sum of the squared residuals in the same units.
    """
    rows = _Rows.of(sightings)
    residuals = _residuals(rows, unknowns, knowns)
    scale = _scale(residuals)
    normal = _normal(rows, unknowns, knowns, scale)
    everything = np.ones(len(normal.common_side), dtype=bool)
    matrix, side, _ = _reduced(normal, everything, 0.0)
    held = np.linalg.solve(normal.pose, normal.pose_side[:, :, None])
    absorbed = float((normal.pose_side[:, :, None] * held).sum())
    weights = 1 / (1 + (residuals**2).sum(axis=1) / scale**2 / CAUCHY**2)
    square = float((weights * (residuals**2).sum(axis=1)).sum()) / scale**2
    return matrix, side, square - absorbed


def shaped_points(points: FloatArray, shape: FloatArray, half_size: FloatArray) -> FloatArray:
    """Where `points` (N, 3) of the flat board lie on the bent one, mm from its centre."""
    across, down = points[:, 0] / half_size[0], points[:, 1] / half_size[1]
    bent = points.copy()
    bent[:, 0] *= 1 + shape[3]
    bent[:, 1] *= 1 - shape[3]
    bent[:, 2] += shape[0] * across**2 + shape[1] * across * down + shape[2] * down**2
    return bent


@dataclass(frozen=True, eq=False, slots=True)
class _Rows:
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
    def of(cls, sightings: Sequence[Sighting]) -> _Rows:
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


def _on_board(rows: _Rows, unknowns: Unknowns, knowns: Knowns) -> FloatArray:
    """Where the points lie on the bent board, (N, 3) from its centre."""
    bent = shaped_points(rows.points, unknowns.shape, knowns.half_size)
    if not rows.back.any():
        return bent
    turn, shift = np.split(unknowns.shape[BENDS:], 2)
    bent[rows.back] = Rotation.from_rotvec(turn).apply(bent[rows.back]) + shift
    return bent


def _in_camera(
    rows: _Rows, unknowns: Unknowns, knowns: Knowns
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


def _residuals(rows: _Rows, unknowns: Unknowns, knowns: Knowns) -> FloatArray:
    points, _, _, _ = _in_camera(rows, unknowns, knowns)
    pixels, _, _ = project(unknowns.lenses[rows.camera], points)
    return rows.pixels - pixels


def _scale(residuals: FloatArray) -> float:
    """Robust standard deviation of a coordinate."""
    return max(LEAST_SCALE_PX, 1.4826 * float(np.median(np.abs(residuals))))


def _priors(unknowns: Unknowns, knowns: Knowns) -> tuple[FloatArray, FloatArray]:
    """Deviations from what is expected of the common unknowns, and their weights."""
    cameras = len(unknowns.lenses)
    place, place_sigma = np.zeros((cameras, CAMERA)), np.full((cameras, CAMERA), np.inf)
    place[:, 6], place_sigma[:, 6] = -unknowns.late, LATE_SIGMA
    off = np.concatenate(
        [(knowns.lenses - unknowns.lenses).ravel(), place.ravel(), -unknowns.shape]
    )
    sigma = np.concatenate([knowns.lens_sigma.ravel(), place_sigma.ravel(), SHAPE_SIGMA])
    weight = np.divide(1.0, sigma**2, out=np.zeros_like(sigma), where=sigma > 0)
    return off, weight


def _square_weight(unknowns: Unknowns) -> FloatArray:
    """(C,) weight of the difference of the focal lengths: pixels are nearly square."""
    return np.asarray(1 / (SQUARE_SIGMA * unknowns.lenses[:, :2].mean(axis=1)) ** 2)


def _expected_velocity(unknowns: Unknowns, knowns: Knowns) -> tuple[FloatArray, FloatArray]:
    """Velocity by the neighbouring instants, and (T, 6) how far it may be off."""
    times, poses = knowns.times, unknowns.world_from_board
    index = np.arange(len(times))
    joined = np.concatenate([[False], np.diff(times) <= LONGEST_GAP, [False]])
    first, last = np.where(joined[:-1], index - 1, index), np.where(joined[1:], index + 1, index)
    gap = (times[last] - times[first])[:, None]
    near = gap > 0
    span = np.where(near, gap, 1.0)
    turn = np.einsum("nij,nkj->nik", poses[last, :3, :3], poses[first, :3, :3])
    # The axis of a small turn, from the part of its matrix that is not symmetric.
    axis = np.stack(
        [
            turn[:, 2, 1] - turn[:, 1, 2],
            turn[:, 0, 2] - turn[:, 2, 0],
            turn[:, 1, 0] - turn[:, 0, 1],
        ],
        axis=1,
    )
    moved = np.concatenate([axis / 2, poses[last, :3, 3] - poses[first, :3, 3]], axis=1)
    # Between two neighbours the change of velocity cancels, beside one of them it does not.
    between = (joined[:-1] & joined[1:])[:, None]
    sigma = np.maximum(SPEED_CHANGE * span, STILLNESS) * np.where(between, 1.0, ONE_SIDED)
    sigma = np.where(near, sigma, UNKNOWN_SPEED)
    return np.where(near, moved / span, 0.0), sigma


def _prior_cost(unknowns: Unknowns, knowns: Knowns) -> float:
    off, weight = _priors(unknowns, knowns)
    cost = float((off**2 * weight).sum())
    cost += float(
        ((unknowns.lenses[:, 0] - unknowns.lenses[:, 1]) ** 2 * _square_weight(unknowns)).sum()
    )
    if knowns.moving:
        expected, sigma = _expected_velocity(unknowns, knowns)
        cost += float((((unknowns.velocity - expected) / sigma) ** 2).sum())
    return cost


def _cost(rows: _Rows, unknowns: Unknowns, knowns: Knowns, scale: float) -> float:
    square = (_residuals(rows, unknowns, knowns) ** 2).sum(axis=1) / scale**2
    robust = CAUCHY**2 * np.log1p(square / CAUCHY**2)
    return float(robust.sum()) + _prior_cost(unknowns, knowns)


def _jacobians(
    rows: _Rows, unknowns: Unknowns, knowns: Knowns
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


def _by_shape(rows: _Rows, by_board: FloatArray, unknowns: Unknowns, knowns: Knowns) -> FloatArray:
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


def _columns(camera: int, cameras: int) -> NDArray[np.intp]:
    """Where lens, camera and shape of a picture of `camera` stand among all unknowns."""
    lens = camera * LENS + np.arange(LENS)
    place = cameras * LENS + camera * CAMERA + np.arange(CAMERA)
    shape = cameras * (LENS + CAMERA) + np.arange(SHAPE)
    return np.concatenate([lens, place, shape])


def _normal(rows: _Rows, unknowns: Unknowns, knowns: Knowns, scale: float) -> _Normal:
    residuals, by_common, by_pose = _jacobians(rows, unknowns, knowns)
    square = (residuals**2).sum(axis=1) / scale**2
    root = np.sqrt(1 / (1 + square / CAUCHY**2)) / scale
    residuals = residuals * root[:, None]
    by_common, by_pose = by_common * root[:, None, None], by_pose * root[:, None, None]
    cameras, instants = len(unknowns.lenses), len(unknowns.world_from_board)
    size = cameras * (LENS + CAMERA) + SHAPE
    off, weight = _priors(unknowns, knowns)
    normal = _Normal(
        common=np.diag(weight),
        common_side=off * weight,
        mixed=np.zeros((instants, size, POSE)),
        # So little that it only keeps an instant with too few points from being singular.
        pose=np.tile(1e-9 * np.eye(POSE), (instants, 1, 1)),
        pose_side=np.zeros((instants, POSE)),
        cost=_cost(rows, unknowns, knowns, scale),
    )
    squareness = _square_weight(unknowns)
    for camera, (fx, fy) in enumerate(unknowns.lenses[:, :2]):
        pair = slice(camera * LENS, camera * LENS + 2)
        normal.common[pair, pair] += squareness[camera] * np.array([[1.0, -1.0], [-1.0, 1.0]])
        normal.common_side[pair] += squareness[camera] * (fx - fy) * np.array([-1.0, 1.0])
    ends = np.append(rows.starts[1:], len(residuals))
    for one, first, end in zip(rows.sightings, rows.starts, ends, strict=True):
        common = by_common[first:end].reshape(-1, LENS + CAMERA + SHAPE)
        pose = by_pose[first:end].reshape(-1, POSE)
        side = residuals[first:end].ravel()
        columns = _columns(one.camera, cameras)
        normal.common[np.ix_(columns, columns)] += common.T @ common
        normal.common_side[columns] += common.T @ side
        normal.mixed[one.instant][columns] += common.T @ pose
        normal.pose[one.instant] += pose.T @ pose
        normal.pose_side[one.instant] += pose.T @ side
    if knowns.moving:
        expected, sigma = _expected_velocity(unknowns, knowns)
        normal.pose[:, range(6, 12), range(6, 12)] += 1 / sigma**2
        normal.pose_side[:, 6:] += (expected - unknowns.velocity) / sigma**2
    else:
        normal.mixed[:, :, 6:] = 0
        normal.pose[:, 6:, :] = normal.pose[:, :, 6:] = 0
        normal.pose[:, range(6, 12), range(6, 12)] = 1.0
        normal.pose_side[:, 6:] = 0
    return normal


def _free(knowns: Knowns, cameras: int) -> NDArray[np.bool_]:
    """Which of the common unknowns are to be found."""
    places = np.ones((cameras, CAMERA), dtype=bool)
    places[0] = False
    # Only a board whose movement is known from its neighbours tells who is late.
    places[:, 6] &= knowns.moving and bool(np.median(np.diff(knowns.times)) <= LONGEST_GAP)
    shape = np.concatenate([np.full(BENDS, knowns.shaped), np.full(SHAPE - BENDS, knowns.backed)])
    return np.concatenate([(knowns.lens_sigma > 0).ravel(), places.ravel(), shape])


def _reduced(
    normal: _Normal, free: NDArray[np.bool_], damping: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Reduce to the common unknowns; also the poses' inverses times their mixed part."""
    pose = normal.pose.copy()
    diagonal = np.arange(POSE)
    pose[:, diagonal, diagonal] *= 1 + damping
    mixed = normal.mixed[:, free]
    carried = np.linalg.solve(pose, mixed.transpose(0, 2, 1))
    common = normal.common[np.ix_(free, free)]
    common = common + damping * np.diag(np.diag(common))
    common = common - np.einsum("tcp,tpd->cd", mixed, carried)
    held = np.linalg.solve(pose, normal.pose_side[:, :, None])
    side = normal.common_side[free] - np.einsum("tcp,tpo->c", mixed, held)
    return common, side, np.asarray(carried, dtype=np.float64)


def _step(
    normal: _Normal, free: NDArray[np.bool_], damping: float
) -> tuple[FloatArray, FloatArray]:
    """Find the changes of all common unknowns, and (T, 12) of the poses."""
    common, side, carried = _reduced(normal, free, damping)
    change = np.zeros(len(free))
    if free.any():
        change[free] = np.linalg.lstsq(common, side, rcond=1e-14)[0]
    pose = normal.pose.copy()
    diagonal = np.arange(POSE)
    pose[:, diagonal, diagonal] *= 1 + damping
    held = np.linalg.solve(pose, normal.pose_side[:, :, None])[:, :, 0]
    return change, held - np.einsum("tpc,c->tp", carried, change[free])


def _moved(unknowns: Unknowns, common: FloatArray, pose: FloatArray, knowns: Knowns) -> Unknowns:
    cameras = len(unknowns.lenses)
    lens, place, shape = np.split(common, [cameras * LENS, cameras * (LENS + CAMERA)])
    return replace(
        unknowns,
        lenses=unknowns.lenses + lens.reshape(cameras, LENS),
        camera_from_world=_turned(unknowns.camera_from_world, place.reshape(-1, CAMERA)[:, :6]),
        world_from_board=_turned(unknowns.world_from_board, pose[:, :6]),
        velocity=unknowns.velocity + pose[:, 6:],
        shape=unknowns.shape + shape,
        late=unknowns.late + place.reshape(-1, CAMERA)[:, 6],
    )


def _turned(matrices: FloatArray, change: FloatArray) -> FloatArray:
    """Turn each of `matrices` (N, 4, 4) by a small (N, 6) turn and shift.

    The turn leaves the translation as it is.
    """
    turned = matrices.copy()
    turned[:, :3, :3] = Rotation.from_rotvec(change[:, :3]).as_matrix() @ matrices[:, :3, :3]
    turned[:, :3, 3] += change[:, 3:]
    return turned


def _covariance(
    rows: _Rows, unknowns: Unknowns, knowns: Knowns, scale: float, free: NDArray[np.bool_]
) -> FloatArray:
    """Of the common unknowns; see :class:`Solution`.

    Errors that all points of a picture share (blur, a bent board, a late time stamp) do not average
    out within it. How much they add is seen from how far the gradients of whole instants scatter,
    compared with what independent points would give (the "sandwich" of White 1980, clustered).
    """
    normal = _normal(rows, unknowns, knowns, scale)
    common, _, _ = _reduced(normal, free, 0.0)
    covariance = np.zeros((len(free), len(free)))
    if not free.any():
        return covariance
    inverse = np.asarray(np.linalg.pinv(common, hermitian=True), dtype=np.float64)
    covariance[np.ix_(free, free)] = inverse * _shared(rows, unknowns, knowns, scale, free, inverse)
    return covariance


def _shared(
    rows: _Rows,
    unknowns: Unknowns,
    knowns: Knowns,
    scale: float,
    free: NDArray[np.bool_],
    inverse: FloatArray,
) -> float:
    """Factor by which variances are larger than with independent points; at least 1."""
    residuals, by_common, _ = _jacobians(rows, unknowns, knowns)
    weight = 1 / (1 + (residuals**2).sum(axis=1) / scale**2 / CAUCHY**2) / scale**2
    cameras = len(unknowns.lenses)
    gradients = np.zeros((len(unknowns.world_from_board), len(free)))
    ends = np.append(rows.starts[1:], len(residuals))
    for one, first, end in zip(rows.sightings, rows.starts, ends, strict=True):
        part = by_common[first:end] * weight[first:end, None, None]
        gradients[one.instant][_columns(one.camera, cameras)] += np.einsum(
            "nkc,nk->c", part, residuals[first:end]
        )
    gradients = gradients[:, free]
    instants = len(gradients)
    if instants < 3:
        return 1.0
    meat = gradients.T @ gradients * instants / (instants - 1)
    scatter = np.diag(inverse @ meat @ inverse) / np.maximum(np.diag(inverse), 1e-300)
    return max(1.0, float(np.median(scatter)))
