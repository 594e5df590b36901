"""Commands that succeed: what they print, what they write."""

from __future__ import annotations

import json

from app.session.chain import verify_chain
from app.session.reading import read_session
from tests.end_to_end.commands import coilpilot
from tests.end_to_end.conftest import FRAMES


def test_a_feed_replays_and_its_poses_are_written(feed, tmp_path):
    poses = tmp_path / "poses.csv"
    ran = coilpilot("replay", feed, "--poses", poses, "--json")
    assert ran.status == 0, ran.err
    summary = json.loads(ran.out)
    assert summary["frames"] == 2 * FRAMES
    assert summary["coil_on_head_error"]["median_mm"] < 1.0
    header, *rows = poses.read_text().splitlines()
    assert header == "time_ns,body,tracked,x,y,z,qx,qy,qz,qw,rms_px,corners,sigma_mm,sigma_deg"
    assert len(rows) == 2 * FRAMES


def test_poses_as_json_lines(feed, tmp_path):
    poses = tmp_path / "poses.jsonl"
    assert coilpilot("replay", feed, "--poses", poses).status == 0
    rows = [json.loads(line) for line in poses.read_text().splitlines()]
    assert {row["body"] for row in rows} == {"head", "coil_body"}


def test_a_replay_at_real_speed_records_a_session(feed, tmp_path):
    path = tmp_path / "replayed.session"
    ran = coilpilot("replay", feed, "--session", path, "--speed", "1")
    assert ran.status == 0, ran.err
    assert "median" in ran.out
    session = read_session(path)
    assert {row[1] for row in session.poses} == {"head", "coil_body"}
    assert all(row[0] >= session.start_ns for row in session.poses)
    assert verify_chain(path).intact


def test_the_doctor_speaks_json():
    ran = coilpilot("doctor", "--json")
    told = json.loads(ran.out)
    assert ran.status == (0 if told["healthy"] else 1)
    assert {"Graphics", "Practice feed", "Default head", "Stimulator process"} <= {
        check["name"] for check in told["checks"]
    }
    for check in told["checks"]:
        assert check["state"] == "ok" or check["remedy"], check


def test_version_and_help():
    assert coilpilot("--version").status == 0
    ran = coilpilot("--help")
    assert ran.status == 0
    assert "Research use only" in ran.out
    for command in ("demo", "replay", "export", "report", "doctor"):
        assert command in ran.out
