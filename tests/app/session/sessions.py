"""Sessions to test with: short ones whose content is known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from app.session.events import (
    Calibration,
    GuidanceErrors,
    Lease,
    Outcome,
    Poses,
    PulseIntended,
    PulseOutcome,
    PulsePose,
    Registration,
    TargetChosen,
)
from app.session.store import SessionWriter
from app.session.transforms import rigid_pose

MRI_FROM_COIL = RigidTransform.from_components(
    np.array([-41.25, -18.5, 77.75]), Rotation.from_rotvec([0.3, -2.1, 0.7])
)
TARGET = TargetChosen(
    target_id="m1-hand-left",
    name="M1 hand left",
    mri_from_target=rigid_pose(MRI_FROM_COIL),
    cortex_point=(-38.0, -16.0, 60.0),
)


def record_pulse(
    writer: SessionWriter,
    pulse_id: str,
    *,
    outcome: Outcome | None = Outcome.FIRED,
    distance: float | None = 1.0,
    hit: bool | None = True,
    reason: str | None = None,
) -> None:
    """Write the rows of one pulse; no outcome if `outcome` is None, no pose without distance."""
    intended = PulseIntended(
        pulse_id=pulse_id,
        source="train",
        train_id="t1",
        intensity=55.0,
        navigated=True,
        lease=Lease(pose_time_ns=1, age_ms=12.0),
        target_id=TARGET.target_id,
    )
    writer.append("pulse_intended", intended.body())
    if outcome is None:
        return
    ended = PulseOutcome(pulse_id=pulse_id, outcome=outcome, reason=reason)
    seq = writer.append("pulse_outcome", ended.body())
    if outcome is not Outcome.FIRED:
        return
    pose = PulsePose(
        pulse_id=pulse_id,
        time_ns=seq,
        state="lost" if distance is None else "tracked",
        mri_from_coil=None if distance is None else rigid_pose(MRI_FROM_COIL),
        age_ms=8.5,
        rms_px=0.07,
        sigma_mm=0.1,
        sigma_deg=0.05,
        errors=None
        if distance is None
        else GuidanceErrors(
            distance_to_target=distance,
            target_error=distance / 2,
            angular_error=1.5,
            twist_error=-2.5,
        ),
        hit=hit,
    )
    writer.append("pulse_pose", pose.body())


def write_session(path: Path, subject: str = "S01") -> Path:
    """Write a closed session: 4 fired (2 hits, 1 miss, 1 lost), 1 refused, 1 without outcome."""
    writer = SessionWriter.create(path, {"subject": subject})
    identity = rigid_pose(RigidTransform.identity())
    writer.append("registration", Registration(mri_from_head=identity, rms=1.2).body())
    writer.append("calibration", Calibration(coil_body_from_coil=identity).body())
    writer.append("target_chosen", TARGET.body())
    row = (5, "head", "tracked", (1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.0), 0.05, 0.1, 0.02)
    lost = (6, "coil_body", "lost", None, None, None, None)
    writer.append("poses", Poses(rows=(row, lost)).body())
    record_pulse(writer, "p1", distance=1.0)
    record_pulse(writer, "p2", distance=2.0)
    record_pulse(writer, "p3", distance=4.0, hit=False)
    record_pulse(writer, "p4", distance=None, hit=None)
    record_pulse(writer, "p5", outcome=Outcome.REFUSED, reason="Pose lease ran out")
    record_pulse(writer, "p6", outcome=None)
    writer.append("session_closed", {"reason": "done"})
    writer.close()
    return path


WRITE_FOR_EVER = """
import sys
from pathlib import Path
from app.session.store import SessionWriter
writer = SessionWriter.attach(Path(sys.argv[1]))
count = 0
while True:
    count += 1
    seq = writer.append("note", {"writer": sys.argv[2], "count": count})
    print(seq, count, flush=True)
"""
"""A program that acknowledges each row on its standard output."""


@contextmanager
def started_writer(path: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that writes rows to `path` until it is killed, at the latest at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(path), name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged_row(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Wait for the process's next row: its seq and its count."""
    assert process.stdout is not None
    seq, count = process.stdout.readline().split()
    return int(seq), int(count)
