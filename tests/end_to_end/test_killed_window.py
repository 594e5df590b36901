"""SIGKILL of the window while a train runs: standby within a second, nothing shown is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.session.chain import verify_chain
from app.session.reading import read_session

ROOT = Path(__file__).resolve().parents[2]
PULSES = 8
PATIENCE_S = 60


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is a POSIX signal")
def test_a_killed_window_leaves_the_stimulator_in_standby_and_every_shown_pulse_recorded(tmp_path):
    session, wire = tmp_path / "killed.session", tmp_path / "wire.log"
    window = subprocess.Popen(
        [sys.executable, "-m", "tests.end_to_end.armed_window", str(session), str(wire)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert window.stdout is not None
    try:
        stimulator = int(window.stdout.readline().removeprefix("pid "))
        shown = [window.stdout.readline().strip() for _ in range(PULSES)]
        assert all(shown), "the window ended before it had shown its pulses"
    finally:
        killed_ns = time.monotonic_ns()
        os.kill(window.pid, signal.SIGKILL)
        rest = window.stdout.read()
        window.wait()
        window.stdout.close()
    shown += rest.split()
    _wait_for_end_of(stimulator)
    lines = [line.split() for line in wire.read_text().splitlines()]
    said = [(int(words[0]), words[1]) for words in lines]
    assert said[-1][1] in ("disarm", "close")
    disarmed_ns = max(time_ns for time_ns, command in said if command == "disarm")
    assert (disarmed_ns - killed_ns) / 1e9 < 1.0
    assert all(time_ns < disarmed_ns for time_ns, command in said if command == "trigger")
    recorded = read_session(session)
    known = {
        pulse.intended.pulse_id: pulse.outcome.value for pulse in recorded.pulses if pulse.ended
    }
    assert set(shown) <= set(known)
    assert {known[pulse] for pulse in shown} == {"fired"}
    assert verify_chain(session).intact


def _wait_for_end_of(pid: int) -> None:
    try:
        psutil.Process(pid).wait(PATIENCE_S)
    except psutil.NoSuchProcess:
        return
