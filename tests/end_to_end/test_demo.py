"""The demo as a newcomer meets it: no display, one command, and what it leaves behind."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from app.session.chain import verify_chain
from app.session.reading import read_session
from tests.end_to_end.commands import coilpilot

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "out"
    ran = coilpilot("demo", "--offscreen", "--out", folder, "--json", timeout=380)
    assert ran.status == 0, ran.err
    return folder, json.loads(ran.out), ran


def test_the_summary_counts_what_the_session_holds(demo):
    folder, summary, _ = demo
    (path,) = folder.glob("*.session")
    session = read_session(path)
    fired = [pulse for pulse in session.pulses if pulse.outcome.value == "fired"]
    assert summary["pulses"] == len(fired) > 3
    assert summary["hits"] == sum(p.pose.hit is True for p in fired)
    assert summary["unknown"] == 0
    assert session.closed is not None
    assert verify_chain(path).intact


def test_the_poses_at_the_pulses_agree_with_the_feeds_truth(demo):
    _, summary, _ = demo
    assert summary["error_median_mm"] <= 1.0
    assert summary["error_p95_mm"] <= 1.0
    assert summary["frames_dropped"] == 0
    assert summary["latency_p95_ms"] > 0


def test_every_file_it_names_is_there(demo):
    folder, summary, _ = demo
    files = [Path(name) for name in summary["files"]]
    assert all(path.is_file() and path.stat().st_size > 0 for path in files)
    assert {path.suffix for path in files} == {".png", ".session", ".html", ".json"}
    assert {path.name for path in folder.iterdir()} >= {path.name for path in files}


def test_the_screenshots_show_the_window(demo):
    folder, _, _ = demo
    for path in folder.glob("*.png"):
        image = QImage(str(path))
        assert (image.width(), image.height()) == (1440, 900), path.name
        colours = {image.pixel(x, y) for x in range(300, 1000, 7) for y in range(120, 600, 7)}
        assert len(colours) > 100, f"{path.name} shows no head"


def test_nothing_is_said_on_the_error_stream(demo):
    _, _, ran = demo
    assert ran.err == ""


def test_the_report_says_research_use_only(demo):
    folder, summary, _ = demo
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "research use only" in page.lower()
    assert str(summary["hits"]) in page


def test_the_session_exports_as_csv(demo, tmp_path):
    folder, summary, _ = demo
    (path,) = folder.glob("*.session")
    ran = coilpilot("export", path, "--to", "csv", "--out", tmp_path / "csv", "--json")
    assert ran.status == 0, ran.err
    with (tmp_path / "csv" / "pulses.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["outcome"] == "fired" for row in rows) == summary["pulses"]
    again = coilpilot("export", path, "--to", "csv", "--out", tmp_path / "csv")
    assert again.status == 1, "an export must not overwrite another"


def test_without_a_display_the_bare_command_runs_the_demo(tmp_path, monkeypatch):
    """It says so and refuses in a sentence what the demo refuses."""
    blocked = tmp_path / "no.feed"
    ran = coilpilot("--feed", blocked)
    assert ran.status == 1
    assert "No display was found" in ran.err
    assert "no.feed" in ran.sentence
