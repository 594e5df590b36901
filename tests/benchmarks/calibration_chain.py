"""The whole chain at the level of corners: cameras and bodies calibrated, then poses with them.

A simulated user waves a board that is bowed and not quite to scale, turns bodies that are not
quite as designed, and then navigates. Everything is calibrated by the project's own code from
corners with noise; the error is that of the coil's focal point in the head's frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from tests.benchmarks.report import Figure, at_most
from tests.tracking import rendering
from tests.tracking.calibration.simulated_bodies import film, geometry_error, hand_turned, observe
from tracking.bodies import MarkerBody, bent_plate
from tracking.calibration.board import Board
from tracking.calibration.board_finder import BoardView
from tracking.calibration.body_geometry import BodyRequest, Scale, solve_bodies
from tracking.calibration.body_solution import frame_of
from tracking.calibration.camera_solver import ExpectedLens, solve_cameras, solve_lens
from tracking.calibration.gathering import CalibrationCamera
from tracking.calibration.result import BodyValue, DeviceSettings
from tracking.cameras import Camera
from tracking.pose_solver import solve_body_pose

FloatArray = NDArray[np.float64]

CALIBRATIONS, SCENES = 16, 25
TOLD_CALIBRATIONS = 8
"""For the users whose figures are told beside, without a goal."""

BOARD = Board(columns=11, rows=8, square=25.0)
TAG_SIZE = 36.0
FOCAL_POINT = np.array([0.0, 0.0, -100.0])
"""In the coil body's frame, mm: 100 mm before its front."""


@dataclass(frozen=True)
class User:
    """How carefully somebody calibrates.

    Attributes
    ----------
    views
        Of the board.
    bow
        How far the board bulges, mm.
    scale
        Relative standard deviation of the board's and of the tags' measured size.
    noise
        Of corners, px, while calibrating and navigating.
    print_error
        How far tags lie from where the body's design has them, mm per axis.
    measures_bodies
        Whether bodies are calibrated from a video, or used as designed.
    """

    views: int
    bow: float
    scale: float
    noise: float
    print_error: float
    measures_bodies: bool


CAREFUL = User(40, 0.15, 0.0005, 0.05, 0.2, measures_bodies=True)
NOMINAL = User(40, 0.15, 0.0005, 0.05, 0.1, measures_bodies=False)
CARELESS = User(15, 0.5, 0.002, 0.1, 0.2, measures_bodies=False)


@dataclass(frozen=True)
class Errors:
    """RMS and 95th percentile over all scenes of all calibrations; mm and degrees."""

    rms: float
    p95: float
    rms_deg: float
    lost: int
    bodies: float


def measure() -> list[Figure]:
    """Calibrate and navigate as three users, with one camera and with two."""
    careful = [chain(CAREFUL, count) for count in (1, 2)]
    told = (
        f"{CALIBRATIONS} calibrations x {SCENES} scenes, corner-level simulation, 720p f=920, "
        f"0.6 to 1.2 m, {CAREFUL.views} board views, bow {CAREFUL.bow} mm, scale "
        f"{100 * CAREFUL.scale:g} %, corners {CAREFUL.noise} px, bodies by bundle adjustment"
    )
    figures = []
    for count, errors, limits in zip((1, 2), careful, ((0.7, 0.2), (0.25, 0.12)), strict=True):
        name = "1 camera" if count == 1 else "2 cameras"
        figures += [
            at_most(f"coil on head, careful, {name}, RMS", errors.rms, limits[0], "mm", told),
            Figure(f"the same, {name}, p95", errors.p95, "mm"),
            at_most(f"the same, {name}, rotation RMS", errors.rms_deg, limits[1], "°"),
            at_most(f"scenes without a pose, {name}", errors.lost, 0, ""),
            at_most(f"marker geometry, careful, {name}, RMS", errors.bodies, 0.03, "mm"),
        ]
    for user, name in ((NOMINAL, "bodies as designed, 0.1 mm off"), (CARELESS, "careless")):
        for count in (1, 2):
            errors = chain(user, count, calibrations=TOLD_CALIBRATIONS)
            conditions = f"{name}, {count} camera(s)"
            figures += [
                Figure(
                    f"coil on head, RMS, {count} camera(s)", errors.rms, "mm", "", None, conditions
                ),
                Figure("the same, rotation RMS", errors.rms_deg, "°", "", None, conditions),
            ]
    return figures


