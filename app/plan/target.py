"""A named target: the coil pose that an operator steers towards, and the cortex point under it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform


@dataclass(frozen=True, eq=False, slots=True)
class Target:
    """A coil pose to reach. A changed target is a new version, never an edited one.

    Attributes
    ----------
    id
        Stable name in files, for example ``m1-hand-left``.
    name
        What the operator reads, for example ``M1 hand left``.
    mri_from_target
        The desired pose of the coil, mm, in the coil's own convention: origin on the scalp,
        z into the head, y away from the handle.
    cortex_point
        (3,) the point on the cortex that is meant, mm in ``mri``.
    version
        1 for the first; raised by one with each change.
    description
        Where the point comes from and how far to trust it.
    """

    id: str
    name: str
    mri_from_target: RigidTransform
    cortex_point: NDArray[np.float64]
    version: int = 1
    description: str = ""

    @property
    def scalp_point(self) -> NDArray[np.float64]:
        """(3,) where the centre of the coil's face shall touch the scalp, mm in ``mri``."""
        return np.asarray(self.mri_from_target.translation, dtype=np.float64)

    @property
    def depth(self) -> float:
        """Distance from the scalp point to the cortex point, mm."""
        return float(np.linalg.norm(self.cortex_point - self.scalp_point))
