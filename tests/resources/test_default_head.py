"""What is shipped in resources/default_head, judged by itself."""

import gzip

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from app.subject.distance import SurfaceDistance
from app.subject.head import default_head_folder, load_head
from app.subject.head_description import read_description
from render.surface import face_normals
from resources.default_head.__main__ import describe
from resources.default_head.positions import Tape, share
from resources.default_head.targets import ScalpNormals

HEAD = load_head()
SCALP, CORTEX = SurfaceDistance(HEAD.scalp), SurfaceDistance(HEAD.cortex)


def edges(surface):
    faces = surface.faces
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def euler(surface):
    sides = len(np.unique(np.sort(edges(surface), axis=1), axis=0))
    return len(surface.vertices) - sides + len(surface.faces)


@pytest.fixture(params=["scalp", "cortex"])
def surface(request):
    return getattr(HEAD, request.param)


def test_each_surface_is_closed_and_each_edge_is_run_once_in_either_direction(surface):
    count = len(surface.vertices)
    there = edges(surface).astype(np.int64) @ [count, 1]
    back = edges(surface).astype(np.int64) @ [1, count]
    assert len(np.unique(there)) == len(there)
    assert np.array_equal(np.sort(there), np.sort(back))


def test_each_surface_is_one_piece(surface):
    sides = edges(surface)
    graph = coo_array((np.ones(len(sides)), sides.T), shape=(len(surface.vertices),) * 2)
    assert connected_components(graph, directed=False)[0] == 1


def volume(surface):
    a, b, c = (surface.vertices[surface.faces[:, k]].astype(float) for k in range(3))
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6


def test_each_surface_faces_outward_and_holds_a_plausible_volume():
    assert 3.5e6 < volume(HEAD.scalp) < 6e6
    assert 1.0e6 < volume(HEAD.cortex) < 2.0e6


def test_the_scalp_has_no_handle():
    assert euler(HEAD.scalp) == 2


def test_the_surfaces_have_the_triangles_that_they_are_meant_to_have():
    assert 55_000 < len(HEAD.scalp.faces) <= 60_000
    assert 95_000 < len(HEAD.cortex.faces) <= 100_000


def test_the_cortex_is_folded_and_the_scalp_is_not():
    def folding(surface):
        """Area relative to that of a ball of the same volume."""
        area = np.linalg.norm(face_normals(surface), axis=1).sum() / 2
        return area / (np.cbrt(36 * np.pi) * volume(surface) ** (2 / 3))

    assert folding(HEAD.cortex) > 2
    assert folding(HEAD.scalp) < 1.25


def test_the_cortex_lies_within_the_scalp():
    for vertex in HEAD.cortex.vertices[::2000]:
        outward = vertex - np.array([0, -20, 10])
        assert SCALP.along(vertex, outward) is not None
        assert SCALP.nearest(vertex)[0] > 4


def test_both_ears_stand_out():
    # Behind the ear canal the ears reach farther to the side than the skin before them.
    vertices = HEAD.scalp.vertices
    for sign in (-1, 1):
        low = np.abs(vertices[:, 2] + 45) < 5
        ear = vertices[low & (vertices[:, 1] > -50) & (vertices[:, 1] < -25)][:, 0] * sign
        cheek = vertices[low & (vertices[:, 1] > 0) & (vertices[:, 1] < 20)][:, 0] * sign
        assert ear.max() > cheek.max() + 3


def test_the_landmarks_lie_on_the_scalp_in_anatomical_order():
    points = HEAD.landmarks
    for point in points.values():
        assert SCALP.nearest(point)[0] < 0.1
    nasion, inion = points["nasion"], points["inion"]
    left, right = points["LPA"], points["RPA"]
    assert nasion[1] > left[1] > inion[1]
    assert left[0] < nasion[0] < right[0]
    assert abs(left[0] + right[0]) < 4
    assert abs(nasion[0]) < 2
    assert abs(inion[0]) < 2
    assert np.abs(left - right)[1:].max() < 4


def test_the_nasion_is_the_hollow_of_the_nose_bridge():
    nasion = HEAD.landmarks["nasion"]
    for height in (-15, 15):
        front = SCALP.along(nasion + np.array([0, 60, height]), [0, -1, 0])
        assert front is not None
        assert 60 - front > 1.5


MIRRORED = [("Fp1", "Fp2"), ("F7", "F8"), ("F3", "F4"), ("C3", "C4"), ("T7", "T8")]
MIRRORED += [("P3", "P4"), ("P7", "P8"), ("O1", "O2")]


