"""Writes sheets and what matches them: ``OUT.pdf``, and beside it ``OUT/head.json`` and the like.

In: sheets. Out: files, all of them or, as far as can be told before, none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tracking.bodies import BodyError
from tracking.body_file import body_file_text
from tracking.sheets.drawing import draw_sheets
from tracking.sheets.printed import PrintScale, printed_board, sheet_body_file
from tracking.sheets.sheet import Sheet, SheetError

BOARD_FILE = "board.json"


def body_files(folder: Path, sheets: Sequence[Sheet], scale: PrintScale) -> dict[Path, bytes]:
    """Give the body files of `sheets` as printed at that scale, and the board's; by path.

    Raises
    ------
    SheetError
        If a sheet so printed cannot be used.
    """
    files = {}
    for sheet in sheets:
        if sheet.board is not None:
            text = printed_board(sheet, scale).model_dump_json(indent=1) + "\n"
            files[folder / BOARD_FILE] = text.encode()
            continue
        try:
            file = sheet_body_file(sheet, scale)
        except BodyError as error:
            raise SheetError(f"The {sheet.kind} sheet cannot be used: {error}") from error
        files[folder / f"{file.name}.json"] = body_file_text(file).encode()
    return files


def sheet_files(pdf: Path, sheets: Sequence[Sheet]) -> dict[Path, bytes]:
    """Give the PDF and the files beside it; raises as :func:`body_files`."""
    return {pdf: draw_sheets(sheets), **body_files(files_folder(pdf), sheets, PrintScale())}


def files_folder(pdf: Path) -> Path:
    """Give the folder beside `pdf` for its body files.

    Raises
    ------
    SheetError
        If the name does not end in ``.pdf``.
    """
    if pdf.suffix.lower() != ".pdf" or not pdf.stem:
        raise SheetError(f"{pdf} is no name for a PDF. Let it end in .pdf.")
    return pdf.with_suffix("")


def write_files(files: Mapping[Path, bytes], *, replace: bool) -> None:
    """Write all `files`; what is there is replaced only if `replace`.

    Raises
    ------
    SheetError
        If one of them is there and is to stay, or cannot be written.
    """
    there = [path for path in files if path.exists()]
    if there and not replace:
        more = f" and {len(there) - 1} more are" if len(there) > 1 else " is"
        raise SheetError(f"{there[0]}{more} there already. Choose another name, or add --force.")
    for path, content in files.items():
        try:
            _write_whole(path, content)
        except OSError as error:
            raise SheetError(
                f"{path} cannot be written ({error.strerror}). Choose another folder."
            ) from error


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_bytes(content)
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
