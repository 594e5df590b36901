"""Solves cameras from gathered views of a board: start, bundle adjustment, tags refined, once more.

In: views, instant by instant. Out: a :class:`CamerasSolution`, from which results are made. The
first camera is ``world``; lengths are mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.calibration.board import Board
from tracking.calibration.board_finder import BoardView, refine_again
from tracking.calibration.bundle import SHAPE, Knowns, Sighting, Solution, Unknowns, solve
from tracking.calibration.collector import CalibrationError
from tracking.calibration.first_guess import (
    FEWEST_POINTS,
    Outlook,
    Outlooks,
    guess_board,
    guess_lens,
    guess_poses,
    place_cameras,
)
from tracking.calibration.gathering import CalibrationCamera
from tracking.calibration.lens import camera_of, lens_of
from tracking.cameras import Camera

FloatArray = NDArray[np.float64]

FEWEST_VIEWS = 4
"""Views without which nothing can be said of a lens."""

CENTRE_SIGMA = 0.05
"""How far the optical axis may be expected off the middle of the picture, in its widths."""

DISTORTION_SIGMA = (0.5, 0.5, 0.01, 0.01, 0.5)
"""What is expected of the coefficients of ordinary lenses."""

OUTLIER_PX, OUTLIER_SIGMAS = 1.0, 6.0
"""Points further off than the larger of both are left out."""

LOOSE_PX = 1e4
"""Standard deviation of a focal length of which nothing is known, pixels."""


@dataclass(frozen=True, eq=False, slots=True)
class CamerasSolution:
    """Cameras as they were found.

    Attributes
    ----------
    names
        The cameras solved, the first being ``world``.
    sizes
        Width and height of the pictures of each.
    views, sightings
        The pictures used, one sighting for each view.
    knowns, solution
        The problem and its solution; see :mod:`tracking.calibration.bundle`.
    unplaced
        Cameras that no common views join to the first.
    left_out
        Share of the points that fit so badly (a finger, a reflection) that they were left out.
    """

    board: Board
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    views: tuple[BoardView, ...]
    sightings: tuple[Sighting, ...]
    knowns: Knowns
    solution: Solution
    unplaced: tuple[str, ...] = ()
    left_out: float = 0.0

    def camera(self, number: int) -> Camera:
        """Give a camera as found."""
        unknowns = self.solution.unknowns
        place = RigidTransform.from_matrix(unknowns.camera_from_world[number])
        return camera_of(self.names[number], self.sizes[number], unknowns.lenses[number], place)

    def with_instants(
        self, used: Sequence[int], views: Sequence[BoardView], sightings: Sequence[Sighting]
    ) -> CamerasSolution:
        """Keep only the instants `used`, with `views` and `sightings` of them, not yet solved."""
        position = {instant: number for number, instant in enumerate(used)}
        unknowns = self.solution.unknowns
        unknowns = replace(
            unknowns,
            world_from_board=unknowns.world_from_board[list(used)],
            velocity=unknowns.velocity[list(used)],
        )
        return replace(
            self,
            views=tuple(views),
            sightings=tuple(replace(one, instant=position[one.instant]) for one in sightings),
            knowns=replace(self.knowns, times=self.knowns.times[list(used)]),
            solution=replace(self.solution, unknowns=unknowns),
        )

    def lens(self, number: int) -> FloatArray:
        """Give the (9,) lens of a camera."""
        return np.asarray(self.solution.unknowns.lenses[number])

    def pictures(self, number: int) -> list[tuple[BoardView, FloatArray]]:
        """Give the views of one camera with their (N, 2) residuals: saddle points, then tags."""
        return [
            (view, residuals)
            for view, one, residuals in zip(
                self.views, self.sightings, self.solution.residuals, strict=True
            )
            if one.camera == number
        ]

    def rms_px(self, number: int) -> float:
        """RMS distance of seen from expected points in the pictures of one camera, pixels."""
        parts = [residuals for _, residuals in self.pictures(number)]
        return float(np.sqrt((np.concatenate(parts) ** 2).sum(axis=1).mean()))

    @property
    def bow(self) -> float:
        """How far the board bulges, mm."""
        return float(np.abs(self.solution.unknowns.shape[:3]).max())


def solve_lens(
    views: Sequence[BoardView], board: Board, camera: CalibrationCamera
) -> CamerasSolution:
    """Find the lens of one camera.

    Raises
    ------
    CalibrationError
        If there are too few views to say anything.
    """
    if len(views) < FEWEST_VIEWS:
        raise CalibrationError(
            f"Camera '{camera.name}' shows the board in {len(views)} usable pictures only; it "
            f"needs {FEWEST_VIEWS} at the very least, better 40. Check that the board file "
            "describes the board, and hold it before the camera."
        )
    lens = guess_lens(views, board, camera.size)
    return solve_cameras([[view] for view in views], board, [camera], lenses=[lens])


def solve_cameras(
    instants: Sequence[Sequence[BoardView]],
    board: Board,
    cameras: Sequence[CalibrationCamera],
    lenses: Sequence[FloatArray],
) -> CamerasSolution:
    """Find lenses and places of all `cameras` that common views join to the first.

    Parameters
    ----------
    instants
        Views taken at about the same time, in order.
    board, cameras
        What they show, and whose they are.
    lenses
        (9,) for each camera: where to start; for cameras whose lens is kept, the lens itself.

    Raises
    ------
    CalibrationError
        If the first camera shows the board nowhere.
    """
    numbers = {camera.name: number for number, camera in enumerate(cameras)}
    half_size = board.centre[:2]
    outlooks = [
        {
            numbers[view.camera]: Outlook.of(poses, half_size)
            for view in instant
            if (poses := guess_poses(view, board, lenses[numbers[view.camera]])[0])
        }
        for instant in instants
    ]
    places = place_cameras(outlooks, len(cameras), half_size)
    kept = [number for number, place in enumerate(places) if place is not None]
    problem = _Problem.of(instants, board, cameras, lenses, places, outlooks)
    solution = solve(problem.sightings, problem.start, problem.knowns)
    names = [cameras[number] for number in kept]
    found = CamerasSolution(
        board=board,
        names=tuple(camera.name for camera in names),
        sizes=tuple(camera.size for camera in names),
        views=tuple(problem.views),
        sightings=tuple(problem.sightings),
        knowns=problem.knowns,
        solution=solution,
        unplaced=tuple(camera.name for camera in cameras if camera not in names),
    )
    return _solved_again(found)


def _solved_again(found: CamerasSolution) -> CamerasSolution:
    """Refine the tags now that the lenses are known, leave out what does not fit, solve again."""
    views, sightings, left_out, points = [], [], 0, 0
    limit = max(OUTLIER_PX, OUTLIER_SIGMAS * found.solution.sigma_px)
    residuals = found.solution.residuals
    for one, view, off in zip(found.sightings, found.views, residuals, strict=True):
        good = np.linalg.norm(off, axis=1) <= limit
        left_out += int((~good).sum())
        points += len(good)
        kept = view.without(good[: len(view.saddles)], good[len(view.saddles) :].reshape(-1, 4))
        if len(kept.pixels) < FEWEST_POINTS:
            continue
        fresh = refine_again(kept, found.board, found.camera(one.camera))
        views.append(fresh)
        places = fresh.points(found.board) - found.board.centre
        sightings.append(replace(one, points=places, pixels=fresh.pixels))
    if {one.camera for one in sightings} != set(range(len(found.names))):
        return found
    used = sorted({one.instant for one in sightings})
    solved = found.with_instants(used, views, sightings)
    return replace(
        solved,
        solution=solve(solved.sightings, solved.solution.unknowns, solved.knowns),
        left_out=left_out / max(points, 1),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Problem:
    """What goes into bundle adjustment."""

    views: list[BoardView]
    sightings: list[Sighting]
    start: Unknowns
    knowns: Knowns

    @classmethod
    def of(
        cls,
        instants: Sequence[Sequence[BoardView]],
        board: Board,
        cameras: Sequence[CalibrationCamera],
        lenses: Sequence[FloatArray],
        places: Sequence[FloatArray | None],
        outlooks: Outlooks,
    ) -> _Problem:
        kept = [number for number, place in enumerate(places) if place is not None]
        numbers = {cameras[number].name: new for new, number in enumerate(kept)}
        views: list[BoardView] = []
        sightings: list[Sighting] = []
        poses: list[FloatArray] = []
        times: list[float] = []
        for instant, seen in zip(instants, outlooks, strict=True):
            pose = guess_board(seen, places, board.centre[:2])
            if pose is None:
                continue
            shown = [view for view in instant if view.camera in numbers]
            start_ns = float(np.mean([view.time_ns for view in shown]))
            for view in shown:
                delay = (view.time_ns - start_ns) / 1e9
                points = view.points(board) - board.centre
                views.append(view)
                sightings.append(
                    Sighting(numbers[view.camera], len(poses), delay, points, view.pixels)
                )
            poses.append(pose)
            times.append(start_ns / 1e9)
        if not poses:
            raise CalibrationError(
                f"Camera '{cameras[0].name}' shows too little of the board. Check that the board "
                "file describes the board, and hold it before the camera."
            )
        placed = [places[number] for number in kept]
        start = Unknowns(
            lenses=np.array([lenses[number] for number in kept]),
            camera_from_world=np.array([place for place in placed if place is not None]),
            world_from_board=np.array(poses),
            velocity=np.zeros((len(poses), 6)),
            shape=np.zeros(SHAPE),
            late=np.zeros(len(kept)),
        )
        known = [_expected(cameras[number], lenses[number]) for number in kept]
        knowns = Knowns(
            lenses=np.array([lens for lens, _ in known]),
            lens_sigma=np.array([sigma for _, sigma in known]),
            half_size=board.centre[:2],
            times=np.array(times),
            moving=len(kept) > 1,
            shaped=True,
        )
        return cls(views, sightings, start, knowns)


def _expected(camera: CalibrationCamera, lens: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Give the lens to expect of `camera` and its standard deviations; 0 if it is to be kept."""
    if camera.lens is not None:
        return lens_of(camera.lens), np.zeros(9)
    width, height = camera.size
    expected = np.array([*lens[:2], (width - 1) / 2, (height - 1) / 2, *[0.0] * 5])
    doubt = CENTRE_SIGMA * width
    return expected, np.array([LOOSE_PX, LOOSE_PX, doubt, doubt, *DISTORTION_SIGMA])
