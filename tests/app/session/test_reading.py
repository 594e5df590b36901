"""What was recorded is read back as it was, from any state a file may be in."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from app.session.chain import verify_chain
from app.session.errors import SessionError
from app.session.events import Outcome, RigidPose
from app.session.reading import read_session
from app.session.schema import VERSION
from app.session.store import NewEvent, SessionWriter
from app.session.transforms import rigid_pose, rigid_transform
from tests.app.session.sessions import (
    MRI_FROM_COIL,
    acknowledged_row,
    record_pulse,
    started_writer,
    write_session,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.session"


def _state(folder: Path) -> dict[str, tuple[bytes, int]]:
    # The index of the log (-shm) is scratch space of whoever has the file open.
    return {
        file.name: (file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.iterdir()
        if not file.name.endswith("-shm")
    }


def test_pulses_are_put_together_from_their_rows(path: Path) -> None:
    session = read_session(write_session(path))
    assert [p.outcome.value for p in session.pulses] == ["fired"] * 4 + ["refused", "unknown"]
    assert [p.number for p in session.pulses] == [1, 2, 3, 4, 5, 6]
    first, *_, lost, refused, unmatched = session.pulses
    assert first.pose is not None
    assert first.pose.mri_from_coil is not None
    there = rigid_transform(first.pose.mri_from_coil)
    np.testing.assert_allclose(there.as_matrix(), MRI_FROM_COIL.as_matrix(), atol=1e-12)
    assert first.target is not None
    assert first.target.name == "M1 hand left"
    assert lost.pose is not None
    assert lost.pose.mri_from_coil is None
    assert refused.ended is not None
    assert refused.ended.reason == "Pose lease ran out"
    assert unmatched.ended is None
    assert unmatched.time_ns == unmatched.intended_time_ns
    assert (session.opened.subject, len(session.targets), len(session.poses)) == ("S01", 1, 2)
    assert session.closed is not None
    assert session.faults == ()


def test_monotonic_times_become_utc(path: Path) -> None:
    session = read_session(write_session(path))
    start = session.utc(session.start_ns)
    assert start.isoformat(timespec="microseconds") == session.anchor.utc
    assert (session.utc(session.start_ns + 1_500_000_000) - start).total_seconds() == 1.5


def test_what_the_stimulator_process_writes_is_understood(path: Path) -> None:
    lease = {
        "pose_time_ns": 5,
        "age_ms": 31.25,
        "on_target": True,
        "target_id": "m1-hand-left",
        "errors": {"distance_to_target": 0.5, "offset_x": -0.25},
    }
    writer = SessionWriter.create(path, {})
    intended = {
        "pulse_id": "a-00001",
        "train_id": None,
        "number": 1,
        "source": "on_target",
        "intensity": 55,
        "navigated": True,
        "lease": lease,
        "target_id": "m1-hand-left",
    }
    writer.append("pulse_intended", intended)
    outcome = {"pulse_id": "a-00001", "outcome": "fired", "time_ns": 99, "reason": None}
    writer.append("pulse_outcome", {**outcome, "lease": lease})
    writer.close()
    session = read_session(path)
    assert session.faults == ()
    (pulse,) = session.pulses
    assert pulse.time_ns == 99
    assert pulse.intended.lease is not None
    assert pulse.intended.lease.errors is not None
    assert pulse.intended.lease.errors.body()["offset_x"] == -0.25


def test_outcome_may_be_corrected_by_a_later_row(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    record_pulse(writer, "p1", outcome=Outcome.UNKNOWN)
    writer.append("pulse_outcome", {"pulse_id": "p1", "outcome": "fired"})
    writer.close()
    assert read_session(path).pulses[0].outcome is Outcome.FIRED


def test_rows_that_are_not_understood_are_named_and_kept(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    writer.append("pulse_intended", {"pulse_id": "p1"})
    writer.append("pulse_intended", {"pulse_id": "p1"})
    writer.append("pulse_outcome", {"pulse_id": "nobody", "outcome": "fired"})
    writer.append("pulse_outcome", {"pulse_id": "p1", "outcome": "exploded"})
    writer.append("a_kind_of_the_future", {"x": [1]})
    writer.close()
    session = read_session(path)
    assert len(session.events) == 6
    assert [fault.split(" is ")[0] for fault in session.faults] == [
        "Event 3 (pulse_intended)",
        "Event 4 (pulse_outcome)",
        "Event 5 (pulse_outcome)",
    ]
    assert session.pulses[0].outcome is Outcome.UNKNOWN


@given(
    st.tuples(*[st.floats(-500, 500)] * 3),
    st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1),
)
@settings(max_examples=50, deadline=None)
def test_a_transform_comes_back(
    translation: tuple[float, ...], quaternion: tuple[float, ...]
) -> None:
    transform = RigidTransform.from_components(
        np.array(translation), Rotation.from_quat(quaternion)
    )
    back = RigidPose.model_validate_json(rigid_pose(transform).model_dump_json())
    np.testing.assert_allclose(rigid_transform(back).as_matrix(), transform.as_matrix(), atol=1e-12)


def test_a_quaternion_that_is_no_rotation_is_refused() -> None:
    with pytest.raises(ValueError, match="squared length"):
        RigidPose(translation=(0, 0, 0), quaternion=(0, 0, 0, 0.5))


def test_reading_changes_nothing(path: Path) -> None:
    write_session(path)
    path.chmod(stat.S_IRUSR)
    before = _state(path.parent)
    read_session(path)
    assert verify_chain(path).intact
    assert _state(path.parent) == before


def test_a_session_that_is_being_written_can_be_read(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    for count in range(1, 4):
        record_pulse(writer, f"p{count}")
        assert len(read_session(path).pulses) == count
    writer.close()


def test_a_session_is_read_whole_while_rows_move_from_the_log_into_the_file(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    finished = threading.Event()

    def write() -> None:
        for _ in range(12):
            writer.append_many([NewEvent.of("note", {"text": "x" * 3000})] * 200)
        finished.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = [1]
    while not finished.is_set():
        report = verify_chain(path)
        assert report.intact, report
        seen.append(report.events)
    thread.join()
    writer.close()
    assert seen == sorted(seen)
    assert verify_chain(path).events == 2401


def _leave_killed(path: Path, rows: int) -> None:
    SessionWriter.create(path, {}).close()
    with started_writer(path, "a") as process:
        for _ in range(rows):
            acknowledged_row(process)


def test_a_killed_session_is_read_without_changing_it(path: Path) -> None:
    _leave_killed(path, 10)
    before = _state(path.parent)
    assert before["a.session-wal"][0]
    assert len(read_session(path).events) >= 11
    assert verify_chain(path).intact
    assert _state(path.parent) == before


def test_a_killed_session_is_read_where_nothing_can_be_written(path: Path) -> None:
    _leave_killed(path, 10)
    # In place of the log's index something that is no file, as on media that cannot be written.
    index = path.with_name(path.name + "-shm")
    index.unlink()
    index.mkdir()
    before = {f.name: f.stat().st_mtime_ns for f in path.parent.iterdir()}
    assert len(read_session(path).events) >= 11
    assert {f.name: f.stat().st_mtime_ns for f in path.parent.iterdir()} == before


def test_missing_file(path: Path) -> None:
    for read in (read_session, verify_chain):
        with pytest.raises(SessionError, match="There is no session file"):
            read(path)
    assert list(path.parent.iterdir()) == []


def test_newer_file(path: Path) -> None:
    write_session(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(SessionError, match="newer Coilpilot"):
        read_session(path)


# Tampering and damage.


def _rewrite(path: Path, statement: str) -> None:
    """Change the table behind the triggers' back."""
    connection = sqlite3.connect(path)
    for trigger in ("event_never_changed", "event_never_removed", "event_follows_the_last"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE event SET body = replace(body, '55.0', '56.0') WHERE seq = 6", 6),
        ("UPDATE event SET kind = 'notes' WHERE seq = 4", 4),
        ("UPDATE event SET time_ns = time_ns + 1 WHERE seq = 9", 9),
        ("UPDATE event SET previous_hash = replace(previous_hash, 'a', 'b') WHERE seq = 7", 7),
        ("UPDATE event SET hash = replace(hash, 'c', 'd') WHERE seq = 8", 8),
        ("DELETE FROM event WHERE seq = 5", 6),
        ("DELETE FROM event WHERE seq = 1", 2),
    ],
)
def test_the_first_changed_row_is_named(path: Path, statement: str, broken_at: int) -> None:
    write_session(path)
    events = verify_chain(path).events
    _rewrite(path, statement)
    report = verify_chain(path)
    assert not report.intact
    assert report.broken_at == broken_at
    assert report.events < events


