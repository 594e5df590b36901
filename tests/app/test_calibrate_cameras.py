"""``coilpilot calibrate cameras``: from a recording to a decision, and what cannot be used."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.__main__ import main
from tests.tracking.calibration.simulated_boards import drawn, lens_camera, swung
from tests.tracking.making_feeds import encode
from tracking.calibration.board import Board, write_board
from tracking.calibration.result import DeviceSettings
from tracking.setups import Setup, SetupCamera, read_setup, write_setup

BOARD = Board(columns=6, rows=4, square=40.0)
CAMERA = lens_camera("only", size=(480, 360), focal=420.0)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    images = [
        drawn(BOARD, CAMERA, swung(0.7 * number, distance=480.0), scale=4, seed=number)
        for number in range(14)
    ]
    # Each picture stays for a fifth of a second.
    encode(folder / "only.mp4", [image for image in images for _ in range(6)], gop=6)
    write_board(folder / "board.json", BOARD)
    return folder / "only.mp4"


def _run(video, *more):
    return main(
        ["calibrate", "cameras", str(video), "--board", str(video.parent / "board.json"), *more]
    )


def test_a_lens_from_a_plain_video(video, capsys):
    assert _run(video, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    (result,) = told["results"]
    value = result["value"]
    sigma = value["matrix_sigma"][0][0]
    assert abs(value["matrix"][0][0] - 420.0) < max(4 * sigma, 4.0)
    assert value["mirrored"] is False
    assert told["cameras"]["only"]["median_picture_misfit_px"]["edge_fitted_tags"] < 0.25
    assert result["decision"] == "proposed"
    assert any("14 pictures" in sentence for sentence in result["warnings"])


def test_what_is_not_good_enough_cannot_be_accepted_and_nothing_is_in_force(
    video, tmp_path, capsys
):
    setup = tmp_path / "room.setup"
    settings = DeviceSettings(device="x", width=480, height=360)
    write_setup(
        setup,
        Setup(name="room", cameras=(SetupCamera(name="only", address="0", settings=settings),)),
    )
    few = tmp_path / "only.mp4"
    images = [drawn(BOARD, CAMERA, swung(0.3 * k, distance=480.0), scale=4) for k in range(6)]
    encode(few, [image for image in images for _ in range(6)], gop=6)
    write_board(tmp_path / "board.json", BOARD)
    assert _run(few, "--setup", str(setup), "--accept") == 1
    assert "cannot be accepted" in capsys.readouterr().err
    assert read_setup(setup).cameras[0].intrinsics is None
    assert _run(few, "--setup", str(setup), "--reject") == 0
    (kept,) = (setup / "results").iterdir()
    assert json.loads(kept.read_text())["decision"] == "rejected"


def test_what_cannot_be_used_is_told(video, tmp_path, capsys):
    blank = tmp_path / "blank.mp4"
    encode(blank, [np.full((48, 64), 90, np.uint8)] * 4)
    assert main(["calibrate", "cameras", str(blank)]) == 1
    assert "0 usable pictures" in " ".join(capsys.readouterr().err.split())
    assert main(["calibrate", "cameras", str(tmp_path / "none")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["calibrate", "cameras"]) == 2
    assert _run(video, "--accept", "--reject") == 2
    assert _run(video, "--accept") == 2
    assert _run(video, "--keep-intrinsics") == 1
    setup = tmp_path / "room.setup"
    settings = DeviceSettings(device="x", width=640, height=480)
    write_setup(
        setup,
        Setup(name="room", cameras=(SetupCamera(name="only", address="0", settings=settings),)),
    )
    capsys.readouterr()
    assert _run(video, "--setup", str(setup)) == 1
    assert "640 x 480" in capsys.readouterr().err
