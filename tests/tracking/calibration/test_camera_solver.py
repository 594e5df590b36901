"""Cameras from simulated boards with known truth: lenses, places, late cameras, backs of boards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.tracking.calibration.simulated_boards import lens_camera, swung, view_of
from tracking.calibration.board import Board
from tracking.calibration.camera_solver import ExpectedLens, solve_cameras, solve_lens
from tracking.calibration.collector import CalibrationError
from tracking.calibration.gathering import CalibrationCamera
from tracking.calibration.held_out import flatness_check, hold_out, length_check
from tracking.calibration.lens import lens_of, project
from tracking.calibration.predicted_error import predicted_error
from tracking.calibration.result import DeviceSettings

BOARD = Board(columns=8, rows=6, square=30.0)
SETTINGS = DeviceSettings(width=1280, height=720)
LEFT = lens_camera("left")
RIGHT = lens_camera("right", x=400.0, turn_deg=-26.0, focal=870.0)


def _asked(*cameras):
    return [CalibrationCamera(camera.name, SETTINGS) for camera in cameras]


def _expected(*cameras):
    return [
        ExpectedLens.of(asked, lens_of(camera) + np.array([20, 20, 5, 5, 0.05, 0, 0, 0, 0]))
        for asked, camera in zip(_asked(*cameras), cameras, strict=True)
    ]


def _instants(rng, cameras, count=24, *, late=(0.0, 0.0), seen=view_of):
    """Views of a swung board, 0.15 s apart; each camera's pictures are `late` seconds late."""
    instants = []
    for number in range(count):
        # Three passes of eight pictures each, at different places.
        taken = 0.15 * number + 4.0 * (number // 8)
        views = [
            seen(camera, BOARD, swung(taken + delay, x=150.0), rng, time_ns=round(taken * 1e9))
            for camera, delay in zip(cameras, late, strict=True)
        ]
        instants.append([view for view in views if view is not None])
    return instants


def test_the_derivatives_of_the_lens_are_those_of_differences():
    rng = np.random.default_rng(5)
    points = np.column_stack([rng.uniform(-300, 300, (6, 2)), rng.uniform(500, 900, 6)])
    lens = lens_of(LEFT)
    pixels, by_point, by_lens = project(lens, points)
    assert pixels == pytest.approx(LEFT.project(points), abs=1e-9)
    for column in range(3):
        step = np.eye(3)[column] * 1e-3
        wide = (project(lens, points + step)[0] - project(lens, points - step)[0]) / 2e-3
        assert by_point[:, :, column] == pytest.approx(wide, rel=1e-5, abs=1e-7)
    for column in range(9):
        step = np.eye(9)[column] * 1e-4
        wide = (project(lens + step, points)[0] - project(lens - step, points)[0]) / 2e-4
        assert by_lens[:, :, column] == pytest.approx(wide, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_lens_is_found_within_three_standard_deviations(seed):
    rng = np.random.default_rng(seed)
    views = [view for one in _instants(rng, [LEFT], 32, late=(0.0,)) for view in one]
    found = solve_lens(views, BOARD, _asked(LEFT)[0])
    sigma = np.sqrt(np.diag(found.solution.lens_covariance(0)))
    # Nine numbers at once: three and a half rather than three.
    assert (np.abs(found.lens(0) - lens_of(LEFT)) <= 3.5 * sigma).all()
    assert sigma[0] < 3.0
    assert found.rms_px(0) == pytest.approx(0.06 * np.sqrt(2), rel=0.2)
    assert 0 < predicted_error(found, 0) < 2.0
    (check,) = flatness_check(hold_out(found), 0)
    assert check.value < 0.5


def test_two_cameras_are_placed_within_three_standard_deviations():
    rng = np.random.default_rng(7)
    instants = _instants(rng, [LEFT, RIGHT])
    found = solve_cameras(instants, BOARD, _asked(LEFT, RIGHT), _expected(LEFT, RIGHT))
    place = found.camera(1).camera_from_world
    off = place * RIGHT.camera_from_world.inv()
    rows = slice(2 * 9 + 7, 2 * 9 + 13)
    sigma = np.sqrt(np.diag(found.solution.covariance)[rows])
    assert (np.abs(off.rotation.as_rotvec()) <= 3.5 * sigma[:3]).all()
    shift = place.translation - RIGHT.camera_from_world.translation
    assert (np.abs(shift) <= 3.5 * sigma[3:]).all()
    assert np.linalg.norm(shift) < 1.5
    assert predicted_error(found) < predicted_error(found, 0)
    length, scatter = length_check(hold_out(found))
    assert length.value == pytest.approx(30.0, abs=0.02)
    assert scatter.value < 0.2


def test_a_camera_whose_times_are_late_is_found_out():
    rng = np.random.default_rng(11)
    instants = _instants(rng, [LEFT, RIGHT], late=(0.0, 0.02))
    found = solve_cameras(instants, BOARD, _asked(LEFT, RIGHT), _expected(LEFT, RIGHT))
    assert 1e3 * found.late(1) == pytest.approx(20.0, abs=3.0)
    assert found.rms_px(1) < 0.15
    shift = found.camera(1).camera_from_world.translation - RIGHT.camera_from_world.translation
    assert np.linalg.norm(shift) < 3.0


def test_the_back_of_a_board_is_told_from_a_mirrored_camera():
    rng = np.random.default_rng(13)
    behind = lens_camera("behind", x=0.0)
    turned = np.diag([-1.0, 1.0, -1.0])
    far = replace(
        behind,
        camera_from_world=type(LEFT.camera_from_world).from_components(
            np.array([0.0, 0.0, 1400.0]), type(LEFT.camera_from_world.rotation).from_matrix(turned)
        ),
    )

    def seen(camera, board, pose, rng, *, time_ns):
        view = view_of(camera, board, pose, rng, time_ns=time_ns)
        if view is None or camera.name != "behind":
            return view

        def flipped(pixels):
            return np.stack([camera.width - 1 - pixels[..., 0], pixels[..., 1]], axis=-1)

        return replace(
            view,
            saddle_points=flipped(view.saddle_points),
            tag_corners=flipped(view.tag_corners),
            mirrored=True,
        )

    instants = _instants(rng, [LEFT, far], count=25, seen=seen)
    found = solve_cameras(instants, BOARD, _asked(LEFT, far), _expected(LEFT, LEFT))
    assert found.backs == {"behind"}
    assert found.rms_px(1) < 0.2
    off = found.camera(1).camera_from_world.translation - far.camera_from_world.translation
    sigma = np.sqrt(np.diag(found.solution.covariance)[2 * 9 + 10 : 2 * 9 + 13])
    assert (np.abs(off) <= 3.5 * sigma).all()
    assert np.linalg.norm(off) < 25.0


def test_a_camera_without_common_views_is_named_and_too_few_views_are_told():
    rng = np.random.default_rng(17)
    alone = _instants(rng, [LEFT], count=10, late=(0.0,)) + _instants(
        rng, [RIGHT], count=10, late=(0.0,)
    )
    found = solve_cameras(alone, BOARD, _asked(LEFT, RIGHT), _expected(LEFT, RIGHT))
    assert found.unplaced == ("right",)
    with pytest.raises(CalibrationError, match="'left' shows the board in 2 usable pictures"):
        solve_lens([view for one in alone[:2] for view in one], BOARD, _asked(LEFT)[0])
