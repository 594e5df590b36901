"""What a person reads of a calibration says what to do, and never calls a residual an accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.calibrate.coverage_picture import coverage_picture, covered_share
from app.calibrate.gathering import Snapshot, Stage
from app.calibrate.readings import (
    overview,
    progress_sentence,
    result_reading,
    trouble_sentence,
    undecided,
)
from tests.app.calibrate.fake_collector import a_result
from tracking.calibration.collector import Progress
from tracking.calibration.result import Finding


def snapshot(stage=Stage.GATHERING, *, ready=False, sentence="", progress=True):
    told = Progress(0.4, ready, "Tilt the board.", {}, {}) if progress else None
    return Snapshot(stage, {}, told, (), sentence)


def test_the_hint_is_what_the_collector_says():
    assert progress_sentence(snapshot(), ended=False) == "Tilt the board."


def test_a_recording_that_ends_too_early_says_so():
    assert "ended, and more is needed. Tilt" in progress_sentence(snapshot(), ended=True)
    assert progress_sentence(snapshot(ready=True), ended=True).endswith("solve now.")


def test_waiting_solving_and_failing_are_said():
    assert "first picture" in progress_sentence(snapshot(progress=False), ended=False)
    assert "no pictures" in progress_sentence(snapshot(progress=False), ended=True)
    assert "Solving" in progress_sentence(snapshot(Stage.SOLVING), ended=False)
    assert progress_sentence(snapshot(sentence="Too few."), ended=False) == "Too few."


def test_trouble_is_told_beside_the_hint_and_a_failure_in_its_place():
    wrong = replace(snapshot(), fault="Another size.")
    assert progress_sentence(wrong, ended=False) == "Tilt the board."
    assert trouble_sentence(wrong, "Camera gone.") == "Camera gone. Another size."
    failed = replace(wrong, stage=Stage.FAILED, fault="It has failed.")
    assert progress_sentence(failed, ended=True) == "It has failed."
    assert trouble_sentence(failed, "") == ""


def test_the_residual_is_called_what_it_is():
    rows = {name: (value, meaning) for name, value, meaning in result_reading(a_result()).rows}
    assert rows["Residual: reprojection"] == ("0.12 px", "of the fit, not an accuracy")
    assert rows["Predicted error: coil on head"] == ("0.4 mm", "at 1 m")
    assert rows["Views"] == ("40", "")
    assert rows["Made"] == ("2026-01-02 03:04 UTC", "from a test")


def test_faults_forbid_accepting_and_stand_first():
    bad = a_result(faults=("Only 3 views. Take 20 more.",))
    reading = result_reading(bad.model_copy(update={"warnings": ("It is old.",)}))
    assert not reading.acceptable
    assert reading.verdict == "✗ NOT GOOD ENOUGH"
    assert reading.sentences == ("Only 3 views. Take 20 more.", "It is old.")
    assert result_reading(a_result()).acceptable


def test_the_overview_names_who_is_refused():
    good, bad = a_result(), a_result(faults=("Blurred.",), subject="right")
    assert overview([good]) == "Good enough. Nothing is in force until you accept it."
    warned = good.model_copy(update={"warnings": ("It is old.",)})
    assert overview([good, warned]).startswith("Usable, with warnings")
    assert "cannot be accepted" in overview([bad])
    assert "right" in overview([good, bad])
    assert "left" not in overview([good, bad])


def test_what_is_still_to_be_decided_is_counted():
    assert undecided(0) == "All is decided."
    assert undecided(1).startswith("1 still to be decided: not in force until you accept it")
    assert "accept them" in undecided(3)


@given(st.floats(-1e9, 1e9))
def test_any_number_can_be_shown(value):
    found = Finding(name="n", value=value, unit="mm")
    result = a_result().model_copy(update={"further": (found,)})
    name, text, _ = next(row for row in result_reading(result).rows if row[0] == "N")
    assert name == "N"
    shown = float(text.removesuffix(" mm"))
    assert abs(shown - value) <= max(0.006 * abs(value), 1e-300)


def test_gaps_are_tinted_and_points_are_drawn():
    image = np.full((72, 128), 100, np.uint8)
    coverage = np.full((2, 2), 9)
    coverage[0, 1] = 0
    picture = coverage_picture(image, np.array([[31.0, 50.0]]), coverage, 256)
    assert picture.shape == (144, 256, 3)
    assert (picture[20, 20] == 100).all()  # covered
    assert picture[20, 200, 0] > picture[20, 200, 2]  # orange
    red, green, blue = picture[101, 63].astype(int)
    assert green > red + 30
    assert green > blue + 20
    assert covered_share(coverage) == 0.75


def test_a_picture_without_a_map_is_only_shrunk():
    image = np.full((72, 128), 100, np.uint8)
    picture = coverage_picture(image, np.empty((0, 2)), np.empty((0, 0), np.int64), 64)
    assert (picture == 100).all()
    assert covered_share(np.empty((0, 0), np.int64)) == 1.0
