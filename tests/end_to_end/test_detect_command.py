"""``coilpilot detect`` on image files, as a person runs it and as a program reads it.

One test starts the program; the others call its entrance, for a start takes seconds.
"""

import json

import cv2
import numpy as np
import pytest

from app.__main__ import main
from tests.end_to_end.commands import Ran, coilpilot
from tests.tracking import rendering, single_tags
from tracking.bodies import bent_plate

HEAD = bent_plate("head", 0)
VIEW = rendering.camera()
POSE = rendering.pose([90, 60, 600], [8, 20, 4])


@pytest.fixture(scope="module")
def image():
    return rendering.render(VIEW, [(HEAD, POSE)], 1)


@pytest.fixture
def entrance(capsys, monkeypatch):
    """Run the command inside this process."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        status = main([str(word) for word in words])
        told = capsys.readouterr()
        return Ran(status, told.out, told.err)

    return run


def _errors(found):
    return np.array(
        [
            np.array(tag["corners"]) - rendering.true_corners(VIEW, HEAD, POSE, tag["id"])
            for tag in found["tags"]
        ]
    )


def test_images_of_every_depth_are_read_and_corners_are_sub_pixel(image, tmp_path):
    colour, deep = tmp_path / "colour.jpg", tmp_path / "tiefe Töne.png"
    cv2.imwrite(str(colour), cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), [1, 95])
    deep.write_bytes(cv2.imencode(".png", image.astype(np.uint16) * 16)[1].tobytes())
    ran = coilpilot("detect", colour, deep, "--json")
    assert (ran.status, ran.err) == (0, "")
    found = json.loads(ran.out)["images"]
    assert [one["file"] for one in found] == [str(colour), str(deep)]
    for one in found:
        assert (one["width"], one["height"]) == (1280, 720)
        assert [tag["id"] for tag in one["tags"]] == sorted(HEAD.corners)
        assert np.sqrt(np.square(_errors(one)).mean()) < 0.06


def test_the_lens_is_taken_from_a_calibration_and_must_fit(image, tmp_path, entrance):
    path, intrinsics = tmp_path / "image.png", tmp_path / "lens.json"
    cv2.imwrite(str(path), image)
    value = {
        "kind": "intrinsics",
        "matrix": VIEW.matrix.tolist(),
        "distortion": VIEW.distortion.tolist(),
        "matrix_sigma": np.zeros((3, 3)).tolist(),
        "distortion_sigma": [0.0] * 5,
    }
    intrinsics.write_text(json.dumps(value))
    ran = entrance("detect", path, "--calibration", intrinsics, "--json")
    assert ran.status == 0
    (one,) = json.loads(ran.out)["images"]
    assert np.sqrt(np.square(_errors(one)).mean()) < 0.04
    camera = {"name": "left", "video": "v", "times": "t", "width": 640, "height": 480}
    feed = {"schema_version": 1, "name": "f", "cameras": [{**camera, **value}]}
    intrinsics.write_text(json.dumps(feed))
    ran = entrance("detect", path, "--calibration", intrinsics)
    assert ran.status == 1
    assert "1280 x 720 pixels, but the calibration is for 640 x 480" in ran.sentence
    ran = entrance("detect", path, "--calibration", intrinsics, "--camera", "right")
    assert ran.status == 2
    assert "tells of the cameras left" in ran.sentence
    intrinsics.write_text('{"kind": "intrinsics"}')
    ran = entrance("detect", path, "--calibration", intrinsics)
    assert (ran.status, "is no calibration" in ran.sentence or "no intrinsics" in ran.sentence) == (
        1,
        True,
    )


def test_another_dictionary_and_inverted_tags(tmp_path, entrance):
    true = single_tags.quad()
    path = tmp_path / "inverted.png"
    cv2.imwrite(str(path), single_tags.picture("4x4_1000", 21, true, inverted=True))
    words = ("detect", path, "--dictionary", "DICT_4X4_1000", "--json")
    (tag,) = json.loads(entrance(*words, "--inverted").out)["images"][0]["tags"]
    assert tag["id"] == 21
    assert np.abs(np.array(tag["corners"]) - true).max() < 0.1
    assert json.loads(entrance(*words).out)["images"][0]["tags"] == []


def test_an_image_without_tags_is_no_fault(tmp_path, entrance):
    for name, level in (("black", 0), ("white", 255)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((480, 640), level, np.uint8))
    ran = entrance("detect", tmp_path / "black.png", tmp_path / "white.png")
    assert ran.status == 0
    assert ran.out.count("no tags") == 2


def test_each_bad_file_is_told_in_one_sentence_and_the_good_are_read(image, tmp_path, entrance):
    good, half_jpg, half_png = (tmp_path / name for name in ("g.png", "half.jpg", "half.png"))
    cv2.imwrite(str(good), image)
    jpg = cv2.imencode(".jpg", image)[1].tobytes()
    half_jpg.write_bytes(jpg[: len(jpg) // 2])
    half_png.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    text, empty = tmp_path / "text.png", tmp_path / "empty.png"
    text.write_text("no image")
    empty.write_bytes(b"")
    bad = [half_jpg, half_png, text, empty, tmp_path / "missing.png", tmp_path]
    ran = entrance("detect", *bad, good, "--json")
    assert ran.status == 1
    assert len(json.loads(ran.out)["images"]) == 1
    sentences = [line for line in ran.err.splitlines() if line.strip()]
    assert len(sentences) == len(bad)
    for path, sentence in zip(bad, sentences, strict=True):
        assert sentence.startswith(f"coilpilot: {path} ")
        assert sentence.endswith(".")


def test_wrong_use_has_its_own_status(image, tmp_path, entrance):
    path = tmp_path / "image.png"
    cv2.imwrite(str(path), image)
    ran = entrance("detect", path, "--dictionary", "99h9")
    assert (ran.status, "'99h9' is not known. Use one of" in ran.sentence) == (2, True)
    assert entrance("detect").status == 2
