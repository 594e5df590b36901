"""Chains of rigid transforms against scipy's own products."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.rigid import chain, difference, rotation_matrix

numbers = st.tuples(*[st.floats(-300, 300)] * 6)
transforms = numbers.map(
    lambda n: RigidTransform.from_components(
        np.array(n[:3]), Rotation.from_rotvec(np.array(n[3:]) / 100)
    )
)


@given(transforms, transforms, transforms)
def test_a_chain_is_the_product(a, b, c):
    assert np.allclose(chain(a, b, c).as_matrix(), (a * b * c).as_matrix(), atol=1e-9)


@given(transforms, transforms)
def test_the_difference_leads_from_the_first_to_the_second(a, b):
    assert np.allclose(difference(a, b).as_matrix(), (a.inv() * b).as_matrix(), atol=1e-9)
    assert np.allclose(chain(a, difference(a, b)).as_matrix(), b.as_matrix(), atol=1e-9)


@given(st.lists(transforms, min_size=2, max_size=8))
def test_a_product_stays_a_rotation(several):
    turned = rotation_matrix(chain(*several))
    assert np.allclose(turned @ turned.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turned) > 0
