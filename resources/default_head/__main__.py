"""Make the default head: ``python -m resources.default_head CH2.nii.gz CH2BET.nii.gz``.

In: Colin27's whole head and its brain, from Debian's mricron-data. Out: ``scalp.npz``,
``cortex.npz``, ``t1.nii.gz`` and ``head.json`` in this folder; the same bytes on every run.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

import nibabel
import numpy as np

from app.subject.head_description import (
    HeadDescription,
    TargetDescription,
    vector,
    write_description,
)
from render.surface import load_surface, save_surface
from resources.default_head.landmarks import landmarks
from resources.default_head.positions import positions_1020
from resources.default_head.surfaces import cortex_surface, scalp_surface
from resources.default_head.targets import named_targets
from resources.default_head.volume import VolumeError, read_volume

NAME = "Colin27 (default head)"
NOTE = (
    "Colin27 in MNI space: one person, 27 scans averaged, larger than most heads. For practice "
    "and display; its targets are unverified and mean nothing on another head. See NOTICE."
)


def build(head: Path, brain: Path, folder: Path) -> None:
    """Make all files of the default head in `folder`.

    Raises
    ------
    VolumeError
        If `head` or `brain` is no 1 mm volume.
    """
    whole, stripped = read_volume(head), read_volume(brain)
    folder.mkdir(parents=True, exist_ok=True)
    save_surface(folder / "scalp.npz", scalp_surface(whole))
    save_surface(folder / "cortex.npz", cortex_surface(stripped))
    write_t1(head, folder / "t1.nii.gz")
    write_description(folder / "head.json", describe(folder))


def describe(folder: Path) -> HeadDescription:
    """Measure landmarks, 10-20 positions and targets on the surfaces as written in `folder`."""
    scalp, cortex = load_surface(folder / "scalp.npz"), load_surface(folder / "cortex.npz")
    fixed = landmarks(scalp)
    positions = positions_1020(scalp, fixed)
    targets = named_targets(scalp, cortex, positions)
    return HeadDescription(
        name=NAME,
        note=NOTE,
        landmarks={name: vector(point) for name, point in fixed.items()},
        eeg_1020={name: vector(positions[name]) for name in sorted(positions)},
        targets=[TargetDescription.of(target) for target in targets],
    )


def write_t1(source: Path, path: Path) -> None:
    """Write the volume at `source` as uint8 with its own sform, and the same as qform.

    The gzip header carries neither time nor name, so that equal volumes give equal bytes.
    """
    image = nibabel.load(source)
    code = int(image.header["sform_code"])
    plain = nibabel.Nifti1Image(np.asarray(image.dataobj).astype(np.uint8), image.affine)
    plain.set_sform(image.affine, code)
    plain.set_qform(image.affine, code)
    plain.header.set_xyzt_units("mm")
    plain.header["descrip"] = b"Colin27 T1, 1 mm"
    path.write_bytes(gzip.compress(plain.to_bytes(), compresslevel=9, mtime=0))


def main() -> int:
    """Run the command; 0 on success, 1 if a volume cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m resources.default_head", description=__doc__)
    parser.add_argument("head", type=Path, help="ch2.nii.gz, the whole head")
    parser.add_argument("brain", type=Path, help="ch2bet.nii.gz, the brain alone")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to fill")
    options = parser.parse_args()
    try:
        build(options.head, options.brain, options.out)
    except VolumeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"The default head is in {options.out}.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
