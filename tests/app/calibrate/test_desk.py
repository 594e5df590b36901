"""The desk begins what can be begun, says of the rest why not, and keeps what a person decides."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.calibrate.desk import RoomDesk
from app.calibrate.gathering import Stage
from app.calibrate.offers import Order
from app.calibrate.run import CannotBegin
from tests.app.calibrate.board_film import film_camera, pictures, write_film
from tests.app.calibrate.fake_collector import a_result, until
from tests.tracking.making_feeds import make_feed
from tracking.bodies import bent_plate
from tracking.body_file import BodyFile, MeasuredOrigin, write_body_file
from tracking.calibration.result import DeviceSettings
from tracking.feed_description import BodyModel
from tracking.frames import Frame
from tracking.setups import RESULTS, Setup, SetupCamera, read_setup, write_setup

WIDTH, HEIGHT = 640, 360
ORIGIN = MeasuredOrigin(date="2026-01-02", result="made up")


@pytest.fixture(scope="module")
def images():
    return list(pictures(film_camera("left")))


@pytest.fixture(scope="module")
def film(images, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "left.mkv"
    write_film(path, images)
    return path


def a_camera(name="left", *, calibrated=False, size=(WIDTH, HEIGHT)):
    return SetupCamera(
        name=name,
        address="http://127.0.0.1:9/video",
        settings=DeviceSettings(width=size[0], height=size[1]),
        intrinsics=a_result().value if calibrated else None,
    )


@pytest.fixture
def make_desk(tmp_path):
    def make(*cameras, **more):
        opened = {key: more.pop(key) for key in ("open_raw", "open_calibrated") if key in more}
        setup = Setup(name="Room 1", cameras=cameras, **more)
        write_setup(tmp_path / "room.setup", setup)
        return RoomDesk(tmp_path / "room.setup", **opened)

    return make


def bodies(*names):
    ids = {"head": 0, "coil_body": 6, "pointer": 12}
    return tuple(BodyModel.of(bent_plate(name, ids[name])) for name in names)


def why_not(desk, kind, recording=None, **values):
    with pytest.raises(CannotBegin) as refused:
        desk.begin(Order(kind, recording, values))
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_without_cameras_one_is_to_be_added_and_only_recordings_go(make_desk):
    desk = make_desk()
    assert not desk.live
    assert "has no cameras" in why_not(desk, "lens")


def test_a_recording_that_is_none_is_named(make_desk, tmp_path):
    desk = make_desk(a_camera())
    assert "does not exist" in why_not(desk, "lens", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert "holds neither a feed.json nor" in why_not(desk, "lens", tmp_path / "empty")
    (tmp_path / "words.mp4").write_text("no video")
    assert "words.mp4" in why_not(desk, "lens", tmp_path / "words.mp4")


def test_a_board_file_that_is_missing_or_wrong_is_named(make_desk, film, tmp_path):
    desk = make_desk(a_camera())
    board = tmp_path / "board.json"
    assert "board.json cannot be read" in why_not(desk, "lens", film, board=str(board))
    board.write_text("{")
    assert "is not valid JSON" in why_not(desk, "lens", film, board=str(board))
    board.write_text(json.dumps({"schema_version": 1, "square": -3}))
    assert "'square' is wrong" in why_not(desk, "lens", film, board=str(board))


def test_places_need_two_cameras(make_desk, film):
    assert "2 to 8 cameras" in why_not(make_desk(a_camera()), "places", film)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": ""}, "needs a name"),
        ({"tags": "6-"}, "does not list tags"),
        ({"tags": "6,6"}, "each tag once"),
        ({"tags": "0-999"}, "each tag once, 100 at most"),
        ({"tag_size": "wide"}, "'wide' is no side of a tag"),
        ({"tag_size": "-3"}, "'-3' is no side of a tag"),
        ({"tag_size": "nan"}, "'nan' is no side of a tag"),
        ({"family": "99h1"}, "99h1"),
    ],
)
def test_what_is_entered_wrongly_of_a_body_is_named(make_desk, values, words):
    desk = make_desk(a_camera(calibrated=True))
    right = {"name": "coil_body", "tags": "6-11", "family": "36h11", "tag_size": "36.0"}
    assert words in why_not(desk, "body", **(right | values))


def test_what_is_not_calibrated_yet_comes_first(make_desk, tmp_path):
    bare = make_desk(a_camera())
    for kind in ("body", "pointer", "puck", "dimples"):
        assert "begin with the lens" in why_not(bare, kind)
    half = make_desk(a_camera(calibrated=True), a_camera("right"), bodies=bodies("pointer"))
    assert "Camera 'right' is not calibrated" in why_not(half, "pointer")
    desk = make_desk(a_camera(calibrated=True))
    assert "no marker body 'pointer'" in why_not(desk, "pointer")
    assert "no marker body 'coil_body'" in why_not(desk, "puck")
    assert "no calibrated tip" in why_not(desk, "dimples")
    desk = make_desk(
        a_camera(calibrated=True), bodies=bodies("coil_body", "pointer"), pointer_tip=(0, 0, 100)
    )
    assert "Choose the file of the coil's dimples" in why_not(desk, "dimples")
    gone = str(tmp_path / "gone.json")
    assert "gone.json" in why_not(desk, "dimples", dimples=gone)
    assert "gone.json" in why_not(desk, "puck", puck=gone)


def test_a_puck_with_the_tags_of_the_coil_is_refused(make_desk, tmp_path):
    desk = make_desk(a_camera(calibrated=True), bodies=bodies("coil_body"))
    write_body_file(tmp_path / "puck.json", BodyFile.of(bent_plate("puck", 6), ORIGIN))
    assert "6" in why_not(desk, "puck", puck=str(tmp_path / "puck.json"))


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (1280, 720)])
def test_a_recording_of_another_size_than_the_setup_is_refused(make_desk, film, size):
    desk = make_desk(a_camera(calibrated=True, size=size))
    sentence = why_not(desk, "lens", film)
    assert f"at {size[0]} x {size[1]}" in sentence
    assert "the recording at 640 x 360" in sentence


def test_a_feed_may_bring_cameras_and_bodies(make_desk, tmp_path):
    make_feed(tmp_path / "turned.feed", frames=3)
    run = make_desk().begin(Order("puck", tmp_path / "turned.feed", {}))
    until(lambda: run.ended)
    assert set(run.snapshot.frames) == {"left", "right"}
    run.close()


def lens(desk, film):
    run = desk.begin(Order("lens", film, {"board": ""}))
    try:
        until(lambda: run.ended, 120)
        assert run.snapshot.progress.ready
        run.solve()
        until(lambda: run.snapshot.stage is not Stage.SOLVING, 120)
        assert not run.trouble
        (result,) = run.snapshot.results
        return result
    finally:
        run.close()


def kept(folder):
    return [json.loads(path.read_text()) for path in sorted((folder / RESULTS).glob("*.json"))]


def test_a_lens_is_calibrated_from_a_film_accepted_and_in_force(make_desk, film, tmp_path):
    desk = make_desk(a_camera())
    result = lens(desk, film)
    assert result.value.matrix[0][0] == pytest.approx(470.0, abs=1.5)
    assert read_setup(tmp_path / "room.setup").cameras[0].intrinsics is None
    said = desk.decide(result, accepted=True)
    assert said.startswith("Accepted, in force from now on.")
    for setup in (read_setup(tmp_path / "room.setup"), desk.setup):
        assert setup.cameras[0].intrinsics == result.value
    (file,) = kept(tmp_path / "room.setup")
    assert file["decision"] == "accepted"
    assert file["subject"] == "left"
    assert next(one for one in desk.offers() if one.kind == "body").missing == ""


def test_what_is_rejected_is_kept_and_changes_nothing(make_desk, tmp_path):
    desk = make_desk(a_camera())
    before = (tmp_path / "room.setup" / "setup.json").read_bytes()
    assert "Rejected; what was before stays." in desk.decide(a_result(), accepted=False)
    assert (tmp_path / "room.setup" / "setup.json").read_bytes() == before
    (file,) = kept(tmp_path / "room.setup")
    assert file["decision"] == "rejected"


def test_faults_and_strange_cameras_cannot_be_accepted(make_desk, tmp_path):
    desk = make_desk(a_camera())
    before = (tmp_path / "room.setup" / "setup.json").read_bytes()
    said = desk.decide(a_result(faults=("Only 3 views. Take 20 more.",)), accepted=True)
    assert said.startswith("Nothing was kept:")
    assert "Only 3 views" in said
    assert "has no camera 'other'" in desk.decide(a_result(subject="other"), accepted=True)
    assert (tmp_path / "room.setup" / "setup.json").read_bytes() == before
    assert kept(tmp_path / "room.setup") == []


class Showing:
    """A camera that shows given pictures, over and over, until it is closed."""

    def __init__(self, camera, images):
        self.camera, self._images, self._number, self.closed = camera, images, 0, False

    def read(self):
        if self.closed:
            return None
        self._number += 1
        image = self._images[self._number % len(self._images)]
        return Frame(self.camera.name, self._number, self._number * 200_000_000, image)

    def close(self):
        self.closed = True


@pytest.mark.parametrize(("kind", "raw"), [("lens", True), ("pointer", False)])
def test_live_cameras_are_opened_as_the_calibration_needs_them_and_closed(make_desk, kind, raw):
    opened = []

    def opener(is_raw):
        def open_it(camera):
            source = Showing(film_camera(camera.name), [np.zeros((HEIGHT, WIDTH), np.uint8)])
            opened.append((is_raw, source))
            return source

        return open_it

    desk = make_desk(
        a_camera(calibrated=True),
        bodies=bodies("pointer"),
        open_raw=opener(True),
        open_calibrated=opener(False),
    )
    run = desk.begin(Order(kind, None, {}))
    until(lambda: "left" in run.snapshot.frames)
    run.close()
    ((is_raw, source),) = opened
    assert is_raw is raw
    assert source.closed
