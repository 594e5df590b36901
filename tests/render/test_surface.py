"""Surfaces: checks on creation, normals of known shapes, files there and back, damaged files."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from render.surface import (
    FORMAT_VERSION,
    Surface,
    SurfaceError,
    face_normals,
    load_surface,
    save_surface,
    vertex_normals,
)

CORNERS = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]], dtype=np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.int32)
TETRAHEDRON = Surface(CORNERS, FACES)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "surface.npz"
    save_surface(path, TETRAHEDRON)
    return path


def archive(path, **changes):
    content = {
        "format": np.int32(FORMAT_VERSION),
        "vertices": (CORNERS * 100).astype(np.int16),
        "faces": FACES,
    } | changes
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


def test_a_saved_surface_comes_back_to_a_hundredth_of_a_millimetre(tmp_path):
    shifted = Surface(CORNERS * 1.2345 - 7, FACES)
    save_surface(tmp_path / "s.npz", shifted)
    back = load_surface(tmp_path / "s.npz")
    assert np.abs(back.vertices - shifted.vertices).max() <= 0.0051
    assert np.array_equal(back.faces, FACES)
    assert (back.vertices.dtype, back.faces.dtype) == (np.float32, np.int32)


def test_equal_surfaces_give_equal_bytes(saved, tmp_path):
    save_surface(tmp_path / "again.npz", Surface(CORNERS.copy(), FACES.copy()))
    assert (tmp_path / "again.npz").read_bytes() == saved.read_bytes()


def test_a_vertex_beyond_the_format_is_refused_rather_than_wrapped(tmp_path):
    with pytest.raises(SurfaceError, match="327 mm"):
        save_surface(tmp_path / "far.npz", Surface(CORNERS + 400, FACES))
    assert not (tmp_path / "far.npz").exists()


def test_the_arrays_cannot_be_written_to_and_the_givers_stay_writable():
    vertices = CORNERS.copy()
    surface = Surface(vertices, FACES.copy())
    vertices[0] = 99
    assert surface.vertices[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        surface.vertices[0] = 1


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (CORNERS[:, :2], FACES, r"not \(N, 3\)"),
        (CORNERS[:0], FACES, r"not \(N, 3\)"),
        (CORNERS, FACES[:0], r"not \(M, 3\)"),
        (CORNERS, FACES[:, :2], r"not \(M, 3\)"),
        (CORNERS, FACES + 1, "beyond its 4"),
        (CORNERS, FACES - 1, "do not exist"),
        (CORNERS, FACES.astype(float), "not whole numbers"),
        (np.where(CORNERS == 10, np.nan, CORNERS), FACES, "not finite"),
        (np.where(CORNERS == 10, np.inf, CORNERS), FACES, "not finite"),
        (CORNERS, FACES.astype(np.int64) + 2**40, "do not exist"),
        ([["a", "b", "c"]], FACES, "no numbers"),
    ],
)
def test_what_is_no_mesh_is_refused(vertices, faces, message):
    with pytest.raises(SurfaceError, match=message):
        Surface(vertices, faces)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vertices": None}, "is not a surface file"),
        ({"format": None}, "is not a surface file"),
        ({"format": np.int32(99)}, "has surface format 99, this program reads 1"),
        ({"format": np.array(["x"])}, "is not a surface file"),
        ({"faces": np.array([[0, 1, 900]])}, "beyond its 4"),
        ({"faces": np.zeros((0, 3), np.int32)}, r"not \(M, 3\)"),
        ({"vertices": CORNERS.astype(np.float64)}, "not int16"),
        ({"faces": np.array([{"a": 1}], dtype=object)}, "is not a surface file"),
    ],
)
def test_a_file_with_wrong_content_is_named_with_a_remedy(tmp_path, changes, message):
    path = archive(tmp_path / "wrong.npz", **changes)
    with pytest.raises(SurfaceError, match=message) as caught:
        load_surface(path)
    assert "wrong.npz" in str(caught.value)
    assert "choose another file" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 torn", b"\x93NUMPY\x01\x00"])
def test_other_bytes_are_no_surface(tmp_path, content):
    path = tmp_path / "bytes.npz"
    path.write_bytes(content)
    with pytest.raises(SurfaceError, match=r"bytes\.npz"):
        load_surface(path)


def test_a_single_array_is_no_surface(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, CORNERS)
    path = tmp_path / "plain.npz"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(SurfaceError, match="not a surface file"):
        load_surface(path)


def test_a_header_that_claims_more_than_there_is_fails_cleanly(tmp_path):
    path = tmp_path / "huge.npz"
    header = "{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999999, 3), }\n"
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    archive(path)
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w") as torn:
        for name, content in (members | {"vertices.npy": body}).items():
            torn.writestr(name, content)
    with pytest.raises(SurfaceError, match=r"huge\.npz"):
        load_surface(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(SurfaceError, match="does not exist"):
        load_surface(tmp_path / "none.npz")
    with pytest.raises(SurfaceError, match="cannot be read"):
        load_surface(tmp_path)


def _refused_or_sound(path):
    try:
        surface = load_surface(path)
    except SurfaceError as error:
        message = str(error)
    else:
        assert surface.faces.max() < len(surface.vertices)
        return
    assert path.name in message


def _flip(data, places):
    damaged = bytearray(data)
    for place, value in places:
        damaged[place % len(damaged)] ^= value
    return bytes(damaged)


FLIPS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=6)


@given(places=FLIPS, keep=st.floats(0, 1))
@settings(
    max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_damaged_files_are_refused_or_sound(saved, places, keep):
    whole = saved.read_bytes()
    path = saved.with_name("damaged.npz")
    path.write_bytes(_flip(whole, places)[: max(1, round(len(whole) * keep))])
    _refused_or_sound(path)


@pytest.mark.fuzz
@given(places=FLIPS, keep=st.sampled_from([1.0, 1.0, 0.5, 0.97]))
@settings(
    max_examples=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_damaged_files_are_refused_or_sound_at_length(saved, places, keep):
    whole = saved.read_bytes()
    path = saved.with_name("damaged.npz")
    path.write_bytes(_flip(whole, places)[: max(1, round(len(whole) * keep))])
    _refused_or_sound(path)


def test_face_normals_point_outward_with_twice_the_area():
    normals = face_normals(TETRAHEDRON)
    assert np.allclose(normals[0], [0, 0, -100])
    assert np.allclose(normals.sum(axis=0), 0)


def test_vertex_normals_weigh_by_area():
    # Two triangles at vertex 0: one of area 50 facing +z, one of area 5 facing -y.
    vertices = [[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 1]]
    surface = Surface(np.array(vertices, np.float32), np.array([[0, 1, 2], [0, 1, 3]], np.int32))
    expected = np.array([0, -5, 50]) / np.hypot(5, 50)
    assert np.allclose(vertex_normals(surface)[0], expected, atol=1e-6)


def test_a_vertex_without_triangles_has_no_normal():
    surface = Surface(np.vstack([CORNERS, [[50, 50, 50]]]), FACES)
    normals = vertex_normals(surface)
    assert np.array_equal(normals[4], [0, 0, 0])
    assert np.allclose(np.linalg.norm(normals[:4], axis=1), 1)
