"""The real process, through real pipes; what counts is what reached the device and the file."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.session.store import SessionWriter
from app.stimulate.client import ProcessEnded, process_command
from app.stimulate.messages import (
    Arm,
    Connect,
    OpenSession,
    RenewOperatorLease,
    SetIntensity,
    Shutdown,
    StartTrain,
    WaivePoseLease,
    encode_command,
)
from tests.app.stimulate.windows import wait_until, window

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
        seen.client.start_train(20.0, 40)
        wait_until(lambda: len(seen.pulses) >= 40)
        assert [pulse.outcome for pulse in seen.pulses] == ["fired"] * 40
        assert all(pulse.recorded for pulse in seen.pulses)
        triggers = seen.wire("trigger")
    assert len(triggers) == 40
    late_ms = [(t - triggers[0]) / 1e6 - 50 * index for index, t in enumerate(triggers)]
    assert min(late_ms) > -1, "never early"
    assert sorted(late_ms)[20] < 10, "no drift"
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
        # 20 ms for the lease that may just be on its way, the rest for a busy machine.
        assert max(seen.wire("trigger")) - silent < 100e6 + 20e6 + 50e6
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


def start_process(folder: Path) -> tuple[subprocess.Popen, Path, Path]:
    """A process told to connect and to work without navigation, not armed yet."""
    session, wire_log = folder / "test.session", folder / "wire.log"
    SessionWriter.create(session, {}).close()
    process = subprocess.Popen(
        process_command(["--wire-log", str(wire_log)]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        bufsize=0,
    )
    for command in (
        OpenSession(path=str(session)),
        Connect(driver="simulated"),
        SetIntensity(percent=50),
        WaivePoseLease(waived=True),
        RenewOperatorLease(given_ns=time.monotonic_ns()),
    ):
        process.stdin.write(encode_command(command))
    return process, session, wire_log


def test_when_stdin_ends_in_a_train_it_disarms_and_leaves(tmp_path):
    process, session, wire_log = start_process(tmp_path)
    with process:
        sent = 0
        while not (wire_log.exists() and wire_log.read_text().count("trigger") >= 3):
            process.stdin.write(encode_command(RenewOperatorLease(given_ns=time.monotonic_ns())))
            if sent == 0 and b'"operator_lease_left_ms":4' in process.stdout.read(65_536):
                process.stdin.write(encode_command(Arm()))
                sent = 1
            elif sent == 1 and b'"state":"ready"' in process.stdout.read(65_536):
                train = StartTrain(request_id="a", frequency_hz=20.0, pulses_per_train=200)
                process.stdin.write(encode_command(train))
                sent = 2
        process.stdin.close()
        process.stdout.read()
        assert process.wait(10) == 0
    lines = wire_log.read_text().split("\n")
    last_trigger = max(i for i, line in enumerate(lines) if line.endswith("trigger"))
    assert any(line.endswith("disarm") for line in lines[last_trigger:])
    intended = [body["pulse_id"] for kind, body, _ in rows(session) if kind == "pulse_intended"]
    ended = [body["pulse_id"] for kind, body, _ in rows(session) if kind == "pulse_outcome"]
    assert intended == ended


def has_ended(process: psutil.Process) -> bool:
    """Also when nobody is left to collect its exit status."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


PARENT = """
import sys, time
from pathlib import Path
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


def test_it_survives_nonsense_and_still_answers(tmp_path):
    chance = random.Random(7)
    process = subprocess.Popen(
        process_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0
    )
    with process:
        nonsense = [
            chance.randbytes(chance.randint(0, 300)).replace(b"\n", b" ") for _ in range(200)
        ]
        nonsense += [
            b"{" * 70_000,
            b'{"type": "fire"}',
            b'{"type":"open_session","path":"\\u0000"}',
        ]
        process.stdin.write(b"\n".join(nonsense) + b"\n")
        process.stdin.write(encode_command(Connect(driver="simulated")))
        process.stdin.write(encode_command(Connect(driver="nothing")))
        output = b""
        while b"There is no stimulator called" not in output:
            output += process.stdout.read(65_536)
        process.stdin.write(encode_command(Shutdown()))
        output += process.stdout.read()
        assert process.wait(10) == 0
    events = [json.loads(line) for line in output.splitlines()]
    assert any("too long" in event.get("sentence", "") for event in events)
    assert any(event.get("device") == "Simulated stimulator" for event in events)


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
        for number in range(20_000):
            seen.client.operator_lease()
            seen.client.pose_lease(number, True)
        seen.client.stop()
        assert time.monotonic() - begun < 5
        assert len(seen.client._commands) == 0
    assert not process.is_running()
    assert seen.events[-1].expected
