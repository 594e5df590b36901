"""The default body files: as the sheets make them, as navigation expects them."""

import pytest

from resources.bodies.__main__ import main
from tracking.bodies import bent_plate
from tracking.body_check import check_bodies
from tracking.body_file import BodyFileError, default_body_file
from tracking.calibration.board import Board, read_board

NAMES = ["head", "coil_body", "pointer", "puck", "sticker"]


def shipped():
    from importlib.resources import files

    return files("resources") / "bodies"


def test_the_command_makes_what_is_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bodies", "--out", str(tmp_path)])
    assert main() == 0
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert set(made) == {f"{name}.json" for name in [*NAMES, "board"]}
    for name, text in made.items():
        assert (shipped() / name).read_text(encoding="utf-8") == text, "run the command again"


def test_no_two_default_bodies_share_a_tag():
    bodies = [default_body_file(name).body() for name in NAMES]
    check_bodies(bodies)
    assert [body.name for body in bodies] == NAMES
    assert sorted(tag for body in bodies for tag in body.corners) == list(range(24))


def test_head_coil_and_pointer_are_the_bent_plates_that_feeds_use():
    for name, first in (("head", 0), ("coil_body", 6), ("pointer", 12)):
        file = default_body_file(name)
        assert file.origin.kind == "nominal"
        for tag, corners in bent_plate(name, first).corners.items():
            assert file.body().corners[tag] == pytest.approx(corners, abs=1e-4)


def test_the_default_board_is_the_one_that_calibration_expects():
    assert read_board(shipped() / "board.json") == Board()


def test_a_body_that_is_not_shipped_is_named():
    with pytest.raises(BodyFileError, match=r"spoon\.json cannot be read"):
        default_body_file("spoon")
