"""Building blocks of drawn things: closed, outward, of the size asked for."""

from __future__ import annotations

import numpy as np
import pytest

from render.coil_model import (
    CoilModel,
    back_rim_mesh,
    centre_cross_mesh,
    handle_mesh,
    notch_mesh,
    rim_mesh,
    windings_mesh,
)
from render.markers import line_mesh, target_mesh
from render.meshes import Mesh, circle, merged, prism, sphere, tube


def volume(mesh: Mesh) -> float:
    """By the divergence theorem: positive only if the triangles face outward."""
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def is_closed(mesh: Mesh) -> bool:
    edges = np.concatenate([mesh.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    directed = {(int(a), int(b)) for a, b in edges}
    return len(directed) == len(edges) and all((b, a) in directed for a, b in directed)


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        (tube([[0, 0, 0], [0, 0, 10]], 1.0, sides=60), 10 * np.pi),
        (tube(circle((5, 6, 7), 10, count=90), 1.0, sides=40, closed=True), 20 * np.pi**2),
        (prism(circle((1, 2, 0), 1.0, count=90)[:, :2], -1, 2), 3 * np.pi),
        (sphere((3, 3, 3), 2.0, rings=40, sides=60), 32 / 3 * np.pi),
        (sphere((0, 0, 0), 1.0, rings=1, sides=4), 4 / 3),
    ],
)
def test_solids_are_closed_face_outward_and_hold_what_they_should(
    mesh: Mesh, expected: float
) -> None:
    assert is_closed(mesh)
    assert volume(mesh) == pytest.approx(expected, rel=0.02)


def test_merging_keeps_every_part() -> None:
    parts = [sphere((0, 0, 0), 1.0), sphere((9, 0, 0), 2.0)]
    assert volume(merged(*parts)) == pytest.approx(sum(volume(part) for part in parts))


def test_every_part_of_coil_and_target_is_a_closed_outward_solid(coil: CoilModel) -> None:
    makers = (
        rim_mesh,
        back_rim_mesh,
        handle_mesh,
        notch_mesh,
        windings_mesh,
        centre_cross_mesh,
    )
    for mesh in (*(maker(coil) for maker in makers), target_mesh(), line_mesh(0.5)):
        assert is_closed(mesh)
        assert volume(mesh) > 0