def chain(
    user: User, count: int, *, calibrations: int = CALIBRATIONS, scenes: int = SCENES
) -> Errors:
    """Calibrate `count` cameras and two bodies as `user` does, and navigate; several times."""
    distances, angles, bodies = [], [], []
    lost = 0
    for seed in range(calibrations):
        rng = np.random.default_rng(seed)
        true_cameras = rendering.pair()[:count]
        cameras = calibrated_cameras(true_cameras, user, rng)
        made = {
            name: as_made(bent_plate(name, first), rng, user.print_error)
            for name, first in (("head", 0), ("coil_body", 6))
        }
        measured_size = TAG_SIZE * (1 + user.scale * rng.normal())
        known = {
            name: calibrated_body(body, true_cameras, cameras, user, measured_size, rng)
            for name, body in made.items()
        }
        bodies += [geometry_error(known[name], made[name]) for name in made]
        for _ in range(scenes):
            error = navigate(made, known, true_cameras, cameras, user.noise, rng)
            lost += error is None
            if error is not None:
                distances.append(error[0])
                angles.append(error[1])
    return Errors(
        rms=float(np.sqrt(np.mean(np.square(distances)))),
        p95=float(np.quantile(distances, 0.95)),
        rms_deg=float(np.sqrt(np.mean(np.square(angles)))),
        lost=lost,
        bodies=float(np.sqrt(np.mean(np.square(bodies)))),
    )


def as_made(body: MarkerBody, rng: np.random.Generator, sigma: float) -> MarkerBody:
    """Put every tag of `body` a little off: glued `sigma` (mm) aside, bent by as much."""
    corners = {}
    for tag, designed in body.corners.items():
        centre = designed.mean(axis=0)
        turn = Rotation.from_rotvec(rng.normal(0, sigma / TAG_SIZE, 3))
        corners[tag] = turn.apply(designed - centre) + centre + rng.normal(0, sigma, 3)
    return MarkerBody(body.name, body.family, corners)


def calibrated_cameras(
    true_cameras: Sequence[Camera], user: User, rng: np.random.Generator
) -> tuple[Camera, ...]:
    """Wave a board before `true_cameras` and calibrate them, lenses and places at once."""
    settings = DeviceSettings(width=1280, height=720)
    asked = [CalibrationCamera(camera.name, settings) for camera in true_cameras]
    instants = wave_board(true_cameras, user, rng)
    lenses = []
    for camera in asked:
        views = [one for instant in instants for one in instant if one.camera == camera.name]
        lenses.append(ExpectedLens.of(camera, solve_lens(views, BOARD, camera).lens(0)))
    found = solve_cameras(instants, BOARD, asked, lenses)
    return tuple(found.camera(number) for number in range(len(asked)))


