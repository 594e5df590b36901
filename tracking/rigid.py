"""Chains of rigid transforms, for what is computed with every frame.

In: rigid transforms. Out: their product, and the difference of two. The same as ``a * b`` and
``a.inv() * b``; but scipy checks and orthonormalises every product anew, which takes a quarter of
a millisecond each. Products of a few proper rotations stay proper to the last digits.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

FloatArray = NDArray[np.float64]


def chain(*transforms: RigidTransform) -> RigidTransform:
    """Give the product of `transforms`, of which the last is applied first."""
    matrices = [transform.as_matrix() for transform in transforms]
    return RigidTransform(reduce(np.matmul, matrices), normalize=False)


def difference(first: RigidTransform, second: RigidTransform) -> RigidTransform:
    """Give ``first^-1 * second``: `second` as seen from `first`."""
    return RigidTransform(relative(first, second), normalize=False)


def relative(first: RigidTransform, second: RigidTransform) -> FloatArray:
    """Give the (4, 4) matrix of :func:`difference`."""
    from_first, to = first.as_matrix(), second.as_matrix()
    matrix = np.eye(4)
    turned_back = from_first[:3, :3].T
    matrix[:3, :3] = turned_back @ to[:3, :3]
    matrix[:3, 3] = turned_back @ (to[:3, 3] - from_first[:3, 3])
    return matrix


def rotation_matrix(transform: RigidTransform) -> FloatArray:
    """Give the (3, 3) rotation of `transform`."""
    matrix: FloatArray = transform.as_matrix()[:3, :3]
    return matrix
