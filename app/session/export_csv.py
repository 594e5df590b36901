"""Exports a session as comma-separated tables that any spreadsheet or script reads.

In: a session file. Out: a folder with ``pulses.csv``, ``poses.csv``, ``targets.csv``,
``events.csv`` and ``session.json``, which says what the columns mean. UTF-8, decimal points,
units in the column names; an empty cell is a value that is not known.
"""

from __future__ import annotations

import csv
import json
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from app.session.chain import verify_chain
from app.session.errors import SessionError, from_os
from app.session.events import GuidanceErrors, PulsePose, RigidPose
from app.session.reading import Pulse, Session, read_session
from app.session.summary import hit, summarise
from app.session.transforms import rigid_transform

Cell: TypeAlias = str | float | bool | None

_POSE = ("x_mm", "y_mm", "z_mm", "qx", "qy", "qz", "qw")
_MATRIX = tuple(f"matsimnibs_{row}{column}" for row in range(3) for column in range(4))
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

COLUMNS: dict[str, dict[str, str]] = {
    "pulses.csv": {
        "pulse": "number of the pulse in this session, from 1",
        "pulse_id": "its name in the session file",
        "train_id": "the train that it belongs to",
        "number_in_train": "from 1",
        "source": "single, train or on_target",
        "utc": "UTC time of the trigger (of the intent if no trigger time is known)",
        "time_ns": "the same moment on the recording machine's monotonic clock",
        "seconds": "the same moment since the session was opened",
        "outcome": "fired, refused or unknown (sent, but nobody can say whether it went off)",
        "reason": "why it was refused, or why there is no pose",
        "intensity_pct_mso": "stimulator output, % of its maximum",
        "navigated": "whether a pose inside tolerance was needed to permit it",
        "target_id": "the target at that time",
        "target_name": "its name",
        **{f"coil_{name}": "mri_from_coil at the pulse: translation, quaternion" for name in _POSE},
        **dict.fromkeys(_MATRIX, "the same as the matrix matsimnibs, row and column from 0"),
        "dist_to_target_mm": "distance of the two origins",
        "target_error_mm": "distance from the target to the line through the coil along its z",
        "angular_error_deg": "angle between the two z axes",
        "twist_error_deg": "angle of the target's y axis projected on the coil's xy plane",
        "scalp_distance_mm": "from the coil's face to the scalp along the coil's z",
        "state": "how the pose came about, or why there is none",
        "pose_age_ms": "from the last image before the pulse to the pulse",
        "rms_px": "reprojection residual; not an accuracy",
        "sigma_mm": "tracking noise of the coil's position; not an accuracy",
        "sigma_deg": "tracking noise of the coil's direction; not an accuracy",
        "hit": "1 within tolerance, 0 not, empty if that cannot be known",
    },
    "poses.csv": {
        "utc": "UTC time of capture",
        "time_ns": "the same moment on the recording machine's monotonic clock",
        "seconds": "the same moment since the session was opened",
        "body": "marker body",
        "state": "tracked, predicted, ambiguous or lost",
        **dict.fromkeys(_POSE, "pose of the body in world: translation, quaternion"),
        "rms_px": "reprojection residual; not an accuracy",
        "sigma_mm": "tracking noise of the position; not an accuracy",
        "sigma_deg": "tracking noise of the rotation; not an accuracy",
    },
    "targets.csv": {
        "target_id": "stable name",
        "target_name": "name as read by the operator",
        "version": "raised with each change",
        **dict.fromkeys(_POSE, "mri_from_target: translation, quaternion"),
        **dict.fromkeys(_MATRIX, "the same as the matrix matsimnibs, row and column from 0"),
        **{f"cortex_{axis}_mm": "the point on the cortex that is meant, in mri" for axis in "xyz"},
    },
    "events.csv": {
        "seq": "number of the row in the session file",
        "utc": "UTC time",
        "time_ns": "the same moment on the recording machine's monotonic clock",
        "seconds": "the same moment since the session was opened",
        "kind": "kind of event",
        "body": "what was recorded, JSON",
    },
}


def export_csv(session_path: Path, out_dir: Path) -> tuple[Path, ...]:
    """Write the tables of a session into the new (or empty) folder `out_dir`; returns the files.

    Raises
    ------
    SessionError
        If the session cannot be read or the folder cannot be written. Nothing half-written is
        left.
    """
    session = read_session(session_path)
    out_dir = Path(out_dir).absolute()
    rows: dict[str, Callable[[Session], Iterable[Sequence[Cell]]]] = {
        "pulses.csv": _pulses,
        "poses.csv": _poses,
        "targets.csv": _targets,
        "events.csv": _events,
    }
    try:
        _check_out(out_dir)
        partial = out_dir.with_name(f".{out_dir.name}.{uuid.uuid4().hex[:8]}.partial")
        partial.mkdir()
        try:
            for name, make in rows.items():
                _write_table(partial / name, tuple(COLUMNS[name]), make(session))
            description = json.dumps(_description(session), indent=1, ensure_ascii=False)
            (partial / "session.json").write_text(description + "\n", encoding="utf-8")
            if out_dir.exists():
                out_dir.rmdir()
            partial.rename(out_dir)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise from_os(out_dir, error) from error
    return tuple(out_dir / name for name in (*rows, "session.json"))


