"""A 20 Hz train of 200 on the practice feed: every pulse recorded, with the right pose."""

from __future__ import annotations

import numpy as np

from app.practice.pulse_truth import pulse_errors
from app.session.chain import verify_chain
from app.session.reading import read_session
from tests.benchmarks.live_window import live_window
from tests.benchmarks.report import Figure, at_least, at_most
from tracking.truth import read_truth, summarise_errors

PULSES, HZ = 200, 20.0


def measure() -> list[Figure]:
    """Arm while the coil approaches, start the train when the coil is on target."""
    with live_window() as live:
        live.run_until(lambda: live.rig.navigator.newest is not None, 10)
        live.arm()
        resting = live.run_until(live.on_target, 30) and live.run_until(
            lambda: live.rig.stimulator_reading(live.now_ns()).permitted, 10
        )
        assert resting, "the coil never came to rest on the target"
        live.run(0.5)
        live.rig.stimulator.start_train(HZ, PULSES)
        live.run_until(lambda: len(live.rig.pulse_log.rows) >= PULSES, PULSES / HZ + 5)
        live.run(1.0)
        rows = live.rig.pulse_log.rows
        session = read_session(live.rig.session_path)
        chain = verify_chain(live.rig.session_path)
        truth_path = live.practice.feed.truth_path
        assert truth_path is not None
        poses = [row.pose for row in rows if row.pose is not None]
        errors = summarise_errors(
            pulse_errors(poses, read_truth(truth_path), live.practice.playback)
        )
    recorded = sum(p.outcome.value == "fired" and p.pose is not None for p in session.pulses)
    sent = np.array([p.time_ns for p in session.pulses if p.outcome.value == "fired"]) / 1e6
    assert errors is not None
    assert chain.intact
    conditions = f"{PULSES} pulses at {HZ:g} Hz, practice feed at real speed"
    jitter = float(np.abs(np.diff(sent) - 1000 / HZ).max()) if len(sent) > 1 else float("nan")
    return [
        at_least(
            "pulses of the train recorded with outcome and pose", recorded, PULSES, "", conditions
        ),
        at_most(
            "pose at the pulse, error median", errors.median_mm, 1.0, "mm", "against truth.csv"
        ),
        Figure("pose at the pulse, error p95", errors.p95_mm, "mm", conditions="against truth.csv"),
        Figure("pose at the pulse, rotation error median", errors.median_deg, "°"),
        Figure(
            "largest deviation of an interval between pulses", jitter, "ms", conditions="host-timed"
        ),
    ]
