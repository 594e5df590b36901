"""The session file keeps what it acknowledged, whatever happens to those who write it."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.session import schema
from app.session.chain import verify_chain
from app.session.errors import SessionError
from app.session.read_only import read_rows
from app.session.schema import VERSION, canonical_json
from app.session.store import NewEvent, SessionWriter
from tests.app.session.sessions import acknowledged_row, started_writer, write_session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.session"


def test_first_row_says_who_when_and_in_which_units(path: Path) -> None:
    SessionWriter.create(path, {"subject": "S01"}).close()
    (row,) = read_rows(path)
    body = json.loads(row.body)
    assert (row.seq, row.kind, body["subject"]) == (1, "session_opened", "S01")
    assert row.time_ns == body["anchor"]["monotonic_ns"]
    assert body["anchor"]["utc"].endswith("+00:00")
    for key in ("session_id", "program_version", "library_versions", "platform", "units", "frames"):
        assert body[key]
    assert [f.name for f in path.parent.iterdir()] == [path.name]


def test_durability_is_what_the_page_says(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    pragma = {
        name: writer._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    writer.close()
    assert pragma == {"journal_mode": "wal", "synchronous": 2}


def test_a_row_is_never_changed_removed_or_put_between(path: Path) -> None:
    write_session(path)
    with sqlite3.connect(path) as connection:
        for statement in (
            "UPDATE event SET body = '{}' WHERE seq = 2",
            "DELETE FROM event WHERE seq = 3",
            "INSERT OR REPLACE INTO event VALUES (2, 0, 'note', '{}', '', '')",
            "INSERT INTO event VALUES (999, 0, 'note', '{}', '', '')",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
    connection.close()
    assert verify_chain(path).intact


def test_append_gives_consecutive_numbers_and_keeps_the_time(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    assert writer.append("note", {"text": "ü"}, time_ns=42) == 2
    assert writer.append_many([NewEvent.of("note", {}), NewEvent.of("note", {})]) == [3, 4]
    writer.close()
    row = read_rows(path)[1]
    assert (row.time_ns, json.loads(row.body)) == (42, {"text": "ü"})


def test_a_body_that_is_no_json_is_refused_and_the_writer_goes_on(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    with pytest.raises(ValueError, match="JSON"):
        writer.append("note", {"x": float("nan")})
    with pytest.raises(TypeError):
        writer.append("note", {"x": object()})  # type: ignore[dict-item]
    assert writer.append("note", {}) == 2
    writer.close()


def test_threads_and_two_writers_share_one_chain(path: Path) -> None:
    first = SessionWriter.create(path, {})
    second = SessionWriter.attach(path)

    def write(writer: SessionWriter, name: str) -> None:
        for count in range(25):
            writer.append("note", {"name": name, "count": count})

    threads = [
        threading.Thread(target=write, args=(writer, f"{index}-{half}"))
        for index, writer in enumerate((first, second))
        for half in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first.close()
    second.close()
    report = verify_chain(path)
    assert report.intact
    assert report.events == 101
    bodies = [json.loads(row.body) for row in read_rows(path)[1:]]
    for name in ("0-a", "0-b", "1-a", "1-b"):
        assert [b["count"] for b in bodies if b["name"] == name] == list(range(25))


def _kill_two_writers(path: Path, acknowledged_before_kill: int) -> None:
    """Kill two writing processes; every row they acknowledged must be there, in one chain."""
    acknowledged: list[tuple[str, int, int]] = []
    with started_writer(path, "a") as first, started_writer(path, "b") as second:
        writers = (("a", first), ("b", second))
        for name, process in writers:
            acknowledged += [
                (name, *acknowledged_row(process)) for _ in range(acknowledged_before_kill)
            ]
        for name, process in writers:
            process.kill()
            assert process.stdout is not None
            # The last line may have been cut off by the kill.
            for line in process.stdout.read().splitlines()[:-1]:
                seq, count = line.split()
                acknowledged.append((name, int(seq), int(count)))
    rows = {row.seq: json.loads(row.body) for row in read_rows(path)}
    for name, number, counted in acknowledged:
        assert rows[number] == {"writer": name, "count": counted}
    assert verify_chain(path).intact


def test_killed_writers_lose_nothing_acknowledged(path: Path) -> None:
    SessionWriter.create(path, {}).close()
    for acknowledged in (1, 7, 20):
        _kill_two_writers(path, acknowledged)
    writer = SessionWriter.attach(path)
    writer.append("note", {"text": "goes on"})
    writer.close()
    assert verify_chain(path).intact


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_writers_lose_nothing_acknowledged_long(path: Path) -> None:
    SessionWriter.create(path, {}).close()
    for trial in range(50):
        _kill_two_writers(path, 1 + trial * 7 % 60)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), st.recursive(st.integers() | st.text(), st.lists, max_leaves=5)))
def test_canonical_json_is_the_same_for_equal_bodies(body: dict[str, object]) -> None:
    turned = dict(reversed(body.items()))
    text = canonical_json(body)  # type: ignore[arg-type]
    assert text == canonical_json(turned)  # type: ignore[arg-type]
    assert json.loads(text) == body


# What an operator may run into.


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="is not there"):
        SessionWriter.create(tmp_path / "no" / "a.session", {})


def test_existing_file_is_not_overwritten(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(SessionError, match="already a file"):
        SessionWriter.create(path, {})
    assert path.read_text() == "mine"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SessionError, match="does not let you write"):
            SessionWriter.create(tmp_path / "a.session", {})
    finally:
        tmp_path.chmod(0o700)


def test_folder_that_refuses_new_files() -> None:
    """A folder in which not even root may make a file."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("this system has no such folder")
    with pytest.raises(SessionError, match=r"cannot be|does not let"):
        SessionWriter.create(folder / "a.session", {})


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_no_space_at_creation_leaves_nothing(path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(SessionError, match="disk"):
            SessionWriter.create(path, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(path.parent.iterdir()) == []


def _fill(writer: SessionWriter) -> tuple[int, SessionError]:
    """Write until it is refused; the last acknowledged number and the refusal."""
    written = 0
    while True:
        try:
            written = writer.append("note", {"text": "x" * 2000})
        except SessionError as error:
            return written, error
        assert written < 500


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_disk_full_at_append_is_said_and_loses_nothing(path: Path) -> None:
    import resource

    writer = SessionWriter.create(path, {})
    writer.append("note", {"text": "kept"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        written, error = _fill(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "disk" in error.sentence
    assert [row.seq for row in read_rows(path)] == list(range(1, written + 1))
    assert writer.append("note", {"text": "space again"}) == written + 1
    writer.close()
    assert verify_chain(path).intact


def test_full_database_is_a_full_disk(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    writer._connection.execute("PRAGMA max_page_count = 5")
    _, error = _fill(writer)
    assert "disk is full" in error.sentence
    writer.close()
    assert verify_chain(path).intact


def test_attach_needs_a_session_file(tmp_path: Path, path: Path) -> None:
    with pytest.raises(SessionError, match="There is no session file"):
        SessionWriter.attach(path)
    path.write_bytes(os.urandom(5000))
    with pytest.raises(SessionError, match="is not a session file"):
        SessionWriter.attach(path)
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(SessionError, match="is not a session file"):
        SessionWriter.attach(other)


def test_attach_refuses_a_newer_file(path: Path) -> None:
    write_session(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(SessionError, match="newer Coilpilot"):
        SessionWriter.attach(path)


def test_attach_refuses_a_file_whose_last_row_was_changed(path: Path) -> None:
    write_session(path)
    path.write_bytes(path.read_bytes().replace(b'"reason":"done"', b'"reason":"gone"'))
    with pytest.raises(SessionError, match="was changed after it was written"):
        SessionWriter.attach(path)


def test_an_older_file_is_brought_forward(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_session(path)
    step = ("CREATE TABLE later (x INTEGER) STRICT",)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    writer = SessionWriter.attach(path)
    writer.append("note", {})
    writer.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
    assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
    connection.close()
    assert verify_chain(path).intact


def test_a_failing_step_forward_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_session(path)
    step = ("CREATE TABLE later (x INTEGER) STRICT", "CREATE TABLE event (x INTEGER)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    with monkeypatch.context() as newer:
        newer.setattr(schema, "VERSION", VERSION + 1)
        with pytest.raises(SessionError):
            SessionWriter.attach(path)
    monkeypatch.undo()
    SessionWriter.attach(path).close()
    assert verify_chain(path).intact


def test_a_disk_without_hard_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    SessionWriter.create(path, {}).close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert verify_chain(path).events == 1


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.path.lexists", lambda _path: False)
    path.write_text("mine")
    with pytest.raises(SessionError, match="already a file"):
        SessionWriter.create(path, {})
    assert [(file.name, file.read_text()) for file in path.parent.iterdir()] == [
        (path.name, "mine")
    ]


def test_another_program_that_holds_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.session.store.BUSY_LIMIT", 0.05)
    writer = SessionWriter.create(path, {})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SessionError, match="Another program holds"):
        writer.append("note", {})
    other.execute("COMMIT")
    other.close()
    assert writer.append("note", {}) == 2
    writer.close()


def test_a_closed_writer_says_so(path: Path) -> None:
    writer = SessionWriter.create(path, {})
    writer.close()
    writer.close()
    with pytest.raises(SessionError, match="was closed"):
        writer.append("note", {})
