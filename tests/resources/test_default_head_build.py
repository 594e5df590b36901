"""The steps that make the default head, each on shapes whose answer is known."""

import nibabel
import numpy as np
import pytest
from scipy.spatial import ConvexHull

from render.surface import Surface
from resources.default_head.__main__ import main, write_t1
from resources.default_head.manifold import parted
from resources.default_head.positions import TapeError, positions_1020, share
from resources.default_head.surfaces import FOREHEAD_RADIUS, _dome, cortex_surface, scalp_surface
from resources.default_head.targets import ScalpNormals, TargetError, coil_pose
from resources.default_head.volume import Volume, VolumeError, class_means, otsu, read_volume

RADIUS = 90.0


def ball_surface(count=8_000):
    """A sphere of RADIUS from a spiral of points, outward facing."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - z * z)
    points = RADIUS * np.column_stack([flat * np.cos(turn), flat * np.sin(turn), z])
    faces = ConvexHull(points).simplices
    a, b, c = (points[faces[:, i]] for i in range(3))
    inward = np.einsum("ij,ij->i", a, np.cross(b, c)) < 0
    faces[inward] = faces[inward][:, ::-1]
    return Surface(points.astype(np.float32), faces)


@pytest.fixture(scope="module")
def ball():
    return ball_surface()


def phantom(shape=(70, 70, 70), radius=24.0):
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid - (np.array(shape) - 1) / 2, axis=-1)
    return distance, 100 * np.clip(radius + 0.5 - distance, 0, 1)


def test_otsu_parts_two_classes():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(10, 2, 9000), rng.normal(60, 5, 1000)])
    assert 15 < otsu(values) < 50


def test_class_means_finds_three_tissues():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(m, 3, 3000) for m in (20, 60, 100)])
    assert np.allclose(class_means(values, 3), [20, 60, 100], atol=1)


def test_the_dome_over_a_round_cut_is_a_shallow_cap():
    y, x = np.mgrid[-30:31, -30:31]
    distance = np.hypot(x, y)
    height = _dome(distance < 25)
    expected = (25**2 - distance**2) / (2 * FOREHEAD_RADIUS)
    assert np.abs(height - expected)[distance < 24].max() < 0.2
    assert not _dome(np.zeros((5, 5), bool)).any()


def test_the_scalp_of_a_ball_is_a_ball_with_its_hollow_closed():
    distance, values = phantom()
    values[distance < 10] = 0
    surface = scalp_surface(Volume(values, np.full(3, -34.5)))
    radii = np.linalg.norm(surface.vertices, axis=1)
    assert abs(radii.mean() - 24) < 0.7
    assert radii.std() < 0.3


def test_the_cortex_follows_a_groove_but_not_a_ventricle():
    _, values = phantom(radius=30)
    tissue = np.where(values > 50, 100.0, 0)
    tissue[33:37, 33:37, 50:] = np.where(tissue[33:37, 33:37, 50:] > 0, 20, 0)
    tissue[30:40, 30:40, 30:40] = 20
    rng = np.random.default_rng(0)
    tissue[tissue > 50] += rng.normal(0, 5, (tissue > 50).sum())
    grey = (tissue > 50) & (rng.random(tissue.shape) < 0.5)
    tissue[grey] = 80
    surface = cortex_surface(Volume(tissue, np.full(3, -34.5)))
    radii = np.linalg.norm(surface.vertices, axis=1)
    top = surface.vertices[(np.abs(surface.vertices[:, :2]) < 1.5).all(axis=1)]
    assert radii.min() > 12
    assert 12 < top[top[:, 2] > 0][:, 2].max() < 27


def test_sheets_pinched_along_an_edge_are_parted():
    # Two tetrahedra that share the edge 0-1, which so has four triangles.
    points = np.array(
        [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0], [-1, 0, 0], [-1, -1, 0]], np.float32
    )
    first = [[0, 1, 2], [1, 0, 3], [0, 2, 3], [1, 3, 2]]
    second = [[0, 1, 4], [1, 0, 5], [0, 4, 5], [1, 5, 4]]
    _, faces = parted(points, np.array(first + second, np.int32))
    sides = np.sort(np.concatenate([faces[:, :2], faces[:, 1:], faces[:, ::2]]), axis=1)
    assert (np.unique(sides, axis=0, return_counts=True)[1] == 2).all()
    assert len(faces) == 4


def test_parting_leaves_a_sound_mesh_as_it_is(ball):
    points, faces = parted(ball.vertices, ball.faces)
    assert np.array_equal(points[faces], ball.vertices[ball.faces])
    assert len(points) == len(ball.vertices)


def test_the_10_20_positions_of_a_ball_stand_at_their_angles(ball):
    # All four landmarks on the equator: tapes are half circles, 18 degrees to each 10 %.
    marks = {
        "nasion": np.array([0, RADIUS, 0]),
        "inion": np.array([0, -RADIUS, 0]),
        "LPA": np.array([-RADIUS, 0, 0]),
        "RPA": np.array([RADIUS, 0, 0]),
    }
    found = positions_1020(ball, marks)
    assert len(found) == 21
    up, ahead, side = np.sin, np.cos, np.deg2rad(18)
    for name, expected in {
        "Cz": [0, 0, 1],
        "Fpz": [0, ahead(side), up(side)],
        "Fz": [0, ahead(3 * side), up(3 * side)],
        "Oz": [0, -ahead(side), up(side)],
        "C4": [ahead(3 * side), 0, up(3 * side)],
        "T7": [-ahead(side), 0, up(side)],
    }.items():
        assert np.linalg.norm(found[name] - RADIUS * np.array(expected)) < 1
    for left, right in (("F3", "F4"), ("P7", "P8"), ("O1", "O2"), ("Fp1", "Fp2")):
        assert np.linalg.norm(found[left] * [-1, 1, 1] - found[right]) < 1
    # Fp2 to O2 stand at 18, 54, 126 and 162 degrees from Fpz round the ring through it and T8.
    assert np.rad2deg(np.arctan2(*found["F8"][:2])) == pytest.approx(54, abs=1)
    assert np.rad2deg(np.arctan2(*found["O2"][:2])) == pytest.approx(162, abs=1)


def test_landmarks_on_one_line_are_refused(ball):
    line = np.array([[0, 0, -90.0], [0, 0, 0], [0, 0, 90]])
    marks = dict(zip(["nasion", "LPA", "inion"], line, strict=True)) | {"RPA": line[1]}
    with pytest.raises(TapeError):
        positions_1020(ball, marks)


def test_share_of_a_line():
    line = np.array([[0, 0, 0], [10, 0, 0], [10, 30, 0]], float)
    assert np.allclose(share(line, 0.5), [10, 10, 0])
    assert np.allclose(share(line, 1.0), [10, 30, 0])


def test_normals_of_a_ball_are_radial_and_none_far_from_it(ball):
    normals = ScalpNormals(ball)
    assert np.allclose(normals.at(np.array([0, 54.0, 72.0])), [0, 0.6, 0.8], atol=0.005)
    with pytest.raises(TargetError, match="no scalp within"):
        normals.at(np.array([0, 0, 500.0]))


def test_the_coil_pose_on_top_of_the_head():
    pose = coil_pose(np.array([0, 0, 90.0]), np.array([0, 0, 1.0]), "left")
    root = np.sqrt(0.5)
    expected = np.array([[-root, root, 0], [root, root, 0], [0, 0, -1]])
    assert np.allclose(pose.rotation.as_matrix(), expected)
    mirrored = coil_pose(np.array([0, 0, 90.0]), np.array([0, 0, 1.0]), "right")
    assert np.allclose(mirrored.rotation.as_matrix()[:, 1], [-root, root, 0])


def volume_file(path, shape=(20, 22, 24), step=1.0):
    values = (np.arange(np.prod(shape)) % 255).reshape(shape).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([step, step, step, 1])), path)
    return path


def test_the_volume_written_has_the_same_bytes_each_time_and_the_same_values(tmp_path):
    source = volume_file(tmp_path / "in.nii.gz")
    write_t1(source, tmp_path / "one.nii.gz")
    write_t1(source, tmp_path / "two.nii.gz")
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "two.nii.gz").read_bytes()
    before, after = nibabel.load(source), nibabel.load(tmp_path / "one.nii.gz")
    assert np.array_equal(np.asarray(before.dataobj), np.asarray(after.dataobj))
    assert np.array_equal(after.get_qform(), before.affine)
    assert np.array_equal(after.get_sform(), before.affine)


def test_a_volume_in_other_steps_or_no_volume_is_refused(tmp_path):
    with pytest.raises(VolumeError, match="1 mm steps"):
        read_volume(volume_file(tmp_path / "coarse.nii.gz", step=2.0))
    (tmp_path / "no.nii.gz").write_bytes(b"nothing")
    with pytest.raises(VolumeError, match=r"no\.nii\.gz cannot be read"):
        read_volume(tmp_path / "no.nii.gz")


def test_the_command_names_a_missing_volume_and_writes_nothing(tmp_path, monkeypatch, capsys):
    out = tmp_path / "head"
    monkeypatch.setattr("sys.argv", ["build", "ch2.nii.gz", "ch2bet.nii.gz", "--out", str(out)])
    assert main() == 1
    assert "ch2.nii.gz cannot be read as NIfTI" in capsys.readouterr().err
    assert not out.exists()
