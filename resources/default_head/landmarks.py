"""Nasion, inion and the pre-auricular points of Colin27, on its scalp.

In: the scalp surface. Out: the four points every other position is measured from, mm in ``mri``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.subject.distance import SurfaceDistance
from render.surface import Surface

FloatArray = NDArray[np.float64]

PICKED = {
    "nasion": (0.0, 86.0, -40.0),
    "inion": (0.0, -119.0, -23.0),
    "LPA": (-86.5, -19.5, -47.5),
    "RPA": (86.5, -20.5, -47.5),
}
"""Picked on the T1 and on the scalp: the deepest point of the nose bridge in the midline; the
external occipital protuberance in the midline; the skin just in front of each tragus."""


def landmarks(scalp: Surface) -> dict[str, FloatArray]:
    """Give each picked landmark moved to the nearest point of `scalp`."""
    distance = SurfaceDistance(scalp)
    return {name: distance.nearest(point)[1] for name, point in PICKED.items()}
