"""The standard deviation claimed for the coil on the head, against poses drawn at random."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from app.navigate.uncertainty import head_relative_sigma

HEAD = RigidTransform.from_components([300.0, 50.0, 900.0], Rotation.from_rotvec([0.2, 0.3, 0.1]))
COIL_BODY = RigidTransform.from_components(
    [160.0, -40.0, 830.0], Rotation.from_rotvec([-0.2, 0.1, 0.4])
)
COIL = RigidTransform.from_components([10.0, 20.0, 100.0], Rotation.from_rotvec([0.0, 0.5, 0.1]))


def _covariance(rng):
    root = rng.normal(size=(6, 6)) * np.array([[2e-4]] * 3 + [[0.05]] * 3)
    return root @ root.T


def _disturbed(pose, errors):
    for error in errors:
        turn = Rotation.from_rotvec(error[:3]) * pose.rotation
        yield RigidTransform.from_components(pose.translation + error[3:], turn)


@pytest.mark.parametrize("seed", range(3))
def test_the_claimed_sigma_is_the_scatter_of_the_focal_point_in_the_heads_frame(seed):
    rng = np.random.default_rng(seed)
    of_head, of_coil = _covariance(rng), _covariance(rng)
    heads = _disturbed(HEAD, rng.multivariate_normal(np.zeros(6), of_head, 3000))
    coils = _disturbed(COIL_BODY, rng.multivariate_normal(np.zeros(6), of_coil, 3000))
    true = HEAD.inv() * COIL_BODY * COIL
    points, turns = [], []
    for head, coil in zip(heads, coils, strict=True):
        found = head.inv() * coil * COIL
        points.append(found.translation - true.translation)
        turns.append((found.rotation * true.rotation.inv()).as_rotvec())
    sigma_mm, sigma_deg = head_relative_sigma(HEAD, of_head, COIL_BODY, of_coil, COIL)
    largest = np.sqrt(np.linalg.eigvalsh(np.cov(np.array(points).T))[-1])
    assert sigma_mm == pytest.approx(largest, rel=0.06)
    largest = np.rad2deg(np.sqrt(np.linalg.eigvalsh(np.cov(np.array(turns).T))[-1]))
    assert sigma_deg == pytest.approx(largest, rel=0.06)
