"""A decision on a calibration: kept in any case, in force only if accepted and possible."""

from __future__ import annotations

import pytest

from tests.app.calibrate.fake_collector import a_result
from tracking.calibration.result import CalibrationResult, DeviceSettings, PointerValue
from tracking.setups import RESULTS, Setup, SetupCamera, SetupError, decide, read_setup, write_setup


@pytest.fixture
def folder(tmp_path):
    camera = SetupCamera(name="left", address="0", settings=DeviceSettings(width=1280, height=720))
    write_setup(tmp_path / "room.setup", Setup(name="Room", cameras=(camera,)))
    return tmp_path / "room.setup"


def results(folder):
    return sorted((folder / RESULTS).glob("*"))


def test_an_accepted_result_is_in_force_and_kept_with_its_decision(folder):
    after, kept = decide(folder, a_result(), accepted=True)
    assert read_setup(folder) == after
    assert after.cameras[0].intrinsics == a_result().value
    again = CalibrationResult.model_validate_json(kept.read_text())
    assert again.decision == "accepted"
    assert again.decided_utc is not None
    assert again.model_copy(update={"decision": "proposed", "decided_utc": None}) == a_result()


def test_a_rejected_result_is_kept_and_the_setup_not_even_written(folder):
    before = (folder / "setup.json").stat()
    after, kept = decide(folder, a_result(), accepted=False)
    assert after.cameras[0].intrinsics is None
    assert (folder / "setup.json").stat().st_mtime_ns == before.st_mtime_ns
    assert CalibrationResult.model_validate_json(kept.read_text()).decision == "rejected"


def test_every_decision_is_a_file_of_its_own_that_is_never_written_over(folder):
    for number, accepted in enumerate((True, False, True), 1):
        decide(folder, a_result(), accepted=accepted)
        assert len(results(folder)) == number
    assert read_setup(folder).cameras[0].intrinsics is not None


def test_what_was_decided_by_others_meanwhile_stays(folder):
    decide(folder, a_result(), accepted=True)
    pointer = a_result().model_copy(
        update={"subject": "pointer", "value": PointerValue(pointer_tip=(0.0, 1.0, 150.0))}
    )
    after, _ = decide(folder, pointer, accepted=True)
    assert after.pointer_tip == (0.0, 1.0, 150.0)
    assert after.cameras[0].intrinsics is not None


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (a_result(faults=("Only 3 views. Take 20 more.",)), ValueError, "Only 3 views"),
        (a_result(subject="other"), SetupError, "has no camera 'other'"),
    ],
)
def test_what_cannot_be_in_force_leaves_nothing_behind(folder, result, error, words):
    before = (folder / "setup.json").read_bytes()
    with pytest.raises(error, match=words):
        decide(folder, result, accepted=True)
    assert (folder / "setup.json").read_bytes() == before
    assert results(folder) == []


def test_a_setup_that_was_damaged_meanwhile_is_named_and_left_alone(folder):
    (folder / "setup.json").write_text("{")
    with pytest.raises(SetupError, match=r"setup\.json is not valid JSON"):
        decide(folder, a_result(), accepted=True)
    assert results(folder) == []
