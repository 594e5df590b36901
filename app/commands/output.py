"""What commands print: short tables for people, JSON for programs, one sentence on failure."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


class Failure(Exception):
    """Ends a command with a sentence and an exit status.

    Attributes
    ----------
    status
        1 for a failure of the work, 2 for wrong use.
    """

    def __init__(self, sentence: str, *, status: int = 1) -> None:
        super().__init__(sentence)
        self.status = status


def show_failure(failure: Failure) -> int:
    """Print the sentence on the error stream and give the exit status."""
    print(f"coilpilot: {failure}", file=sys.stderr)  # noqa: T201
    return failure.status


def show_json(values: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print `values` as one JSON document."""
    print(json.dumps(values, indent=1, allow_nan=False))  # noqa: T201


def show_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    Console().print(table)
