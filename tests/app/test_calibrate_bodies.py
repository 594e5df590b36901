"""The commands that calibrate bodies, pointer and coil: what they refuse, in one sentence."""

import json

import numpy as np
import pytest

from app.commands.calibrate_bodies import (
    Outcome,
    _conclude,
    ids_of,
    run_bodies,
    run_coil,
    run_pointer,
)
from app.commands.output import Failure
from tests.tracking.making_feeds import make_feed
from tracking.bodies import bent_plate
from tracking.calibration.result import BodyValue, CalibrationResult, Finding, utc_now
from tracking.feed_description import BodyModel
from tracking.setups import Setup, read_setup, write_setup


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    return make_feed(tmp_path_factory.mktemp("feeds") / "short.feed", frames=3)


def _bodies(feed, outcome=None, **changes):
    chosen = {"tag_size": 36.0, "tags": (), "names": (), "nominal": ()} | changes
    return run_bodies(feed, outcome or Outcome(), **chosen)


def test_a_feed_that_shows_too_little_is_refused_for_each(feed, tmp_path):
    with pytest.raises(Failure, match="no two of its tags were seen together and rigid"):
        _bodies(feed)
    with pytest.raises(Failure, match="only head, coil_body"):
        run_pointer(feed, Outcome())
    with pytest.raises(Failure, match="did not rest in any point"):
        run_pointer(feed, Outcome(), name="coil_body")
    with pytest.raises(Failure, match="has a marker body 'puck'"):
        run_coil(feed, Outcome(), method="puck", dimples=None, nominal=None)


def test_a_decision_must_be_kept(feed):
    with pytest.raises(Failure, match="must be kept") as failure:
        _bodies(feed, Outcome(decision=True))
    assert failure.value.status == 2


def test_pointing_needs_dimples_and_a_calibrated_pointer(feed, tmp_path):
    with pytest.raises(Failure, match="--dimples FILE"):
        run_coil(feed, Outcome(), method="dimples", dimples=None, nominal=None)
    with pytest.raises(Failure, match="calibrate pointer"):
        run_coil(feed, Outcome(), method="dimples", dimples=tmp_path / "c.json", nominal=None)
    write_setup(tmp_path / "room.setup", Setup(name="room", pointer_tip=(0, 0, 150)))
    with pytest.raises(Failure, match="has a marker body 'pointer'"):
        run_coil(
            feed,
            Outcome(setup=tmp_path / "room.setup"),
            method="dimples",
            dimples=tmp_path / "c.json",
            nominal=None,
        )


def test_ids_are_read_as_people_write_them():
    assert ids_of("6-11") == (6, 7, 8, 9, 10, 11)
    assert ids_of("0,2, 4-5") == (0, 2, 4, 5)
    for wrong in ("", "a", "1-", "3,3", "-4", "5-2", "0-500"):
        with pytest.raises(Failure, match="--tags"):
            ids_of(wrong)


def test_each_list_of_ids_needs_a_name(feed):
    with pytest.raises(Failure, match="one --name for each"):
        _bodies(feed, tags=("6-11",))
    with pytest.raises(Failure, match="no design of a body 'nose'"):
        _bodies(feed, names=("nose",))


def test_an_accepted_result_is_kept_and_in_force(tmp_path, capsys):
    setup = Setup(name="room")
    folder = tmp_path / "room.setup"
    write_setup(folder, setup)
    body = bent_plate("head", 0)
    result = CalibrationResult(
        subject="head",
        made_utc=utc_now(),
        source="made",
        residual=Finding(name="reprojection", value=0.07, unit="px"),
        predicted_error=Finding(name="error", value=0.05, unit="mm"),
        value=BodyValue(body=BodyModel.of(body)),
    )
    out = tmp_path / "out"
    outcome = Outcome(setup=folder, out=out, decision=True, as_json=True)
    assert _conclude([result], outcome, setup) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["decision"] == "accepted"
    kept = read_setup(folder).bodies[0].body()
    np.testing.assert_allclose(kept.corners[3], body.corners[3])
    assert (out / "head.json").is_file()
    assert len(list((folder / "results").iterdir())) == 1
    faulty = result.model_copy(update={"faults": ("Turn it more.",)})
    with pytest.raises(Failure, match="cannot be accepted: Turn it more"):
        _conclude([faulty], outcome, setup)
    # A proposal with faults is told, and nothing is in force: no failure of the work.
    assert _conclude([faulty], Outcome(), None) == 0
    assert "Turn it more." in capsys.readouterr().out