def test_the_21_positions_lie_on_the_scalp_symmetric_and_in_order():
    positions = HEAD.eeg_1020
    for point in positions.values():
        assert SCALP.nearest(point)[0] < 0.1
    for left, right in MIRRORED:
        assert np.abs(positions[left] * [-1, 1, 1] - positions[right]).max() < 5
        assert positions[left][0] < -20
    along_midline = [positions[name][1] for name in ("Fpz", "Fz", "Cz", "Pz", "Oz")]
    assert along_midline == sorted(along_midline, reverse=True)
    named = {name for pair in MIRRORED for name in pair} | {"Fpz", "Fz", "Cz", "Pz", "Oz"}
    assert set(positions) == named


@pytest.mark.parametrize(
    ("start", "end", "names"),
    [
        ("nasion", "inion", ["Fpz", "Fz", "Cz", "Pz", "Oz"]),
        ("LPA", "RPA", ["T7", "C3", "Cz", "C4", "T8"]),
    ],
)
def test_the_positions_stand_at_10_30_50_70_and_90_percent(start, end, names):
    tape = Tape(HEAD.scalp)
    line = tape.over(HEAD.landmarks[start], HEAD.eeg_1020["Cz"], HEAD.landmarks[end])
    for name, fraction in zip(names, (0.1, 0.3, 0.5, 0.7, 0.9), strict=True):
        assert np.linalg.norm(share(line, fraction) - HEAD.eeg_1020[name]) < 0.5


@pytest.fixture(params=HEAD.targets, ids=lambda target: target.id)
def target(request):
    return request.param


def test_a_targets_frame_is_that_of_a_coil_on_the_scalp(target):
    x, y, z = target.mri_from_target.rotation.as_matrix().T
    assert np.allclose(np.cross(y, z), x)
    assert SCALP.nearest(target.scalp_point)[0] < 0.1
    outward = ScalpNormals(HEAD.scalp).at(target.scalp_point)
    assert np.rad2deg(np.arccos(-z @ outward)) < 0.1
    # z runs into the head: skin, then cortex, then the skin of the other side.
    assert SCALP.along(target.scalp_point + 0.5 * z, z) > 80


def test_the_handle_points_back_and_to_the_side_at_45_degrees(target):
    _, y, z = target.mri_from_target.rotation.as_matrix().T
    side = 1 if "left" in target.name else -1
    assert y[1] > 0.4
    assert side * y[0] > 0.4
    # Seen from above, before it is laid onto the skin, y is at 45 degrees to the midline.
    above = np.linalg.lstsq(np.column_stack([y, z]), [side, 1.0, 0.0], rcond=None)[0]
    assert np.allclose(np.column_stack([y, z]) @ above, [side, 1, 0], atol=1e-5)


def test_the_cortex_point_is_the_first_cortex_under_the_scalp_point(target):
    z = target.mri_from_target.rotation.as_matrix()[:, 2]
    assert CORTEX.nearest(target.cortex_point)[0] < 0.05
    assert CORTEX.along(target.scalp_point, z) == pytest.approx(target.depth, abs=0.05)
    assert 8 < target.depth < 25
    assert np.allclose(target.scalp_point + target.depth * z, target.cortex_point, atol=0.05)


def test_the_targets_lie_where_their_names_say():
    left, right = HEAD.target("m1-hand-left"), HEAD.target("m1-hand-right")
    for target, side in ((left, -1), (right, 1)):
        assert np.linalg.norm(target.cortex_point - [side * 37, -21, 62]) < 12
    for name, position in (("dlpfc-left-f3", "F3"), ("dlpfc-right-f4", "F4")):
        assert np.allclose(HEAD.target(name).scalp_point, HEAD.eeg_1020[position], atol=0.01)


def test_no_shipped_target_claims_to_be_verified():
    description = read_description(default_head_folder() / "head.json")
    assert not any(target.verified for target in description.targets)
    assert all("Unverified" in target.description for target in description.targets)


def test_the_file_says_what_the_program_measures_on_the_shipped_surfaces():
    assert describe(default_head_folder()) == read_description(default_head_folder() / "head.json")


def test_the_volume_is_1_mm_uint8_in_the_frame_of_the_surfaces():
    data = gzip.decompress(HEAD.t1_path.read_bytes())
    shape = np.frombuffer(data, "<i2", 8, 40)[1:4]
    assert tuple(shape) == (181, 217, 181)
    assert np.frombuffer(data, "<i2", 1, 70)[0] == 2
    affine = np.frombuffer(data, "<f4", 12, 280).reshape(3, 4)
    assert np.array_equal(affine, np.column_stack([np.eye(3), [-90, -125, -71]]))
    centre = np.array([0, -20, 10]) - affine[:, 3]
    voxels = np.frombuffer(data, np.uint8, offset=352).reshape(shape, order="F")
    assert voxels[tuple(centre.astype(int))] > 0


def test_the_notice_and_the_size():
    folder = default_head_folder()
    notice = (folder / "NOTICE").read_text(encoding="utf-8")
    assert "Louis Collins" in notice
    assert "Redistribution and use in source and binary forms" in notice
    assert sum(file.stat().st_size for file in folder.glob("*.*z")) < 6e6