def wave_board(
    cameras: Sequence[Camera], user: User, rng: np.random.Generator
) -> list[list[BoardView]]:
    """What the cameras see of a board that is bowed and not to scale, `user.views` times."""
    points = BOARD.saddles * (1 + user.scale * rng.normal())
    arm = points - points.mean(axis=0)
    reach = np.abs(arm[:, :2]).max(axis=0)
    points = points + np.column_stack(
        [np.zeros((len(points), 2)), user.bow * ((arm[:, :2] / reach) ** 2).mean(axis=1)]
    )
    instants: list[list[BoardView]] = []
    while len(instants) < user.views:
        tilt = np.deg2rad(rng.uniform(-42, 42, 3)) * [1.0, 1.0, 0.5]
        place = np.array([rng.uniform(-180, 380), rng.uniform(-170, 170), rng.uniform(420, 900)])
        centred = Rotation.from_rotvec(tilt).apply(points - points.mean(axis=0)) + place
        views = []
        for camera in cameras:
            pixels = camera.project_world(centred)
            inside = ((pixels > 4) & (pixels < [camera.width - 5, camera.height - 5])).all(axis=1)
            if inside.sum() >= 24:
                views.append(
                    BoardView(
                        camera=camera.name,
                        time_ns=len(instants) * 10**9,
                        tags=np.zeros(0, dtype=np.int64),
                        tag_corners=np.zeros((0, 4, 2)),
                        saddles=np.flatnonzero(inside),
                        saddle_points=pixels[inside]
                        + rng.normal(0, user.noise, (int(inside.sum()), 2)),
                        patch=np.zeros((2, 2), dtype=np.uint8),
                        origin=(0, 0),
                    )
                )
        if len(views) == len(cameras):
            instants.append(views)
    return instants


def calibrated_body(
    made: MarkerBody,
    true_cameras: Sequence[Camera],
    cameras: Sequence[Camera],
    user: User,
    tag_size: float,
    rng: np.random.Generator,
) -> MarkerBody:
    """Measure a body as made from a video, or take it as designed; in the frame as made."""
    first = min(made.corners)
    known = bent_plate(made.name, first)
    if user.measures_bodies:
        middle = 0.0 if len(true_cameras) == 1 else 200.0
        views = film(
            [(made, hand_turned(150, x=middle))],
            true_cameras,
            rng,
            noise=user.noise,
            step_ns=200_000_000,
        )
        (result,) = solve_bodies(
            views,
            {camera.name: camera for camera in cameras},
            [BodyRequest.of(known)],
            Scale(tag_size, TAG_SIZE * max(user.scale, 1e-4)),
        )
        assert isinstance(result.value, BodyValue)
        assert result.faults == ()
        known = result.value.body.body()
    # Where exactly the frame lies is for registration and coil calibration to find.
    frame = frame_of(known, made).inv()
    return MarkerBody(
        made.name, made.family, {tag: frame.apply(quad) for tag, quad in known.corners.items()}
    )


def navigate(
    made: Mapping[str, MarkerBody],
    known: Mapping[str, MarkerBody],
    true_cameras: Sequence[Camera],
    cameras: Sequence[Camera],
    noise: float,
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    """Error (mm, degrees) of coil on head in one scene; None if a body has no pose."""
    calibrated = {camera.name: camera for camera in cameras}
    true, found = {}, {}
    middle = np.array([0.0 if len(cameras) == 1 else 200.0, 0.0, rng.uniform(650, 1150)])
    apart = np.array([rng.choice([-1.0, 1.0]) * rng.uniform(90, 130), rng.uniform(-60, 60), 0.0])
    for name, side, tilt in (("head", -0.5, 45.0), ("coil_body", 0.5, 50.0)):
        about = rng.uniform(0, 2 * np.pi)
        lean = np.deg2rad(rng.uniform(0, tilt))
        turn = Rotation.from_rotvec([lean * np.cos(about), lean * np.sin(about), 0.0])
        roll = Rotation.from_rotvec([0, 0, rng.uniform(-0.6, 0.6)])
        true[name] = RigidTransform.from_components(middle + side * apart, turn * roll)
        seen = {
            camera.name: observe(made[name], true[name], camera, rng, noise)
            for camera in true_cameras
        }
        pose = solve_body_pose(known[name], seen, calibrated, None).world_from_body
        if pose is None:
            return None
        found[name] = pose
    truth = true["head"].inv() * true["coil_body"]
    answer = found["head"].inv() * found["coil_body"]
    miss = float(np.linalg.norm(answer.apply(FOCAL_POINT) - truth.apply(FOCAL_POINT)))
    turned = float(np.rad2deg((answer.rotation * truth.rotation.inv()).magnitude()))
    return miss, turned
