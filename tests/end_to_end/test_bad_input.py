"""Bad input: one sentence that names the thing and the remedy, the right status, nothing left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from app.subject.head import default_head_folder
from tests.end_to_end.commands import coilpilot


def edit(feed: Path, change) -> None:
    path = feed / "feed.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def video(feed: Path) -> Path:
    return feed / json.loads((feed / "feed.json").read_text())["cameras"][0]["video"]


def times(feed: Path) -> Path:
    return feed / json.loads((feed / "feed.json").read_text())["cameras"][0]["times"]


def remove_video(feed):
    video(feed).unlink()


def truncate_video(feed):
    path = video(feed)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def newer_schema(feed):
    edit(feed, lambda data: data.update(schema_version=99))


def no_calibration(feed):
    edit(feed, lambda data: data["cameras"][0].pop("matrix"))


def body_without_tags(feed):
    edit(feed, lambda data: data["bodies"][0].update(tags=[]))


def backwards(feed):
    path = times(feed)
    lines = path.read_text().splitlines()
    lines[3], lines[4] = (
        lines[3].split(",")[0] + "," + lines[4].split(",")[1],
        (lines[4].split(",")[0] + "," + lines[3].split(",")[1]),
    )
    path.write_text("\n".join(lines) + "\n")


def no_json(feed):
    (feed / "feed.json").write_text("{ this is no json")


def no_description(feed):
    (feed / "feed.json").unlink()


SPOILT = [
    (remove_video, ".mp4"),
    (truncate_video, ".mp4"),
    (newer_schema, "schema version 99"),
    (no_calibration, "calibration"),
    (body_without_tags, "has no tags"),
    (backwards, ".csv"),
    (no_json, "feed.json"),
    (no_description, "feed.json"),
]


@pytest.mark.parametrize(("spoil", "named"), SPOILT, ids=[s.__name__ for s, _ in SPOILT])
def test_a_spoilt_feed_is_named_with_its_remedy_and_nothing_is_written(
    feed, tmp_path, spoil, named
):
    spoil(feed)
    poses = tmp_path / "poses.csv"
    ran = coilpilot("replay", feed, "--poses", poses, "--session", tmp_path / "new.session")
    assert ran.status == 1
    assert named in ran.sentence
    assert ran.err.count("Traceback") == 0
    assert len(ran.err.strip().splitlines()) == 1
    assert ran.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spoilt.feed"]


def garbage(head):
    (head / "scalp.npz").write_bytes(b"\x00 this is no mesh \xff" * 50)


def missing(head):
    (head / "cortex.npz").unlink()


def wrong_schema(head):
    data = json.loads((head / "head.json").read_text())
    data["schema_version"] = 42
    (head / "head.json").write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [(garbage, "scalp.npz"), (missing, "cortex.npz"), (wrong_schema, "head.json")],
)
def test_a_head_that_is_no_head_is_named(tmp_path, spoil, named):
    head = tmp_path / "head"
    shutil.copytree(default_head_folder(), head)
    spoil(head)
    ran = coilpilot("demo", "--offscreen", "--head", head, "--out", tmp_path / "out")
    assert ran.status == 1
    assert named in ran.sentence
    assert "Traceback" not in ran.err
    left = tmp_path / "out"
    assert not left.exists() or not list(left.iterdir())


def test_an_out_folder_that_cannot_be_made(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    ran = coilpilot("demo", "--offscreen", "--out", blocked / "out")
    assert ran.status == 1
    assert "cannot be made" in ran.sentence
    assert "--out" in ran.sentence


def test_export_of_what_is_no_session(tmp_path):
    wrong = tmp_path / "wrong.session"
    wrong.write_bytes(b"not a database" * 100)
    ran = coilpilot("export", wrong, "--to", "csv", "--out", tmp_path / "csv")
    assert ran.status == 1
    assert "wrong.session" in ran.sentence
    assert not (tmp_path / "csv").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("replay",),
        ("replay", "x.feed", "--speed", "fast"),
        ("replay", "x.feed", "--speed", "-1"),
        ("export", "x.session", "--to", "parchment"),
        ("no-such-command",),
        ("demo", "--no-such-option"),
    ],
)
def test_wrong_use_ends_with_status_2(words):
    ran = coilpilot(*words)
    assert ran.status == 2, ran
    assert ran.err.strip() or ran.out.strip()
    assert "Traceback" not in ran.err


def test_no_such_feed():
    ran = coilpilot("replay", "nowhere.feed")
    assert ran.status == 1
    assert "nowhere.feed" in ran.sentence
