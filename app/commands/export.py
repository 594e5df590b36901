"""``coilpilot export`` and ``coilpilot report``: a session in forms that others read."""

from __future__ import annotations

from pathlib import Path

from app.commands.output import Failure, show_json, show_table
from app.session.errors import SessionError
from app.session.export_csv import export_csv
from app.session.report_html import write_report


def run_export(session: Path, *, to: str, out: Path, as_json: bool) -> int:
    """Export and print what was written; exit status."""
    try:
        written = export_csv(session, out)
    except SessionError as error:
        raise Failure(str(error)) from error
    _show(f"Exported as {to}", written, as_json=as_json)
    return 0


def run_report(session: Path, *, out: Path | None, as_json: bool) -> int:
    """Write the report and print where; exit status."""
    try:
        written = write_report(session, session.with_suffix(".html") if out is None else out)
    except SessionError as error:
        raise Failure(str(error)) from error
    _show("Report", (written,), as_json=as_json)
    return 0


def _show(title: str, written: tuple[Path, ...], *, as_json: bool) -> None:
    if as_json:
        show_json({"files": [str(path) for path in written]})
    else:
        show_table(title, [(path.name, str(path)) for path in written])
