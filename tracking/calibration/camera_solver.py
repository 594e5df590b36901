"""Solves cameras from gathered views of a board: start, bundle adjustment, tags refined, once more.

In: views, instant by instant. Out: a :class:`CamerasSolution`, from which results are made. The
first camera is ``world``; lengths are mm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.board import Board
from tracking.calibration.board_finder import BoardView, refine_again, spread_directions
from tracking.calibration.bundle import solve
from tracking.calibration.bundle_model import SHAPE, Knowns, Sighting, Unknowns
from tracking.calibration.camera_solution import CamerasSolution
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
from tracking.calibration.lens import lens_of, mirrored_lens
from tracking.feed import group_instants

FloatArray = NDArray[np.float64]

FEWEST_VIEWS = 4
"""Views without which nothing can be said of a lens."""

CENTRE_SIGMA = 0.05
"""How far the optical axis may be expected off the middle of the picture, in its widths."""

DISTORTION_SIGMA = (0.5, 0.5, 0.01, 0.01, 0.5)
"""What is expected of the coefficients of ordinary lenses."""

LATE_LIMIT_S, REGROUPINGS = 0.02, 3
"""Cameras later than this have their pictures put together with those of the others anew."""

OUTLIER_PX, OUTLIER_SIGMAS = 1.0, 6.0
"""Points further off than the larger of both are left out."""

LOOSE_PX = 1e4
"""Standard deviation of a focal length of which nothing is known, pixels."""


MIRROR, BEHIND = np.diag([-1.0, 1.0, 1.0, 1.0]), np.diag([1.0, 1.0, -1.0, 1.0])
"""From a mirrored picture of the board's front to the camera's own of its back."""


@dataclass(frozen=True, eq=False, slots=True)
class ExpectedLens:
    """A lens (9,) to start from, and what is known of it: mean and standard deviations."""

    lens: FloatArray
    mean: FloatArray
    sigma: FloatArray

    @classmethod
    def of(cls, camera: CalibrationCamera, lens: FloatArray) -> ExpectedLens:
        """Take the lens of `camera` if it is to be kept, else start from `lens`."""
        if camera.lens is not None:
            kept = lens_of(camera.lens)
            return cls(kept, kept, np.zeros(9))
        width, height = camera.size
        mean = np.array([*lens[:2], (width - 1) / 2, (height - 1) / 2, *[0.0] * 5])
        doubt = CENTRE_SIGMA * width
        return cls(lens, mean, np.array([LOOSE_PX, LOOSE_PX, doubt, doubt, *DISTORTION_SIGMA]))

    def turned(self, width: int) -> ExpectedLens:
        """Give the same for pictures that are turned over."""
        return ExpectedLens(
            mirrored_lens(self.lens, width), mirrored_lens(self.mean, width), self.sigma
        )


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
    return solve_cameras(
        [[view] for view in views], board, [camera], [ExpectedLens.of(camera, lens)]
    )


def solve_cameras(
    instants: Sequence[Sequence[BoardView]],
    board: Board,
    cameras: Sequence[CalibrationCamera],
    lenses: Sequence[ExpectedLens],
) -> CamerasSolution:
    """Find lenses and places of all `cameras` that common views join to the first.

    Parameters
    ----------
    instants
        Views taken at about the same time, in order.
    board, cameras
        What they show, and whose they are.
    lenses
        What to expect of each.

    Raises
    ------
    CalibrationError
        If the first camera shows the board nowhere.
    """
    found = _best(instants, board, cameras, lenses)
    shifts = dict.fromkeys((camera.name for camera in cameras), 0)
    for _ in range(REGROUPINGS):
        late = dict(zip(found.names, found.solution.unknowns.late.tolist(), strict=True))
        if max(abs(value) for value in late.values()) <= LATE_LIMIT_S:
            break
        shifts = {name: shift + round(late.get(name, 0.0) * 1e9) for name, shift in shifts.items()}
        found = _best(_regrouped(instants, shifts), board, cameras, lenses)
    return replace(found, shifts={name: shift / 1e9 for name, shift in shifts.items()})


def _regrouped(
    instants: Sequence[Sequence[BoardView]], shifts: Mapping[str, int]
) -> list[list[BoardView]]:
    """Put views together by their times (ns) as corrected by `shifts`."""
    views = [
        replace(view, time_ns=view.time_ns + shifts[view.camera])
        for instant in instants
        for view in instant
    ]
    by_camera = [[view for view in views if view.camera == name] for name in shifts]
    by_camera = [sorted(some, key=lambda view: view.time_ns) for some in by_camera if some]
    times = [np.array([view.time_ns for view in some], dtype=np.int64) for some in by_camera]
    return [
        [by_camera[camera][index] for camera, index in instant.frames]
        for instant in group_instants(times)
    ]


def _best(
    instants: Sequence[Sequence[BoardView]],
    board: Board,
    cameras: Sequence[CalibrationCamera],
    lenses: Sequence[ExpectedLens],
) -> CamerasSolution:
    shown = {view.camera for instant in instants for view in instant if view.mirrored}
    found = _solved(instants, board, cameras, lenses, frozenset())
    if not shown or len(cameras) < 2:
        return found
    # A camera that shows the board mirrored either mirrors its pictures or sees the back of a
    # board that is printed on both sides. Only together with other cameras can that be told.
    other = _solved(instants, board, cameras, lenses, frozenset(shown))
    return min(found, other, key=lambda one: (len(one.unplaced), one.misfit_px))


def _solved(
    instants: Sequence[Sequence[BoardView]],
    board: Board,
    cameras: Sequence[CalibrationCamera],
    lenses: Sequence[ExpectedLens],
    backs: frozenset[str],
) -> CamerasSolution:
    """Solve, taking it that the cameras `backs` see the back of the board."""
    numbers = {camera.name: number for number, camera in enumerate(cameras)}
    half_size = board.centre[:2]
    outlooks: list[dict[int, Outlook]] = []
    for instant in instants:
        seen = {}
        for view in instant:
            poses, _ = guess_poses(view, board, lenses[numbers[view.camera]].lens)
            if view.camera in backs:
                poses = [MIRROR @ pose @ BEHIND for pose in poses]
            if poses:
                seen[numbers[view.camera]] = Outlook.of(poses, half_size)
        outlooks.append(seen)
    places = place_cameras(outlooks, len(cameras), half_size)
    kept = [camera for camera, place in zip(cameras, places, strict=True) if place is not None]
    problem = _Problem.of(instants, board, cameras, lenses, places, outlooks, backs)
    found = CamerasSolution(
        board=board,
        names=tuple(camera.name for camera in kept),
        sizes=tuple(camera.size for camera in kept),
        views=tuple(problem.views),
        sightings=tuple(problem.sightings),
        knowns=problem.knowns,
        solution=solve(problem.sightings, problem.start, problem.knowns),
        unplaced=tuple(camera.name for camera in cameras if camera not in kept),
        backs=backs,
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
        fresh = refine_again(kept, found.board, found.camera_of_view(one))
        fresh = _without_spread(fresh, found, one)
        views.append(fresh)
        places = fresh.points(found.board) - found.board.centre
        pixels = _as_seen(fresh.pixels, fresh, found.sizes[one.camera], found.backs)
        sightings.append(replace(one, points=places, pixels=pixels))
    if {one.camera for one in sightings} != set(range(len(found.names))):
        return found
    used = sorted({one.instant for one in sightings})
    solved = found.with_instants(used, views, sightings)
    return replace(
        solved,
        solution=solve(solved.sightings, solved.solution.unknowns, solved.knowns),
        left_out=left_out / max(points, 1),
    )


def _without_spread(view: BoardView, found: CamerasSolution, one: Sighting) -> BoardView:
    """Move the sides of the tags of `view` to where they are without over-exposure.

    One number for all sides of a picture, estimated from how much larger or smaller the tags are
    seen than they are printed. Saddle points do not move by it.
    """
    if not len(view.tags):
        return view
    camera = found.camera_of_view(one)
    poses, _ = guess_poses(view, found.board, lens_of(camera))
    if not poses:
        return view
    points = found.board.tag_corners[view.tags].reshape(-1, 3) - found.board.centre
    expected = camera.project(points @ poses[0][:3, :3].T + poses[0][:3, 3])
    # The pose takes up what is common to saddles and tags; how large each tag is remains.
    off = view.tag_corners - expected.reshape(-1, 4, 2)
    off -= off.mean(axis=1, keepdims=True)
    ways = spread_directions(view.tag_corners)
    spread = float((off * ways).sum() / (ways * ways).sum())
    return replace(view, tag_corners=view.tag_corners - spread * ways)


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
        lenses: Sequence[ExpectedLens],
        places: Sequence[FloatArray | None],
        outlooks: Outlooks,
        backs: frozenset[str],
    ) -> _Problem:
        kept = [number for number, place in enumerate(places) if place is not None]
        numbers = {cameras[number].name: new for new, number in enumerate(kept)}
        cameras_by_name = {camera.name: camera for camera in cameras}
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
                    Sighting(
                        camera=numbers[view.camera],
                        instant=len(poses),
                        delay=delay,
                        points=points,
                        pixels=_as_seen(
                            view.pixels, view, cameras_by_name[view.camera].size, backs
                        ),
                        back=view.camera in backs,
                    )
                )
            poses.append(pose)
            times.append(start_ns / 1e9)
        if not poses:
            raise CalibrationError(
                f"Camera '{cameras[0].name}' shows too little of the board. Check that the board "
                "file describes the board, and hold it before the camera."
            )
        placed = [places[number] for number in kept]
        expected = [
            lenses[number].turned(cameras[number].size[0])
            if cameras[number].name in backs
            else lenses[number]
            for number in kept
        ]
        start = Unknowns(
            lenses=np.array([one.lens for one in expected]),
            camera_from_world=np.array([place for place in placed if place is not None]),
            world_from_board=np.array(poses),
            velocity=np.zeros((len(poses), 6)),
            shape=np.zeros(SHAPE),
            late=np.zeros(len(kept)),
        )
        knowns = Knowns(
            lenses=np.array([one.mean for one in expected]),
            lens_sigma=np.array([one.sigma for one in expected]),
            half_size=board.centre[:2],
            times=np.array(times),
            moving=len(kept) > 1,
            shaped=True,
            backed=any(one.back for one in sightings),
        )
        return cls(views, sightings, start, knowns)


def _as_seen(
    pixels: FloatArray, view: BoardView, size: tuple[int, int], backs: frozenset[str]
) -> FloatArray:
    """Pixels of a view as the camera saw them: views of the board's back are turned over."""
    if view.camera not in backs:
        return pixels
    return np.column_stack([size[0] - 1 - pixels[:, 0], pixels[:, 1]])
