"""The numbers of a session, against ones worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.session.events import Outcome
from app.session.reading import read_session
from app.session.store import SessionWriter
from app.session.summary import summarise
from tests.app.session.sessions import record_pulse, write_session


def test_known_session(tmp_path: Path) -> None:
    summary = summarise(read_session(write_session(tmp_path / "a.session")))
    assert (summary.pulses, summary.fired, summary.refused, summary.unknown) == (6, 4, 1, 1)
    assert (summary.hits, summary.misses, summary.unjudged, summary.without_pose) == (2, 1, 1, 1)
    assert summary.error_median_mm == 2.0
    # Distances 1, 2, 4: rank 0.95 * 2 = 1.9, so 2 + 0.9 * 2.
    assert summary.error_p95_mm == pytest.approx(3.8)
    assert summary.tilt_median_deg == 1.5
    assert summary.twist_median_deg == 2.5
    assert summary.not_navigated == 0
    assert summary.duration_s >= 0


def test_only_fired_pulses_count_for_the_error(tmp_path: Path) -> None:
    writer = SessionWriter.create(tmp_path / "a.session", {})
    record_pulse(writer, "p1", outcome=Outcome.UNKNOWN)
    pose = {"pulse_id": "p1", "time_ns": 1, "state": "tracked", "hit": True}
    writer.append("pulse_pose", {**pose, "errors": {"distance_to_target": 99.0}})
    writer.close()
    summary = summarise(read_session(tmp_path / "a.session"))
    assert (summary.unknown, summary.hits, summary.error_median_mm) == (1, 0, None)


def test_empty_session(tmp_path: Path) -> None:
    SessionWriter.create(tmp_path / "a.session", {}).close()
    summary = summarise(read_session(tmp_path / "a.session"))
    assert (summary.pulses, summary.error_median_mm, summary.error_p95_mm) == (0, None, None)
