"""The real process, through real pipes; what counts is what reached the device and the file."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from app.session.store import SessionWriter
from app.stimulate.client import ProcessEnded
from app.stimulate.messages import (
    Arm,
    Connect,
    OpenSession,
    RenewOperatorLease,
    SetIntensity,
    StartTrain,
    WaivePoseLease,
    encode_command,
)
from app.stimulate.process import serve
from tests.app.stimulate.windows import PATIENCE_S, wait_until, window

ROOT = Path(__file__).resolve().parents[3]


def rows(session: Path) -> list[tuple[str, dict, int]]:
    connection = sqlite3.connect(session)
    try:
        found = connection.execute("SELECT kind, body, time_ns FROM event ORDER BY seq").fetchall()
    finally:
        connection.close()
    return [(kind, json.loads(body), time_ns) for kind, body, time_ns in found]


def test_a_20_hz_train_is_sent_on_time_and_recorded_pulse_by_pulse(tmp_path):
    with window(tmp_path) as seen:
        seen.ready()
        seen.client.waive_pose_lease(True)  # 100 ms without a pose would rightly end the train
        seen.client.start_train(20.0, 40)
        wait_until(lambda: len(seen.pulses) >= 40)
        assert [pulse.outcome for pulse in seen.pulses] == ["fired"] * 40
        assert all(pulse.recorded for pulse in seen.pulses)
        triggers = seen.wire("trigger")
    assert len(triggers) == 40
    late_ms = [(t - triggers[0]) / 1e6 - 50 * index for index, t in enumerate(triggers)]
    assert min(late_ms) > -1, "never early"
    assert min(late_ms[-10:]) < 100, "late pulses do not add up"
    order = [kind for kind, _, _ in rows(seen.session) if kind.startswith("pulse")]
    open_intents = 0
    for kind in order:
        open_intents += 1 if kind == "pulse_intended" else -1
        assert 0 <= open_intents <= 2
    assert order.count("pulse_intended") == order.count("pulse_outcome") == 40


def test_stop_in_a_train_reaches_the_wire_at_once(tmp_path):
    with window(tmp_path) as seen:
        seen.ready()
        seen.client.start_train(20.0, 200)
        wait_until(lambda: len(seen.wire("trigger")) >= 5)
        pressed = time.monotonic_ns()
        seen.client.stop()
        wait_until(lambda: seen.state.state == "standby")
        disarmed = next(t for t in seen.wire("disarm") if t >= pressed)
        assert disarmed - pressed < 500e6
        wait_until(lambda: seen.pulses[-1].outcome == "refused")
        assert "Stopped by the operator" in seen.pulses[-1].reason
        assert max(seen.wire("trigger")) < disarmed


def test_a_frozen_window_stops_the_train_and_disarms_within_a_second(tmp_path):
    with window(tmp_path) as seen:
        seen.ready()
        seen.client.start_train(20.0, 200)
        wait_until(lambda: len(seen.wire("trigger")) >= 3)
        seen.alive = False
        silent = time.monotonic_ns()
        wait_until(lambda: seen.state.state == "standby")
        disarmed = next(t for t in seen.wire("disarm") if t >= silent)
        # 100 ms of the lease, 20 ms for one that was on its way, the rest for a busy machine.
        assert max(seen.wire("trigger")) - silent < 500e6
        assert disarmed - silent < 1000e6 + 500e6
        assert seen.pulses[-1].outcome == "refused"


def test_an_unanswered_trigger_is_unknown_and_never_repeated(tmp_path):
    with window(tmp_path) as seen:
        seen.ready(fault="silent_trigger")
        seen.client.fire()
        wait_until(lambda: seen.pulses)
        seen.client.fire()
        wait_until(lambda: len(seen.pulses) == 2)
        assert [pulse.outcome for pulse in seen.pulses] == ["unknown", "refused"]
        assert len(seen.wire("trigger")) == 1
        assert seen.state.state == "fault"
        outcomes = [
            body["outcome"] for kind, body, _ in rows(seen.session) if kind == "pulse_outcome"
        ]
        assert outcomes == ["unknown", "refused"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the file size of another process")
def test_no_pulse_goes_when_the_disk_is_full(tmp_path):
    with window(tmp_path) as seen:
        seen.ready()
        size = max(path.stat().st_size for path in tmp_path.glob("test.session*"))
        psutil.Process(seen.client.pid).rlimit(psutil.RLIMIT_FSIZE, (size, size))
        wait_until(lambda: seen.state.why_not is None)
        seen.client.fire()
        wait_until(lambda: seen.pulses)
        assert seen.pulses[0].outcome == "refused"
        assert not seen.pulses[0].recorded
        assert "could not be recorded" in seen.pulses[0].reason
        wait_until(lambda: not seen.state.armed)
        assert not seen.wire("trigger")


class Served:
    """The process's inside, served through pipes in this process: quick to start."""

    def __init__(self, *arguments: str) -> None:
        inside, self._to = os.pipe()
        self._from, outside = os.pipe()
        self.status: list[int] = []
        self._inside = os.fdopen(inside, "rb", buffering=0)
        self._outside = os.fdopen(outside, "wb", buffering=0)
        self.output = b""
        self._thread = threading.Thread(target=self._serve, args=(arguments,), daemon=True)
        self._thread.start()

    def _serve(self, arguments: Sequence[str]) -> None:
        with self._inside, self._outside:
            self.status.append(serve(self._inside, self._outside, arguments))

    def send(self, *lines: bytes) -> None:
        for line in lines:
            os.write(self._to, line)

    def wait_for(self, words: bytes) -> None:
        """Read until `words` come, keeping the operator lease alive."""
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.output:
            assert time.monotonic() < deadline, f"no {words!r}"
            self.send(encode_command(RenewOperatorLease(given_ns=time.monotonic_ns())))
            self.output += os.read(self._from, 65_536)

    def end(self) -> list[dict]:
        """Close stdin, wait for the end; returns all events."""
        os.close(self._to)
        while chunk := os.read(self._from, 65_536):
            self.output += chunk
        os.close(self._from)
        self._thread.join()
        assert self.status == [0]
        return [json.loads(line) for line in self.output.splitlines()]


