"""Writes a session's report: one HTML page with everything in it, to read or to print.

In: a session file and screenshots. Out: one file that needs nothing beside it.
"""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

from app.session.chain import ChainReport, verify_chain
from app.session.errors import SessionError, from_os
from app.session.events import GuidanceErrors
from app.session.reading import Pulse, Session, read_session
from app.session.summary import SessionSummary, hit, summarise

_IMAGES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}

_STYLE = """
:root { color: #1b1f24; background: #fff; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
.use { border: 2px solid #1b1f24; padding: .4rem .8rem; font-weight: 600; margin: 1rem 0; }
.quiet { color: #57606a; } .warning { border-left: 4px solid #b35900; padding-left: .8rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #d8dee4; text-align: left; }
th { font-weight: 600; } td.n, th.n { text-align: right; }
table.facts { width: auto; } thead { display: table-header-group; }
figure { margin: 1rem 0; } img { max-width: 100%; border: 1px solid #d8dee4; }
code { font-size: .85em; overflow-wrap: anywhere; }
@page { margin: 15mm; }
@media print { body { margin: 0; max-width: none; padding: 0; font-size: 10.5pt; }
  tr, figure { break-inside: avoid; } h2 { break-after: avoid; } }
"""

_PULSE_HEADINGS = (
    "Pulse",
    "Time, s",
    "Outcome",
    "Hit",
    "Output, %MSO",
    "Distance to target, mm",
    "Target error, mm",
    "Angular error, °",
    "Twist error, °",
    "Pose age, ms",
    "Remark",
)
_TEXT_COLUMNS = {"Outcome", "Hit", "Remark"}


def write_report(session_path: Path, out_file: Path, screenshots: Sequence[Path] = ()) -> Path:
    """Write the report of a session to `out_file`, replacing an older one; returns `out_file`.

    Parameters
    ----------
    session_path
        The session file.
    out_file
        Where the page goes; its folder must be there.
    screenshots
        PNG or JPEG files to embed.

    Raises
    ------
    SessionError
        If the session or a screenshot cannot be read or the page cannot be written. Nothing
        half-written is left.
    """
    page = report_page(read_session(session_path), verify_chain(session_path), screenshots)
    out_file = Path(out_file)
    partial = out_file.with_name(f".{out_file.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.write_text(page, encoding="utf-8")
        os.replace(partial, out_file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise from_os(out_file, error) from error
    return out_file


def report_page(session: Session, chain: ChainReport, screenshots: Sequence[Path] = ()) -> str:
    """Make the page; see :func:`write_report`."""
    title = f"TMS session of {session.utc(session.start_ns):%Y-%m-%d %H:%M} UTC"
    sections = (
        f"<h1>{escape(title)}</h1>",
        '<p class="use">RESEARCH USE ONLY &ndash; not a medical device</p>',
        _facts(_about(session)),
        "<h2>Summary</h2>",
        _facts(_figures(summarise(session))),
        '<p class="quiet">Distances compare the coil as tracked with the target. '
        "Residuals are not accuracy, and neither is tracking noise.</p>",
        _figures_of(screenshots),
        "<h2>Pulses</h2>",
        _pulse_table(session),
        "<h2>Is the record intact?</h2>",
        _verdict(session, chain),
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )


def _about(session: Session) -> list[tuple[str, str]]:
    opened = session.opened
    targets = list(dict.fromkeys(target.name for target in session.targets))
    return [
        ("Subject", opened.subject or "not stated"),
        ("Target", ", ".join(targets) or "none chosen"),
        ("Session", opened.session_id),
        ("File", session.path.name),
        ("Recorded with", f"Coilpilot {opened.program_version}"),
    ]


def _figures(summary: SessionSummary) -> list[tuple[str, str]]:
    return [
        ("Pulses intended", str(summary.pulses)),
        ("Fired", str(summary.fired)),
        ("Hits", str(summary.hits)),
        ("Misses", str(summary.misses)),
        ("Fired, cannot be judged", str(summary.unjudged)),
        ("Fired without navigation", str(summary.not_navigated)),
        ("Refused", str(summary.refused)),
        ("Outcome unknown", str(summary.unknown)),
        ("Distance to target, median", _number(summary.error_median_mm, 2, " mm")),
        ("Distance to target, 95th percentile", _number(summary.error_p95_mm, 2, " mm")),
        ("Angular error, median", _number(summary.tilt_median_deg, 1, "°")),
        ("Twist error, median size", _number(summary.twist_median_deg, 1, "°")),
        ("Duration", f"{summary.duration_s / 60:.1f} min"),
    ]


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    cells = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table class="facts">\n{cells}\n</table>'


def _pulse_table(session: Session) -> str:
    if not session.pulses:
        return "<p>No pulse was intended.</p>"
    heads = "".join(f"<th{_class(name)}>{escape(name)}</th>" for name in _PULSE_HEADINGS)
    rows = "\n".join(_pulse_row(session, pulse) for pulse in session.pulses)
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _class(heading: str) -> str:
    return "" if heading in _TEXT_COLUMNS else ' class="n"'


def _pulse_row(session: Session, pulse: Pulse) -> str:
    pose = pulse.pose
    errors = GuidanceErrors() if pose is None or pose.errors is None else pose.errors
    remarks = [part.reason for part in (pulse.ended, pose) if part and part.reason]
    if not pulse.intended.navigated:
        remarks.insert(0, "not navigated")
    cells = (
        str(pulse.number),
        f"{(pulse.time_ns - session.start_ns) / 1e9:.3f}",
        pulse.outcome.value,
        {True: "hit", False: "miss", None: "–"}[hit(pulse)],
        _number(pulse.intended.intensity, 0),
        _number(errors.distance_to_target, 2),
        _number(errors.target_error, 2),
        _number(errors.angular_error, 1),
        _number(errors.twist_error, 1),
        _number(None if pose is None else pose.age_ms, 0),
        "; ".join(remarks),
    )
    return (
        "<tr>"
        + "".join(
            f"<td{_class(heading)}>{escape(cell)}</td>"
            for heading, cell in zip(_PULSE_HEADINGS, cells, strict=True)
        )
        + "</tr>"
    )


def _number(value: float | None, decimals: int, unit: str = "") -> str:
    return "–" if value is None else f"{value:.{decimals}f}{unit}"


def _verdict(session: Session, chain: ChainReport) -> str:
    if chain.intact:
        verdict = (
            f"<p>Yes: all {chain.events} events are as they were written. Hash of the last one: "
            f"<code>{escape(chain.last_hash)}</code></p>"
        )
    else:
        verdict = (
            f'<p class="warning"><strong>No.</strong> {escape(chain.fault)} '
            f"The {chain.events} events before it are as they were written.</p>"
        )
    if session.closed is None:
        verdict += '<p class="warning">The session was not closed in order.</p>'
    faults = "".join(f"<li>{escape(fault)}</li>" for fault in session.faults)
    return verdict + (f'<ul class="warning">{faults}</ul>' if faults else "")


def _figures_of(screenshots: Sequence[Path]) -> str:
    return "\n".join(_figure(Path(path)) for path in screenshots)


def _figure(path: Path) -> str:
    kind = _IMAGES.get(path.suffix.lower())
    if kind is None:
        raise SessionError(f"{path} is no PNG or JPEG picture.", "Give such a file.")
    try:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError as error:
        raise from_os(path, error) from error
    name = escape(path.stem.replace("_", " ").replace("-", " "))
    return (
        f'<figure><img src="data:{kind};base64,{data}" alt="{name}">'
        f'<figcaption class="quiet">{name}</figcaption></figure>'
    )
