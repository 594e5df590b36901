"""A head: surfaces, volume, landmarks, 10-20 positions and targets, from one folder.

In: a folder with ``head.json``, ``scalp.npz``, ``cortex.npz`` and ``t1.nii.gz``; the one shipped
with the program if none is named. Out: a :class:`Head`, all of it mm in ``mri``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from app.plan.target import Target
from app.subject.head_description import HeadError, read_description
from render.surface import Surface, SurfaceError, load_surface

__all__ = ["Head", "HeadError", "default_head_folder", "load_head"]

Points = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False, slots=True)
class Head:
    """One person's head.

    Attributes
    ----------
    name
        What the operator reads.
    scalp, cortex
        Surfaces in ``mri``.
    t1_path
        The NIfTI file whose affine defines ``mri``. It exists; it has not been read.
    landmarks
        (3,) each: ``nasion``, ``inion``, ``LPA``, ``RPA``, on the scalp.
    eeg_1020
        (3,) each: 10-20 positions by name, on the scalp; may be empty.
    targets
        Named targets in the order of the file; may be empty.
    note
        What the operator should know of this head.
    """

    name: str
    scalp: Surface
    cortex: Surface
    t1_path: Path
    landmarks: Points
    eeg_1020: Points
    targets: tuple[Target, ...]
    note: str = ""

    def target(self, name: str) -> Target:
        """Give the target with the name or id `name`.

        Raises
        ------
        HeadError
            If there is none; the message lists those there are.
        """
        for target in self.targets:
            if name in (target.name, target.id):
                return target
        known = ", ".join(target.name for target in self.targets) or "none"
        raise HeadError(f"{self.name} has no target '{name}'. Choose one of: {known}.")


def default_head_folder() -> Path:
    """Give the folder of the head that is shipped with the program."""
    return Path(str(resources.files("resources.default_head")))


def load_head(folder: Path | None = None) -> Head:
    """Read the head in `folder`, or the shipped one.

    Raises
    ------
    HeadError
        If the folder or a file is missing or damaged; the message names it and the remedy.
    """
    folder = default_head_folder() if folder is None else folder
    if not folder.is_dir():
        raise HeadError(f"{folder} is not a folder. Name the folder that holds a head.json.")
    description = read_description(folder / "head.json")
    t1_path = folder / "t1.nii.gz"
    if not t1_path.is_file():
        raise HeadError(f"{t1_path} does not exist. Copy the head's T1 volume there.")
    try:
        scalp = load_surface(folder / "scalp.npz")
        cortex = load_surface(folder / "cortex.npz")
    except SurfaceError as error:
        raise HeadError(str(error)) from error
    return Head(
        name=description.name,
        scalp=scalp,
        cortex=cortex,
        t1_path=t1_path,
        landmarks=_points(description.landmarks),
        eeg_1020=_points(description.eeg_1020),
        targets=tuple(target.target() for target in description.targets),
        note=description.note,
    )


def _points(points: Mapping[str, tuple[float, float, float]]) -> Points:
    return MappingProxyType({name: np.array(point) for name, point in points.items()})
