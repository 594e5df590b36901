"""Tables and report say what the session file says, and nothing half-written stays behind."""

from __future__ import annotations

import base64
import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from app.session.errors import SessionError
from app.session.export_csv import COLUMNS, export_csv
from app.session.report_html import write_report
from app.session.store import SessionWriter
from tests.app.session.sessions import MRI_FROM_COIL, TARGET, write_session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_session(tmp_path / "a.session")


def _read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text, strict=True))
    assert all(None not in row and None not in row.values() for row in rows)
    return rows


def test_tables_hold_what_was_recorded(path: Path, tmp_path: Path) -> None:
    files = export_csv(path, tmp_path / "out")
    assert sorted(file.name for file in files) == sorted([*COLUMNS, "session.json"])
    assert sorted(tmp_path / "out" / name for name in (*COLUMNS, "session.json")) == sorted(files)
    pulses = _read(tmp_path / "out" / "pulses.csv")
    assert [p["outcome"] for p in pulses] == ["fired"] * 4 + ["refused", "unknown"]
    assert [p["hit"] for p in pulses] == ["1", "1", "0", "", "", ""]
    assert [p["dist_to_target_mm"] for p in pulses] == ["1.0", "2.0", "4.0", "", "", ""]
    first = pulses[0]
    matrix = [[float(first[f"matsimnibs_{r}{c}"]) for c in range(4)] for r in range(3)]
    np.testing.assert_allclose(matrix, MRI_FROM_COIL.as_matrix()[:3], atol=1e-8)
    position = [float(first[f"coil_{axis}_mm"]) for axis in "xyz"]
    np.testing.assert_array_equal(position, MRI_FROM_COIL.translation)
    assert (first["target_name"], first["intensity_pct_mso"]) == ("M1 hand left", "55.0")
    assert first["twist_error_deg"] == "-2.5"
    assert pulses[3]["state"] == "lost"
    assert pulses[4]["reason"] == "Pose lease ran out"
    poses = _read(tmp_path / "out" / "poses.csv")
    assert [p["body"] for p in poses] == ["head", "coil_body"]
    assert poses[1]["x_mm"] == ""
    (target,) = _read(tmp_path / "out" / "targets.csv")
    assert target["target_id"] == TARGET.target_id
    events = _read(tmp_path / "out" / "events.csv")
    assert [int(e["seq"]) for e in events] == list(range(1, len(events) + 1))
    assert json.loads(events[-1]["body"]) == {"reason": "done"}


def test_description_names_units_frames_and_every_column(path: Path, tmp_path: Path) -> None:
    export_csv(path, tmp_path / "out")
    text = json.loads((tmp_path / "out" / "session.json").read_text(encoding="utf-8"))
    assert text["opened"]["units"]["length"] == "mm"
    assert "coil" in text["opened"]["frames"]
    assert text["chain"]["fault"] == ""
    assert text["summary"]["hits"] == 2
    for name in COLUMNS:
        with (tmp_path / "out" / name).open(encoding="utf-8", newline="") as file:
            assert next(csv.reader(file)) == list(text["columns"][name])


def test_text_that_a_spreadsheet_would_run_is_disarmed(tmp_path: Path) -> None:
    writer = SessionWriter.create(tmp_path / "a.session", {})
    for count, text in enumerate(('=HYPERLINK("x")', "+1", "-1", "@SUM", "\tx", 'a,"b"\nü')):
        body = {"pulse_id": f"p{count}", "train_id": text}
        writer.append("pulse_intended", body)
    writer.close()
    export_csv(tmp_path / "a.session", tmp_path / "out")
    trains = [row["train_id"] for row in _read(tmp_path / "out" / "pulses.csv")]
    assert all(train.startswith("'") for train in trains[:5])
    assert trains[5] == 'a,"b"\nü'


def test_an_export_replaces_nothing(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(SessionError, match="is not an empty folder"):
        export_csv(path, out)
    assert [f.name for f in out.iterdir()] == ["mine.txt"]
    with pytest.raises(SessionError, match="is not there"):
        export_csv(path, tmp_path / "no" / "out")
    with pytest.raises(SessionError, match="is not an empty folder"):
        export_csv(path, path)
    (tmp_path / "empty").mkdir()
    export_csv(path, tmp_path / "empty")


def test_a_failing_export_leaves_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("app.session.export_csv._events", fail)
    with pytest.raises(SessionError, match="No space left"):
        export_csv(path, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


class _Page(HTMLParser):
    """Text and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.sources: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(file: Path) -> _Page:
    page = _Page()
    page.feed(file.read_text(encoding="utf-8"))
    return page


def test_report_tells_the_session_in_one_file(path: Path, tmp_path: Path) -> None:
    picture = tmp_path / "window_on_target.png"
    picture.write_bytes(b"\x89PNG picture")
    page = _page(write_report(path, tmp_path / "report.html", [picture]))
    for words in (
        "RESEARCH USE ONLY – not a medical device",
        "S01",
        "M1 hand left",
        "Residuals are not accuracy",
        "3.80 mm",
        "Pose lease ran out",
        "are as they were written",
    ):
        assert words in page.text
    data = base64.b64encode(picture.read_bytes()).decode()
    assert page.sources == [f"data:image/png;base64,{data}"]


def test_report_shows_text_as_text_and_tampering_as_tampering(tmp_path: Path) -> None:
    path = write_session(tmp_path / "a.session", subject="<script>alert(1)</script>")
    path.write_bytes(path.read_bytes().replace(b'"reason":"done"', b'"reason":"gone"'))
    page = _page(write_report(path, tmp_path / "report.html"))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert "was changed after it was written" in page.text


def test_report_that_cannot_be_written(path: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    for out, pictures in (
        (tmp_path / "no" / "report.html", []),
        (tmp_path / "report.html", [tmp_path / "missing.png"]),
        (tmp_path / "report.html", [path]),
    ):
        with pytest.raises(SessionError):
            write_report(path, out, pictures)
    assert sorted(tmp_path.iterdir()) == before
