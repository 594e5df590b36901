"""The window hands events in without waiting; what is told as recorded is recorded."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform

from app.session.errors import SessionError
from app.session.reading import read_session
from app.session.recorder import SessionRecorder
from app.session.store import NewEvent, SessionWriter
from tracking.poses import BodyPose, PoseQuality, TrackingState

QUALITY = PoseQuality(corners=24, tags=6, cameras=2, rms_px=0.05, covariance=np.eye(6) * 0.01)


def _no_failure(error: SessionError) -> None:
    raise AssertionError(error)


def _pose(time_ns: int, *, lost: bool = False, body: str = "head") -> BodyPose:
    if lost:
        return BodyPose(body, time_ns, TrackingState.LOST, None, None)
    return BodyPose(body, time_ns, TrackingState.TRACKED, RigidTransform.identity(), QUALITY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.session"


def test_events_are_recorded_in_order_and_told_when_durable(path: Path) -> None:
    told: list[tuple[int, str]] = []

    def check(seq: int, event: NewEvent) -> None:
        # Read by a second opening of the file: told only when it is there.
        assert len(read_session(path).events) >= seq
        told.append((seq, event.body))

    recorder = SessionRecorder(
        SessionWriter.create(path, {}), on_recorded=check, on_failure=_no_failure
    )
    for count in range(50):
        recorder.record("note", {"text": str(count)})
    recorder.close()
    assert told == [(count + 2, f'{{"text":"{count}"}}') for count in range(50)]
    assert [e.body["text"] for e in read_session(path).events[1:]] == [str(c) for c in range(50)]


def test_handing_in_never_waits_for_the_disk(path: Path) -> None:
    held = threading.Event()
    recorder = SessionRecorder(
        SessionWriter.create(path, {}),
        on_recorded=lambda _seq, _event: held.wait(30) and None,
        on_failure=_no_failure,
    )
    for _ in range(1000):
        recorder.record("note", {})
        recorder.record_poses([_pose(1)])
    assert not held.is_set()
    held.set()
    recorder.close()
    assert sum(e.kind == "note" for e in read_session(path).events) == 1000


def test_a_body_changed_after_handing_in_is_recorded_as_it_was(path: Path) -> None:
    recorder = SessionRecorder(SessionWriter.create(path, {}), on_failure=_no_failure)
    body = {"text": "before"}
    recorder.record("note", body, time_ns=7)
    body["text"] = "after"
    recorder.close()
    event = read_session(path).events[1]
    assert (event.time_ns, event.body) == (7, {"text": "before"})


def test_poses_are_thinned_out_to_ten_a_second_but_changes_of_state_are_kept(path: Path) -> None:
    recorder = SessionRecorder(SessionWriter.create(path, {}), on_failure=_no_failure)
    for frame in range(60):
        time_ns = frame * 33_333_333
        lost = frame == 31
        recorder.record_poses([_pose(time_ns), _pose(time_ns, lost=lost, body="coil_body")])
    recorder.close()
    session = read_session(path)
    head = [row for row in session.poses if row[1] == "head"]
    coil = [row for row in session.poses if row[1] == "coil_body"]
    assert len(head) == 20
    assert [row[0] for row in head] == sorted(row[0] for row in head)
    assert any(row[2] == "lost" and row[3] is None for row in coil)
    assert head[0][2:] == ("tracked", (0, 0, 0, 0, 0, 0, 1), 0.05, 0.1, pytest.approx(5.72958))
    assert sum(event.kind == "poses" for event in session.events) <= 2


def test_poses_reach_the_file_without_closing(path: Path) -> None:
    arrived = threading.Event()
    recorder = SessionRecorder(
        SessionWriter.create(path, {}),
        on_recorded=lambda _seq, _event: arrived.set(),
        on_failure=_no_failure,
    )
    recorder.record_poses([_pose(1)])
    assert arrived.wait(30)
    recorder.close()


def test_a_failure_is_told_once_and_counted(path: Path) -> None:
    failures: list[SessionError] = []
    told: list[int] = []
    writer = SessionWriter.create(path, {})
    writer._connection.execute("PRAGMA max_page_count = 5")
    recorder = SessionRecorder(
        writer, on_recorded=lambda seq, _event: told.append(seq), on_failure=failures.append
    )
    handed_in = 0
    deadline = time.monotonic() + 30
    while recorder.failure is None and time.monotonic() < deadline:
        recorder.record("note", {"text": "x" * 1000})
        handed_in += 1
    recorder.record("note", {"text": "too late"})
    recorder.record_poses([_pose(1)])
    recorder.close()
    assert len(failures) == 1
    assert "disk is full" in str(failures[0])
    assert recorder.failure is failures[0]
    assert recorder.unrecorded == handed_in + 1 - len(told)
    assert len(read_session(path).events) == 1 + len(told)


def test_a_failing_listener_does_not_end_the_recording(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_seq: int, _event: NewEvent) -> None:
        raise RuntimeError("listener")

    recorder = SessionRecorder(
        SessionWriter.create(path, {}), on_recorded=fail, on_failure=_no_failure
    )
    recorder.record("note", {})
    recorder.record("note", {})
    recorder.close()
    assert len(read_session(path).events) == 3
    assert "listener" in caplog.text


def test_nothing_can_be_handed_in_after_closing(path: Path) -> None:
    recorder = SessionRecorder(SessionWriter.create(path, {}), on_failure=_no_failure)
    recorder.close()
    recorder.close()
    with pytest.raises(SessionError, match="has ended"):
        recorder.record("note", {})
