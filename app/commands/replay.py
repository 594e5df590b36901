"""``coilpilot replay``: the tracker on a feed, or a recorded sequence of poses; no window."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from scipy.spatial.transform import RigidTransform

from app.commands.output import Failure, show_json, show_table
from app.commands.pose_names import address_from_words, names_from_words
from app.session.errors import SessionError
from app.session.recorder import SessionRecorder
from app.session.store import SessionWriter
from tracking.feed import open_feed
from tracking.frames import FrameSourceError
from tracking.igtl.server import PoseServer, PoseServerError
from tracking.plus_sequence import is_sequence, read_sequence
from tracking.poses_file import PosesFile, PosesFileError
from tracking.replay import ReplaySummary, replay_feed
from tracking.sequence_source import SequencePoses, replay_sequence
from tracking.tracker import TrackedFrames

OnTracked = Callable[[TrackedFrames], None]


@dataclass(frozen=True)
class ReplayTo:
    """Where the poses go besides the summary; None for what is not asked for.

    Attributes
    ----------
    session
        A new session file.
    poses
        A file of poses.
    igtl
        ``[HOST:]PORT`` from which they are sent over OpenIGTLink.
    """

    session: Path | None = None
    poses: Path | None = None
    igtl: str | None = None


@dataclass(frozen=True)
class _Recording:
    """What is replayed: a feed of images, or a sequence of poses."""

    name: str
    start_ns: int
    duration_ns: int
    coil_body_from_coil: RigidTransform | None
    has_truth: bool
    run: Callable[[OnTracked], ReplaySummary]


def run_replay(
    feed: Path, *, to: ReplayTo, speed: str, names: Sequence[str] | None, as_json: bool
) -> int:
    """Run it and print the summary; exit status."""
    pace = _speed(speed)
    try:
        recording = _open_sequence(feed, names) if is_sequence(feed) else _open_feed(feed, names)
        with ExitStack() as stack:
            summary = recording.run(_receiver(stack, recording, to, pace))
    except (FrameSourceError, PosesFileError, PoseServerError, SessionError) as error:
        raise Failure(str(error)) from error
    if as_json:
        _show_summary_json(summary)
    else:
        _show_summary(summary, has_truth=recording.has_truth)
    return 0


def _open_feed(path: Path, names: Sequence[str] | None) -> _Recording:
    if names:
        raise Failure(
            "--map is for recorded sequences of poses; a feed names its bodies.", status=2
        )
    feed = open_feed(path)
    coil = feed.description.coil_body_from_coil
    return _Recording(
        feed.description.name,
        feed.start_ns,
        feed.duration_ns,
        None if coil is None else coil.transform(),
        feed.truth_path is not None,
        lambda on_tracked: replay_feed(feed, on_tracked),
    )


def _open_sequence(path: Path, names: Sequence[str] | None) -> _Recording:
    sequence = read_sequence(path)
    poses = SequencePoses(sequence, names_from_words(names))
    return _Recording(
        sequence.name,
        sequence.start_ns,
        sequence.duration_ns,
        None,
        False,
        lambda on_tracked: replay_sequence(poses, on_tracked),
    )


def _speed(text: str) -> float | None:
    """Multiple of real speed; None for ``max``."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0):
        raise Failure(f"--speed {text!r} is neither a number above 0 nor 'max'.", status=2)
    return speed


def _receiver(
    stack: ExitStack, recording: _Recording, to: ReplayTo, speed: float | None
) -> OnTracked:
    """Build what is done with each result; all that it opens is closed by `stack`."""
    receivers: list[OnTracked] = []
    first_ns = recording.start_ns
    if to.poses is not None:
        receivers.append(stack.enter_context(PosesFile(to.poses)).write)
    if to.session is not None:
        receivers.append(_record(stack, recording, to.session))
    if speed is not None:
        receivers.append(_pacer(time.monotonic_ns(), first_ns, speed))
    if to.igtl is not None:
        receivers.append(_sender(stack, recording, to.igtl))
    progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
    task = progress.add_task("Tracking", total=recording.duration_ns)
    receivers.append(lambda tracked: progress.update(task, completed=tracked.time_ns - first_ns))

    def receive(tracked: TrackedFrames) -> None:
        for receiver in receivers:
            receiver(tracked)

    return receive


def _pacer(start_ns: int, first_ns: int, speed: float) -> OnTracked:
    def wait(tracked: TrackedFrames) -> None:
        due_ns = start_ns + (tracked.time_ns - first_ns) / speed
        time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))

    return wait


def _sender(stack: ExitStack, recording: _Recording, address: str) -> OnTracked:
    """Send poses, with the recording's times moved so that it begins now."""
    server = stack.enter_context(
        PoseServer(address_from_words(address), recording.coil_body_from_coil)
    )
    shift_ns = time.monotonic_ns() - recording.start_ns
    return lambda tracked: server.publish(tracked.poses, tracked.time_ns, shift_ns)


def _record(stack: ExitStack, recording: _Recording, session: Path) -> OnTracked:
    """Record poses, with the feed's times moved so that the feed begins with the session."""
    failures: list[SessionError] = []
    writer = SessionWriter.create(session, {"feed": recording.name, "mode": "replay"})
    recorder = SessionRecorder(writer, on_failure=failures.append)
    stack.callback(recorder.close)
    shift_ns = time.monotonic_ns() - recording.start_ns

    def record(tracked: TrackedFrames) -> None:
        if failures:
            raise failures[0]
        recorder.record_poses(
            replace(pose, time_ns=pose.time_ns + shift_ns) for pose in tracked.poses.values()
        )

    return record


def _show_summary_json(summary: ReplaySummary) -> None:
    show_json(
        {
            "feed": summary.name,
            "instants": summary.instants,
            "frames": summary.frames,
            "duration_s": summary.duration_s,
            "bodies": {name: asdict(body) for name, body in summary.bodies.items()},
            "processing_median_ms": summary.processing_median_ms,
            "processing_p95_ms": summary.processing_p95_ms,
            "coil_on_head_error": None if summary.errors is None else asdict(summary.errors),
        }
    )


def _show_summary(summary: ReplaySummary, *, has_truth: bool) -> None:
    rows = [("Instants", f"{summary.instants}, {summary.duration_s:.1f} s")]
    if summary.frames:
        rows = [
            (
                "Frames",
                f"{summary.frames} in {summary.instants} instants, {summary.duration_s:.1f} s",
            ),
            (
                "Processing",
                f"median {summary.processing_median_ms:.1f} ms, "
                f"p95 {summary.processing_p95_ms:.1f} ms per instant",
            ),
        ]
    for name, body in summary.bodies.items():
        residual = "" if body.median_rms_px is None else f", residual {body.median_rms_px:.3f} px"
        rows.append(
            (
                name,
                f"tracked {body.tracked}, predicted {body.predicted}, "
                f"ambiguous {body.ambiguous}, lost {body.lost}{residual}",
            )
        )
    errors = summary.errors
    if errors is None and summary.frames:
        rows.append(
            ("Error", "unknown: coil and head were never tracked together")
            if has_truth
            else ("Error", "unknown: there is no truth.csv")
        )
    elif errors is not None:
        rows.append(
            (
                "Coil on head, error",
                f"median {errors.median_mm:.3f} mm, p95 {errors.p95_mm:.3f} mm; "
                f"median {errors.median_deg:.3f}°, p95 {errors.p95_deg:.3f}° "
                f"against the truth, {errors.count} instants",
            )
        )
    show_table(summary.name, rows)
