"""Make the default body files and the board's: ``python -m resources.bodies``.

In: nothing but the sheets that ``coilpilot markers`` prints without options. Out: ``head.json`` and
the like in this folder; the same bytes on every run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tracking.sheets.catalogue import KINDS, SheetOptions, make_sheets
from tracking.sheets.files import body_files, write_files
from tracking.sheets.printed import TRUE_SCALE


def main() -> int:
    """Run the command; 0 on success."""
    parser = argparse.ArgumentParser(prog="python -m resources.bodies", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to fill")
    options = parser.parse_args()
    files = body_files(options.out, make_sheets(KINDS, SheetOptions()), TRUE_SCALE)
    write_files(files, replace=True)
    sys.stdout.write(f"The default bodies are in {options.out}.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
