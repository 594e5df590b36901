"""At what scale a body was printed: a measured body held against its nominal one.

In: the body as cameras measured it, with lengths from them or from a calibrated board (a body whose
size was assumed tells nothing here), and the body of its file. Out: scale, shape error and, if the
sheet was printed wrongly, the sentence that says so. Lengths are mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tracking.bodies import BodyError, MarkerBody

FloatArray = NDArray[np.float64]

SCALE_TOLERANCE = 0.5
"""Percent. Two calibrated cameras measure lengths to 0.1 or 0.2 %; "fit to page" is 3 % or more."""

SHAPE_TOLERANCE = 2.0
"""mm RMS after scale is taken out: more than any folding by hand; another plate, or mirrored."""


@dataclass(frozen=True)
class PrintedScale:
    """What a measured body says of the print.

    Attributes
    ----------
    percent
        Size of the measured body relative to the nominal one.
    x_percent, y_percent
        The same along the tags' upper and left sides: a print stretched one way.
    shape_rms
        What remains between the corners of the two bodies when place and size are fitted, mm RMS.
    fault
        What is wrong and what to do; empty if nothing is.
    """

    percent: float
    x_percent: float
    y_percent: float
    shape_rms: float
    fault: str = ""


def printed_scale(measured: MarkerBody, nominal: MarkerBody) -> PrintedScale:
    """Tell at what scale the sheet of `nominal` was printed to become `measured`.

    The bodies may have different frames. Scale, rotation and translation between the corners of the
    tags that both have are fitted by least squares (Umeyama 1991, without reflection).

    Raises
    ------
    BodyError
        If the bodies have no tag in common, or are of different families.
    """
    tags = sorted(set(measured.corners) & set(nominal.corners))
    if measured.family != nominal.family or not tags:
        raise BodyError(
            f"The measured body '{measured.name}' has no tag in common with the file of "
            f"'{nominal.name}'. Choose the file of the sheet that was printed."
        )
    found = np.array([measured.corners[tag] for tag in tags])
    drawn = np.array([nominal.corners[tag] for tag in tags])
    factor, rms = _fitted_scale(drawn.reshape(-1, 3), found.reshape(-1, 3))
    x = _mean_side(found, 0, 1) / _mean_side(drawn, 0, 1)
    y = _mean_side(found, 0, 3) / _mean_side(drawn, 0, 3)
    fault = _fault(nominal.name, 100 * factor, 100 * x, 100 * y, rms)
    return PrintedScale(100 * factor, 100 * x, 100 * y, rms, fault)


def _fitted_scale(drawn: FloatArray, found: FloatArray) -> tuple[float, float]:
    """Scale from `drawn` (N, 3) to `found` (N, 3), and the RMS distance that remains."""
    drawn, found = drawn - drawn.mean(axis=0), found - found.mean(axis=0)
    turn, _ = Rotation.align_vectors(found, drawn)
    turned = turn.apply(drawn)
    scale = float((turned * found).sum() / (turned * turned).sum())
    distance = np.linalg.norm(found - scale * turned, axis=1)
    return scale, float(np.sqrt((distance**2).mean()))


def _mean_side(corners: FloatArray, start: int, end: int) -> float:
    return float(np.linalg.norm(corners[:, end] - corners[:, start], axis=1).mean())


def _fault(name: str, percent: float, x: float, y: float, rms: float) -> str:
    if rms > SHAPE_TOLERANCE:
        return (
            f"The body '{name}' has not the shape of its file: corners differ by {rms:.1f} mm. "
            "Choose the file that was written with its sheet, and check fold angles and folding "
            "direction."
        )
    if abs(percent - 100) <= SCALE_TOLERANCE and abs(x - y) <= SCALE_TOLERANCE:
        return ""
    if abs(x - y) > SCALE_TOLERANCE:
        how = f"stretched, {x:.1f} % across and {y:.1f} % down"
    else:
        how = f"at {percent:.1f} %"
    return (
        f"The sheet of body '{name}' was printed {how}. Print it again at 100 % (“actual size”), "
        f"or write its file with 'coilpilot markers --measured-scale {x:.1f},{y:.1f}'."
    )
