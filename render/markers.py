"""What is put on the head: the target with its direction, and the places that were stimulated.

In: target and hits in ``mri``. Out: meshes in ``mri`` or in the target's ``coil`` frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from render.meshes import Mesh, circle, merged, prism, sphere, tube

FloatArray = NDArray[np.float64]

TARGET_RADIUS = 13.0


@dataclass(frozen=True, eq=False, slots=True)
class Target:
    """Where the coil should be.

    Attributes
    ----------
    mri_from_target
        The pose that the ``coil`` frame should take: origin on the scalp, z into the head.
    cortex_point
        (3,) what should be stimulated, mm; None if only the coil's pose is known.
    """

    mri_from_target: RigidTransform
    cortex_point: FloatArray | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Hit:
    """A place that was stimulated.

    Attributes
    ----------
    point
        (3,) on scalp or cortex, mm.
    on_target
        Whether the coil was within tolerance: drawn as a ball, else as a larger octahedron; None
        if that is not known: a small ball.
    """

    point: FloatArray
    on_target: bool | None


def target_mesh() -> Mesh:
    """Crosshair in a ring that lies on the scalp, with an arrow head at the +y edge."""
    z, r = -1.5, TARGET_RADIUS
    gap = 0.25 * r
    arms = [
        tube([[x * gap, y * gap, z], [x * r, y * r, z]], 0.7, sides=6)
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    arrow = prism([[-5.0, r], [5.0, r], [0.0, r + 9.0]], z - 1.0, z + 1.0)
    ring = tube(circle([0, 0, z], r), 0.9, sides=8, closed=True)
    return merged(ring, arrow, sphere([0, 0, z], 1.2), *arms)


def line_mesh(radius: float) -> Mesh:
    """Make a round bar from z = 0 to z = 1, to be stretched between two points."""
    return tube([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], radius, sides=8)


def hits_mesh(hits: Sequence[Hit], on_target: bool | None) -> Mesh | None:
    """Make the marks of those hits that are, are not, or may be on target; None if none is."""
    points = [hit.point for hit in hits if hit.on_target is on_target]
    if not points:
        return None
    if on_target is False:
        shape = sphere(np.zeros(3), 2.4, rings=1, sides=4)
    else:
        shape = sphere(np.zeros(3), 1.6 if on_target else 1.1, rings=5, sides=8)
    return merged(*(Mesh(shape.vertices + point, shape.faces) for point in points))
