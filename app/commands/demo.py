"""``coilpilot demo --offscreen``: the demo through the real window, without a display.

Writes screenshots, the session file, ``summary.json`` and ``report.html`` into one folder.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from app.commands.output import Failure, show_json, show_table
from app.commands.window import open_practice, open_rig
from app.identity import RESEARCH_USE
from app.practice.equipment import Practice
from app.practice.pulse_truth import pulse_errors
from app.rig import Rig
from app.session.reading import read_session
from app.session.report_html import write_report
from app.session.summary import summarise
from tracking.truth import read_truth, summarise_errors

SIZE = (1440, 900)


def run_demo(*, feed: Path | None, head: Path | None, out: Path | None, as_json: bool) -> int:
    """Run the demo and print its summary; exit status."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    folder = _folder(out)
    opened = open_practice(feed, head, speed=None, loop=False)
    rig = open_rig(opened, folder)
    if not as_json:
        print(f"The demo runs offscreen and writes to {folder}.", file=sys.stderr)  # noqa: T201
    screenshots, latency_p95_ms = _work_the_window(rig, folder)
    summary = _summary(opened, rig, latency_p95_ms)
    report = write_report(rig.session_path, folder / "report.html", screenshots)
    files = [*screenshots, rig.session_path, report, folder / "summary.json"]
    summary["files"] = [str(path) for path in files]
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    if as_json:
        show_json(summary)
    else:
        _show(summary, folder)
    return 0


def _folder(out: Path | None) -> Path:
    name = f"coilpilot-demo-{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S}"
    folder = Path.cwd() / name if out is None else out.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            f"The folder {folder} cannot be made ({error.strerror}). Choose another with --out."
        ) from error
    return folder


def _work_the_window(rig: Rig, folder: Path) -> tuple[list[Path], float | None]:
    from app.practice.script import ScriptedOperator
    from app.widgets.application import open_application
    from app.window import Window

    application = open_application()
    window = Window(rig)
    window.resize(*SIZE)
    window.show()
    operator = ScriptedOperator(window, rig, folder, application.quit)
    rig.start()
    application.exec()
    latency = window.latency.percentile_ms(95)
    window.close()
    return operator.save_screenshots(), latency


def _summary(opened: Practice, rig: Rig, latency_p95_ms: float | None) -> dict[str, Any]:
    recorded = summarise(read_session(rig.session_path))
    counters = rig.counters
    summary: dict[str, Any] = {
        "pulses": recorded.fired,
        "hits": recorded.hits,
        "misses": recorded.misses,
        "refused": recorded.refused,
        "unknown": recorded.unknown,
        "error_median_mm": None,
        "error_p95_mm": None,
        "error_median_deg": None,
        "error_p95_deg": None,
        "distance_to_target_median_mm": recorded.error_median_mm,
        "distance_to_target_p95_mm": recorded.error_p95_mm,
        "latency_p95_ms": latency_p95_ms,
        "frames": counters.processed,
        "frames_dropped": counters.dropped,
    }
    truth_path = opened.feed.truth_path
    if truth_path is not None:
        poses = [row.pose for row in rig.pulse_log.rows if row.pose is not None]
        errors = summarise_errors(pulse_errors(poses, read_truth(truth_path), opened.playback))
        if errors is not None:
            summary["error_median_mm"] = errors.median_mm
            summary["error_p95_mm"] = errors.p95_mm
            summary["error_median_deg"] = errors.median_deg
            summary["error_p95_deg"] = errors.p95_deg
    return summary


def _show(summary: dict[str, Any], folder: Path) -> None:
    rows = [
        (
            "Pulses",
            f"{summary['pulses']} fired, {summary['hits']} hits, {summary['misses']} missed",
        ),
        ("Refused, unknown", f"{summary['refused']}, {summary['unknown']}"),
        ("Pose at the pulses", _numbers(summary, "error", "against the feed's truth")),
        ("Coil at the pulses", _numbers(summary, "distance_to_target", "from the target")),
        ("Capture to picture", f"p95 {_number(summary['latency_p95_ms'], 0)} ms"),
        ("Frames", f"{summary['frames']} tracked, {summary['frames_dropped']} dropped"),
        ("Written to", str(folder)),
    ]
    show_table(f"Demo. {RESEARCH_USE}", rows)


def _numbers(summary: dict[str, Any], name: str, words: str) -> str:
    median, p95 = summary[f"{name}_median_mm"], summary[f"{name}_p95_mm"]
    if median is None:
        return "unknown"
    return f"median {_number(median, 2)} mm, p95 {_number(p95, 2)} mm {words}"


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"