def _check_out(out_dir: Path) -> None:
    if not out_dir.parent.is_dir():
        raise SessionError(
            f"The folder {out_dir.parent} is not there.", "Create it or choose another folder."
        )
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise SessionError(
            f"{out_dir} is not an empty folder.", "Choose a new one: an export replaces nothing."
        )


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_text(cell) for cell in row])


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, str):
        # A spreadsheet would run a text that begins like this as a formula.
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return repr(cell)


def _when(session: Session, time_ns: int) -> tuple[Cell, Cell, Cell]:
    utc = session.utc(time_ns).isoformat(timespec="microseconds")
    return utc, time_ns, round((time_ns - session.start_ns) / 1e9, 6)


def _components(pose: RigidPose | None) -> tuple[Cell, ...]:
    if pose is None:
        return (None,) * len(_POSE)
    return (*pose.translation, *pose.quaternion)


def _matrix(pose: RigidPose | None) -> tuple[Cell, ...]:
    if pose is None:
        return (None,) * len(_MATRIX)
    matrix = rigid_transform(pose).as_matrix()[:3]
    return tuple(round(float(value), 9) for value in matrix.ravel())


def _pulses(session: Session) -> Iterable[Sequence[Cell]]:
    for pulse in session.pulses:
        intended, pose = pulse.intended, pulse.pose
        coil = None if pose is None else pose.mri_from_coil
        yield (
            pulse.number,
            intended.pulse_id,
            intended.train_id,
            intended.number,
            intended.source,
            *_when(session, pulse.time_ns),
            pulse.outcome.value,
            _reason(pulse),
            intended.intensity,
            intended.navigated,
            intended.target_id,
            None if pulse.target is None else pulse.target.name,
            *_components(coil),
            *_matrix(coil),
            *_errors(pose),
            *_quality(pose),
            hit(pulse),
        )


def _reason(pulse: Pulse) -> Cell:
    reasons = [part.reason for part in (pulse.ended, pulse.pose) if part and part.reason]
    return "; ".join(reasons) or None


def _errors(pose: PulsePose | None) -> tuple[Cell, ...]:
    errors = GuidanceErrors() if pose is None or pose.errors is None else pose.errors
    return (
        errors.distance_to_target,
        errors.target_error,
        errors.angular_error,
        errors.twist_error,
        errors.scalp_distance,
    )


def _quality(pose: PulsePose | None) -> tuple[Cell, ...]:
    if pose is None:
        return (None,) * 5
    return pose.state, pose.age_ms, pose.rms_px, pose.sigma_mm, pose.sigma_deg


def _poses(session: Session) -> Iterable[Sequence[Cell]]:
    for time_ns, body, state, pose, rms_px, sigma_mm, sigma_deg in session.poses:
        components = pose or (None,) * len(_POSE)
        yield *_when(session, time_ns), body, state, *components, rms_px, sigma_mm, sigma_deg


def _targets(session: Session) -> Iterable[Sequence[Cell]]:
    for target in session.targets:
        pose = target.mri_from_target
        cortex = target.cortex_point or (None,) * 3
        yield (
            target.target_id,
            target.name,
            target.version,
            *_components(pose),
            *_matrix(pose),
            *cortex,
        )


def _events(session: Session) -> Iterable[Sequence[Cell]]:
    for event in session.events:
        body = json.dumps(event.body, sort_keys=True, ensure_ascii=False)
        time_ns = event.time_ns
        yield event.seq, *_when(session, time_ns), event.kind, body


def _description(session: Session) -> dict[str, Any]:
    chain = verify_chain(session.path)
    return {
        "notice": "Research use only. Residuals and noise are not accuracy.",
        "opened": session.opened.body(),
        "closed": None if session.closed is None else session.closed.body(),
        "summary": asdict(summarise(session)),
        "chain": asdict(chain),
        "not_understood": session.faults,
        "registrations": [registration.body() for registration in session.registrations],
        "calibrations": [calibration.body() for calibration in session.calibrations],
        "columns": COLUMNS,
        "empty_cell": "a value that is not known",
        "apostrophe": "put before a text that a spreadsheet would take for a formula",
    }
