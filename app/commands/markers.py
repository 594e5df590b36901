"""``coilpilot markers``: printable marker sheets, and the body files that match them."""

from __future__ import annotations

from pathlib import Path

from app.commands.output import Failure, show_json, show_table
from app.identity import RESEARCH_USE
from tracking.sheets.catalogue import KINDS, SheetOptions, make_sheets
from tracking.sheets.files import body_files, files_folder, sheet_files, write_files
from tracking.sheets.printed import PrintScale
from tracking.sheets.sheet import Sheet, SheetError

PRINT = (
    "Print at 100 % (“actual size”), measure both rulers of every page, and follow the steps on it."
)
STRETCHED = "If a ruler is not 100.0 mm: the same command with --measured-scale X,Y."
CALIBRATE = "Then: coilpilot calibrate cameras, bodies, pointer, coil."


def run_markers(
    pdf: Path,
    *,
    kinds: str | None,
    options: SheetOptions,
    measured_scale: str | None,
    force: bool,
    as_json: bool,
) -> int:
    """Write the sheets or, with a measured scale, the body files of what was printed."""
    scale = None if measured_scale is None else _scale(measured_scale)
    try:
        folder = files_folder(pdf)
        sheets = make_sheets(_kinds(kinds), options)
        # A print that was measured exists: its page must not change under it.
        files = sheet_files(pdf, sheets) if scale is None else body_files(folder, sheets, scale)
    except SheetError as error:
        raise Failure(str(error), status=2) from error
    try:
        write_files(files, replace=force)
    except SheetError as error:
        raise Failure(str(error)) from error
    next_steps = [PRINT, STRETCHED, CALIBRATE] if scale is None else [CALIBRATE]
    if as_json:
        show_json(_summary(sheets, list(files), scale or PrintScale(), next_steps))
    else:
        rows = [(sheet.title, _described(sheet)) for sheet in sheets]
        rows += [("Written" if row == 0 else "", str(path)) for row, path in enumerate(files)]
        rows += [("Next" if row == 0 else "", step) for row, step in enumerate(next_steps)]
        show_table(f"Marker sheets. {RESEARCH_USE}", rows)
    return 0


def _kinds(text: str | None) -> list[str]:
    if text is None:
        return list(KINDS)
    return [word.strip() for word in text.split(",")]


def _scale(text: str) -> PrintScale:
    """``99.4`` or ``99.4,99.8``: what the rulers along x and y measured."""
    words = text.split(",")
    try:
        numbers = [float(word) for word in words]
        if len(numbers) > 2:
            raise ValueError(text)
    except ValueError as error:
        raise Failure(
            f"--measured-scale '{text}' is no scale. Give what the rulers along x and y measured "
            "in mm, like 99.4,99.8.",
            status=2,
        ) from error
    try:
        return PrintScale(numbers[0], numbers[-1])
    except SheetError as error:
        raise Failure(str(error), status=2) from error


def _described(sheet: Sheet) -> str:
    if sheet.board is not None:
        return sheet.board.board.described
    tags = [tag.tag for tag in sheet.drawing.tags]
    return f"tags {min(tags)} to {max(tags)} of {sheet.family}"


def _summary(
    sheets: list[Sheet], files: list[Path], scale: PrintScale, next_steps: list[str]
) -> dict[str, object]:
    return {
        "sheets": [
            {
                "kind": sheet.kind,
                "body": None if sheet.plan is None else sheet.plan.name,
                "family": sheet.family,
                "tags": [tag.tag for tag in sheet.drawing.tags],
                "paper": sheet.paper.name,
            }
            for sheet in sheets
        ],
        "scale_percent": [scale.x_percent, scale.y_percent],
        "files": [str(path) for path in files],
        "next": next_steps,
    }