def test_when_stdin_ends_in_a_train_it_disarms_and_leaves(tmp_path):
    session, wire_log = tmp_path / "test.session", tmp_path / "wire.log"
    SessionWriter.create(session, {}).close()
    served = Served("--wire-log", str(wire_log))
    served.send(
        encode_command(OpenSession(path=str(session))),
        encode_command(Connect(driver="simulated")),
        encode_command(SetIntensity(percent=50)),
        encode_command(WaivePoseLease(waived=True)),
    )
    served.wait_for(b'"operator_lease_left_ms":4')
    served.send(encode_command(Arm()))
    served.wait_for(b'"state":"ready"')
    train = StartTrain(request_id="a", frequency_hz=20.0, pulses_per_train=200)
    served.send(encode_command(train))
    served.wait_for(b'"number":3')
    events = served.end()
    assert [event["state"] for event in events if event["type"] == "state"][-1] == "offline"
    commands = [line.split(" ", 1)[1] for line in wire_log.read_text().splitlines()]
    assert "trigger" in commands
    assert "trigger" not in commands[commands.index("disarm", commands.index("trigger")) :]
    assert commands[-1] == "close"
    intended = [body["pulse_id"] for kind, body, _ in rows(session) if kind == "pulse_intended"]
    ended = [body["pulse_id"] for kind, body, _ in rows(session) if kind == "pulse_outcome"]
    assert intended == ended


def test_it_survives_nonsense_and_still_answers():
    chance = random.Random(7)
    served = Served()
    served.send(b"{" * 50_000 + b"\n")
    served.wait_for(b"too long")
    served.send(b'{"type": "open_session", "path": "\\u0000"}\n')
    served.wait_for(b"There is no session file")
    for _ in range(50):
        served.send(chance.randbytes(chance.randint(0, 300)).replace(b"\n", b" ") + b"\n")
    served.send(encode_command(Connect(driver="simulated")))
    served.wait_for(b'"device":"Simulated stimulator"')
    served.send(encode_command(Connect(driver="nothing")))
    served.wait_for(b"There is no stimulator called")
    events = served.end()
    assert any(event.get("device") == "Simulated stimulator" for event in events)


def has_ended(process: psutil.Process) -> bool:
    """Also when nobody is left to collect its exit status."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


PARENT = """
import sys, time
from pathlib import Path
from app.stimulate.process import serve
from tests.app.stimulate.windows import Window, wait_until
seen = Window(Path(sys.argv[1]))
seen.ready()
seen.client.start_train(20.0, 200)
wait_until(lambda: len(seen.pulses) >= 3)
print(seen.client.pid, len(seen.pulses), flush=True)
time.sleep(60)
"""


def test_when_the_window_is_killed_it_disarms_and_leaves(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    with parent:
        pid, shown = map(int, parent.stdout.readline().split())
        stimulator = psutil.Process(pid)
        parent.kill()
        killed = time.monotonic_ns()
        wait_until(
            lambda: not stimulator.is_running() or stimulator.status() == psutil.STATUS_ZOMBIE
        )
    lines = [line.split(" ", 1) for line in (tmp_path / "wire.log").read_text().splitlines()]
    disarmed = next(int(t) for t, what in lines if what == "disarm" and int(t) >= killed - 1e8)
    assert disarmed - killed < 1000e6
    assert all(int(t) < disarmed for t, what in lines if what == "trigger")
    recorded = rows(tmp_path / "test.session")
    assert sum(kind == "pulse_outcome" for kind, _, _ in recorded) >= shown


def test_the_end_of_the_process_is_told_once_and_leaves_nothing(tmp_path):
    with window(tmp_path) as seen:
        wait_until(lambda: seen.state)
        os.kill(seen.client.pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        wait_until(lambda: isinstance(seen.events[-1], ProcessEnded))
        assert not seen.events[-1].expected
        assert "ended unexpectedly" in seen.events[-1].sentence
        seen.client.fire()
        seen.client.stop()
    assert sum(isinstance(event, ProcessEnded) for event in seen.events) == 1


def test_a_process_that_hangs_blocks_no_caller_and_is_ended(tmp_path):
    with window(tmp_path) as seen:
        wait_until(lambda: seen.state)
        process = psutil.Process(seen.client.pid)
        process.suspend()
        begun = time.monotonic()
        for number in range(2_000):
            seen.client.operator_lease()
            seen.client.pose_lease(number, True)
        seen.client.stop()
        assert time.monotonic() - begun < 5
        assert len(seen.client._commands) == 0
    assert not process.is_running()
    assert seen.events[-1].expected
