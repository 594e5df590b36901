"""The board and the finding of it: sub-pixel, inverted, mirrored, laid out the old way, absent."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.tracking.calibration.simulated_boards import drawn, lens_camera
from tests.tracking.rendering import pose
from tracking.calibration.board import Board, BoardError, board_from, read_board, write_board
from tracking.calibration.board_finder import BoardFinder

BOARD = Board(columns=6, rows=4, square=40.0)
CAMERA = lens_camera(size=(640, 480), focal=560.0)
POSE = pose([10, -8, 420], [25, -15, 8])


def _true(board):
    points = np.concatenate([board.saddles, board.tag_corners.reshape(-1, 3)]) - board.centre
    return CAMERA.project_world(POSE.apply(points))


@pytest.mark.parametrize("inverted", [False, True])
def test_saddles_and_edge_fitted_tags_are_where_they_were_drawn(inverted):
    board = BOARD.model_copy(update={"inverted": inverted})
    view = BoardFinder(board).find(drawn(board, CAMERA, POSE), "left", 5, CAMERA)
    assert view is not None
    assert len(view.tags) == 12
    assert len(view.saddles) == 15
    points = view.points(board) - board.centre
    error = view.pixels - CAMERA.project_world(POSE.apply(points))
    saddles, tags = np.split(error, [len(view.saddles)])
    assert np.sqrt((saddles**2).mean()) < 0.05
    assert np.sqrt((tags**2).mean()) < 0.12


def test_a_mirrored_picture_is_recognised_and_turned_back():
    finder = BoardFinder(BOARD)
    view = finder.find(np.ascontiguousarray(drawn(BOARD, CAMERA, POSE)[:, ::-1]))
    assert view is not None
    assert view.mirrored
    assert finder.reading is not None
    assert finder.reading.mirrored
    true = CAMERA.project_world(POSE.apply(view.points(BOARD) - BOARD.centre))
    assert np.abs(view.pixels - true).max() < 0.5


@pytest.mark.parametrize("change", [{"legacy_pattern": True}, {"inverted": True}])
def test_a_board_printed_otherwise_than_described_is_read_as_it_is(change):
    printed = BOARD.model_copy(update=change)
    finder = BoardFinder(BOARD)
    assert finder.find(drawn(printed, CAMERA, POSE)) is not None
    assert finder.board == printed


def test_no_board_in_noise_or_black():
    noise = np.random.default_rng(3).integers(0, 255, (480, 640)).astype(np.uint8)
    for image in (noise, np.zeros((480, 640), np.uint8), np.full((480, 640), 255, np.uint8)):
        assert BoardFinder(BOARD).find(image) is None


def test_a_board_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "board.json"
    write_board(path, BOARD)
    assert read_board(path) == BOARD


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "no valid JSON|not valid JSON"),
        ("[]", "schema version"),
        (json.dumps({"schema_version": 7}), "schema version 7"),
        (json.dumps({"columns": 40, "rows": 40}), "need 800 markers"),
        (json.dumps({"dictionary": "DICT_9X9"}), "is not known"),
        (json.dumps({"square": -1}), "'square' is wrong"),
        (json.dumps({"colour": "red"}), "'colour' is wrong"),
    ],
)
def test_a_wrong_board_file_is_told(tmp_path, content, told):
    path = tmp_path / "board.json"
    path.write_text(content)
    with pytest.raises(BoardError, match=told):
        read_board(path)
    with pytest.raises(BoardError, match="cannot be read"):
        read_board(tmp_path / "none.json")


def test_a_board_of_other_files_is_checked_too():
    with pytest.raises(BoardError, match="somewhere"):
        board_from({"columns": 1}, "somewhere")
