"""Reading a head volume, padding it over the cuts of its field of view, and its thresholds.

In: a NIfTI file in 1 mm steps along the axes of ``mri``. Out: a :class:`Volume`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]


class VolumeError(Exception):
    """A volume that no head can be made of; the message names the file and the remedy."""


@dataclass(frozen=True, eq=False, slots=True)
class Volume:
    """Values on a 1 mm grid whose axes are those of ``mri``.

    Attributes
    ----------
    values
        (X, Y, Z) float64.
    origin
        (3,) the centre of voxel (0, 0, 0), mm in ``mri``.
    """

    values: FloatArray
    origin: FloatArray


def read_volume(path: Path) -> Volume:
    """Read the NIfTI file at `path`.

    Raises
    ------
    VolumeError
        If it cannot be read or is not 3-D with 1 mm voxels along right, anterior, superior.
    """
    try:
        image = nibabel.load(path)
        values = np.asarray(image.dataobj, dtype=np.float64)
    except (OSError, ImageFileError) as error:
        raise VolumeError(
            f"{path} cannot be read as NIfTI ({error}). Take ch2 from mricron-data."
        ) from error
    if values.ndim != 3 or not np.allclose(image.affine[:3, :3], np.eye(3), atol=1e-4):
        raise VolumeError(
            f"{path} is not a 3-D volume in 1 mm steps along right, anterior, superior. "
            "Take ch2 and ch2bet from mricron-data."
        )
    return Volume(values, np.asarray(image.affine[:3, 3], dtype=np.float64))


def otsu(values: FloatArray) -> float:
    """Threshold that best parts `values` into two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
        between = np.nan_to_num(below * above * gap**2)
    return float(centres[int(np.argmax(between))])


def class_means(values: FloatArray, classes: int) -> FloatArray:
    """Means of `classes` classes of `values`, ascending (Lloyd's k-means from quantiles)."""
    means = np.quantile(values, (np.arange(classes) + 0.5) / classes)
    for _ in range(100):
        nearest = np.searchsorted((means[1:] + means[:-1]) / 2, values)
        moved = np.array([values[nearest == k].mean() for k in range(classes)])
        if np.allclose(moved, means, atol=1e-3):
            break
        means = moved
    return means
