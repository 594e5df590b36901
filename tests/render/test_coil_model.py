"""The coil: dimensions from its file, shape and direction of what is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from render.coil_model import (
    CoilModel,
    CoilModelError,
    back_rim_mesh,
    handle_mesh,
    notch_mesh,
    read_coil_model,
    rim_mesh,
    windings_mesh,
)

COILS = Path(__file__).parents[2] / "resources" / "coils"


def test_casing_lies_on_the_side_away_from_the_head(coil: CoilModel) -> None:
    for mesh, z in ((rim_mesh(coil), 0.0), (back_rim_mesh(coil), -coil.casing_thickness)):
        np.testing.assert_allclose(mesh.vertices[:, 2], z, atol=1.6)
    np.testing.assert_allclose(
        windings_mesh(coil).vertices[:, 2], -coil.casing_thickness / 2, atol=1.0
    )


def test_lines_are_flat_toward_who_holds_the_coil_so_that_few_triangles_are_seen(
    coil: CoilModel,
) -> None:
    for mesh in (rim_mesh(coil), back_rim_mesh(coil), windings_mesh(coil)):
        a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
        toward_holder = np.cross(b - a, c - a)[:, 2] < -1e-6
        assert toward_holder.mean() == pytest.approx(1 / 3)


def test_handle_points_to_minus_y_and_notch_to_plus_y(coil: CoilModel) -> None:
    rim, handle, notch = (maker(coil).vertices for maker in (rim_mesh, handle_mesh, notch_mesh))
    assert handle[:, 1].min() < rim[:, 1].min() - 0.8 * coil.handle_length
    assert handle[:, 1].max() < 0
    tip = notch[np.argmax(notch[:, 1])]
    assert tip[0] == pytest.approx(0)
    waist = rim[np.abs(rim[:, 0]) < 5, 1].max()
    assert tip[1] > waist + 5


def test_windings_are_rings_of_the_given_diameters_about_two_centres(coil: CoilModel) -> None:
    vertices = windings_mesh(coil).vertices
    for centre in coil.wing_centres:
        mine = vertices[np.sign(vertices[:, 0]) == np.sign(centre[0])]
        distance = np.linalg.norm(mine[:, :2] - centre[:2], axis=1)
        assert distance.min() == pytest.approx(coil.wing_inner_diameter / 2, abs=1)
        assert distance.max() == pytest.approx(coil.wing_outer_diameter / 2, abs=1)


def test_rim_runs_around_the_windings(coil: CoilModel) -> None:
    rim, windings = rim_mesh(coil).vertices, windings_mesh(coil).vertices
    assert np.abs(windings[:, :2]).max(axis=0) == pytest.approx(
        np.abs(rim[:, :2]).max(axis=0) - coil.rim, abs=1.5
    )


def test_every_coil_that_is_shipped_can_be_read() -> None:
    assert [read_coil_model(path).name for path in sorted(COILS.glob("*.json"))]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"wing_inner_diameter": 200.0}, "wing_inner_diameter"),
        ({"wing_spacing": 10.0}, "wing_spacing"),
        ({"wing_spacing": 400.0}, "wing_spacing"),
        ({"handle_length": -1.0}, "handle_length"),
        ({"handle_length": "long"}, "handle_length"),
        ({"windings": 0}, "windings"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_coil_file_is_refused_in_one_sentence(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    content = json.loads((COILS / "figure8_70mm.json").read_text()) | change
    path = tmp_path / "coil.json"
    path.write_text(json.dumps(content))
    with pytest.raises(CoilModelError, match=named) as refusal:
        read_coil_model(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_bytes_that_are_no_coil_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "coil.json"
    path.write_bytes(content)
    with pytest.raises(CoilModelError, match="coil file"):
        read_coil_model(path)


def test_a_missing_coil_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CoilModelError, match="cannot be read"):
        read_coil_model(tmp_path / "none.json")
