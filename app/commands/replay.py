"""``coilpilot replay``: the tracker on a feed, without a window."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from app.commands.output import Failure, show_json, show_table
from app.session.errors import SessionError
from app.session.recorder import SessionRecorder
from app.session.store import SessionWriter
from tracking.feed import Feed, open_feed
from tracking.frames import FrameSourceError
from tracking.poses_file import PosesFile, PosesFileError
from tracking.replay import ReplaySummary, replay_feed
from tracking.tracker import TrackedFrames

OnTracked = Callable[[TrackedFrames], None]


def run_replay(
    feed: Path, *, session: Path | None, speed: str, poses: Path | None, as_json: bool
) -> int:
    """Run it and print the summary; exit status."""
    pace = _speed(speed)
    try:
        opened = open_feed(feed)
        with ExitStack() as stack:
            summary = replay_feed(opened, _receiver(stack, opened, session, pace, poses))
    except (FrameSourceError, PosesFileError, SessionError) as error:
        raise Failure(str(error)) from error
    (_show_summary_json if as_json else _show_summary)(summary)
    return 0


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
    stack: ExitStack, feed: Feed, session: Path | None, speed: float | None, poses: Path | None
) -> OnTracked:
    """Build what is done with each result; all that it opens is closed by `stack`."""
    receivers: list[OnTracked] = []
    first_ns = feed.start_ns
    if poses is not None:
        receivers.append(stack.enter_context(PosesFile(poses)).write)
    if session is not None:
        receivers.append(_record(stack, feed, session))
    if speed is not None:
        receivers.append(_pacer(time.monotonic_ns(), first_ns, speed))
    progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
    task = progress.add_task("Tracking", total=feed.duration_ns)
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


def _record(stack: ExitStack, feed: Feed, session: Path) -> OnTracked:
    """Record poses, with the feed's times moved so that the feed begins with the session."""
    failures: list[SessionError] = []
    writer = SessionWriter.create(session, {"feed": feed.description.name, "mode": "replay"})
    recorder = SessionRecorder(writer, on_failure=failures.append)
    stack.callback(recorder.close)
    shift_ns = time.monotonic_ns() - feed.start_ns

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


def _show_summary(summary: ReplaySummary) -> None:
    rows = [
        ("Frames", f"{summary.frames} in {summary.instants} instants, {summary.duration_s:.1f} s"),
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
    if errors is None:
        rows.append(("Error", "unknown: the feed has no truth.csv"))
    else:
        rows.append(
            (
                "Coil on head, error",
                f"median {errors.median_mm:.3f} mm, p95 {errors.p95_mm:.3f} mm; "
                f"median {errors.median_deg:.3f}°, p95 {errors.p95_deg:.3f}° "
                f"against the truth, {errors.count} instants",
            )
        )
    show_table(summary.name, rows)