def test_any_changed_byte_of_any_row_is_found(path: Path) -> None:
    write_session(path)
    content = path.read_bytes()
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT seq, kind, body, previous_hash, hash FROM event").fetchall()
    connection.close()
    random = np.random.default_rng(3)
    for seq, kind, body, previous_hash, own_hash in rows:
        # The row's columns lie one after the other in the file.
        text = (kind + body + previous_hash + own_hash).encode()
        start = content.index(text)
        for place in start + random.integers(0, len(text), 6):
            changed = bytearray(content)
            changed[place] ^= int(random.integers(1, 256))
            path.write_bytes(changed)
            report = verify_chain(path)
            assert report.broken_at == seq, (place - start, report)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_garbage_gives_a_sentence(path: Path, data: st.DataObject) -> None:
    _try_garbage(path, data)


@pytest.mark.fuzz
@settings(
    max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_garbage_gives_a_sentence_long(path: Path, data: st.DataObject) -> None:
    _try_garbage(path, data)


def _try_garbage(path: Path, data: st.DataObject) -> None:
    good = path.with_name("good.session")
    if not good.exists():
        write_session(good)
    content = bytearray(good.read_bytes())
    if data.draw(st.booleans(), label="cut"):
        content = content[: data.draw(st.integers(0, len(content)), label="length")]
    for _ in range(data.draw(st.integers(0, 8), label="changes") if content else 0):
        at = data.draw(st.integers(0, len(content) - 1), label="at")
        content[at] = data.draw(st.integers(0, 255), label="byte")
    path.write_bytes(content)
    for read in (read_session, verify_chain, _attach):
        refusal = _refusal(read, path)
        assert refusal is None or (str(path) in refusal.sentence and refusal.remedy)
    for name in ("a.session-wal", "a.session-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _refusal(read: Callable[[Path], object], path: Path) -> SessionError | None:
    try:
        read(path)
    except SessionError as error:
        return error
    return None


def _attach(path: Path) -> None:
    SessionWriter.attach(path).close()


def test_a_file_of_nothing_but_noise(path: Path) -> None:
    path.write_bytes(os.urandom(4096))
    with pytest.raises(SessionError, match="is not a session file"):
        read_session(path)
    assert not verify_chain(path).intact
