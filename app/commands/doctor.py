"""``coilpilot doctor``: this machine's checks as a table or JSON."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from app.commands.output import show_json
from app.doctor import Check, run_checks
from app.identity import RESEARCH_USE, program_version

_MARKS = {"ok": "[green]✓ ok[/]", "warning": "[yellow]! warning[/]", "failure": "[red]✗ failure[/]"}


def run_doctor(*, as_json: bool) -> int:
    """Check and print; exit status 1 if anything does not work."""
    checks = run_checks()
    failed = any(check.state == "failure" for check in checks)
    if as_json:
        show_json(
            {
                "program_version": program_version(),
                "healthy": not failed,
                "checks": [asdict(check) for check in checks],
            }
        )
    else:
        _show(checks)
    return 1 if failed else 0


def _show(checks: list[Check]) -> None:
    table = Table(title=f"Coilpilot {program_version()}", title_justify="left", box=None)
    table.add_column("")
    table.add_column("Check", style="bold")
    table.add_column("Found", overflow="fold")
    for check in checks:
        found = check.detail if not check.remedy else f"{check.detail}\n[bold]→ {check.remedy}[/]"
        table.add_row(_MARKS[check.state], check.name, found)
    console = Console()
    console.print(table)
    console.print(RESEARCH_USE, style="dim")
