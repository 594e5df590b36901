"""The list of pulses, filled from several threads, and its verdicts."""

from __future__ import annotations

import threading

from app.navigate.guidance import compare
from app.navigate.pulse_poses import PulsePose
from app.session.pulse_log import PulseLog, PulseRow, Verdict
from tests.app.navigate.making_poses import SETUP, TARGET, transform


def row(pulse_id, outcome="fired", **changes):
    return PulseRow(
        pulse_id=pulse_id,
        number=0,
        time_ns=0,
        source="single",
        intensity=50,
        navigated=True,
        outcome=outcome,
        reason="",
        **changes,
    )


def pose(pulse_id, shift=0.0, found=True):
    if not found:
        return PulsePose(pulse_id, 0, SETUP, reason="lost")
    coil = TARGET.mri_from_target * transform((shift, 0, 0))
    return PulsePose(
        pulse_id, 0, SETUP, mri_from_coil=coil, guidance=compare(coil, TARGET.mri_from_target)
    )


def test_verdicts():
    log = PulseLog()
    for name, outcome, found in (
        ("hit", "fired", pose("hit")),
        ("miss", "fired", pose("miss", 5.0)),
        ("no pose", "fired", pose("no pose", found=False)),
        ("waiting", "fired", None),
        ("refused", "refused", None),
        ("unknown", "unknown", pose("unknown")),
    ):
        log.add(row(name, outcome))
        if found is not None:
            log.complete(found)
    assert [one.verdict for one in log.rows] == [
        Verdict.HIT,
        Verdict.MISS,
        Verdict.NO_POSE,
        Verdict.WAITING,
        Verdict.REFUSED,
        Verdict.UNKNOWN,
    ]
    assert [one.number for one in log.rows] == [1, 2, 3, 4, 5, 6]
    assert log.counts() == (4, 1, 1)


def test_a_pulse_that_was_not_recorded_says_just_that():
    log = PulseLog()
    log.add(row("a", recorded=False))
    log.complete(pose("a"))
    assert log.rows[0].verdict is Verdict.NOT_RECORDED


def test_the_pose_may_come_before_the_outcome():
    log = PulseLog()
    log.complete(pose("a"))
    log.add(row("a"))
    assert log.rows[0].verdict is Verdict.HIT


def test_the_rows_are_the_same_object_until_something_changes():
    log = PulseLog()
    log.add(row("a"))
    rows = log.rows
    assert log.rows is rows
    log.complete(pose("a"))
    assert log.rows is not rows


def test_two_threads_lose_nothing():
    log, count = PulseLog(), 500
    names = [str(number) for number in range(count)]
    threads = [
        threading.Thread(target=lambda: [log.add(row(name)) for name in names]),
        threading.Thread(target=lambda: [log.complete(pose(name)) for name in names]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.pulse_id for one in log.rows] == names
    assert all(one.verdict is Verdict.HIT for one in log.rows)
