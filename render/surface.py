"""A triangle surface, its file and its normals.

In: an ``.npz`` file with vertices as int16 in 0.01 mm of ``mri``. Out: a checked
:class:`Surface` in mm, ready to be drawn or measured.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

FORMAT_VERSION = 1
STEP_MM = 0.01
"""Resolution of a vertex in the file: int16 then spans 327 mm either way."""

_REMEDY = "Make it anew with 'python -m resources.default_head', or choose another file."


class SurfaceError(ValueError):
    """A surface that cannot be used; the message names what is wrong and the remedy."""


@dataclass(frozen=True, eq=False, slots=True)
class Surface:
    """A triangle mesh in ``mri``. Its arrays are made read-only.

    Attributes
    ----------
    vertices
        (N, 3) float32, mm.
    faces
        (M, 3) int32 indices into `vertices`, counter-clockwise seen from outside.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    def __post_init__(self) -> None:
        """Check the arrays; :class:`SurfaceError` if they are no mesh."""
        vertices = _owned(self.vertices, np.float32)
        faces = _indices(self.faces)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or len(vertices) == 0:
            raise SurfaceError(f"The surface has vertices of shape {vertices.shape}, not (N, 3).")
        if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0:
            raise SurfaceError(f"The surface has faces of shape {faces.shape}, not (M, 3).")
        if not np.isfinite(vertices).all():
            raise SurfaceError("The surface has vertices that are not finite numbers.")
        if faces.min() < 0 or faces.max() >= len(vertices):
            raise SurfaceError(
                f"The surface has triangles that name vertices beyond its {len(vertices)}."
            )
        vertices.setflags(write=False)
        faces.setflags(write=False)
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "faces", faces)


def _owned(array: object, dtype: type[np.float32]) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            return np.array(array, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise SurfaceError(f"The surface has vertices that are no numbers ({error}).") from error


def _indices(array: object) -> NDArray[np.int32]:
    raw = np.asarray(array)
    if raw.dtype.kind not in "iu":
        raise SurfaceError(f"The surface has triangles of type {raw.dtype}, not whole numbers.")
    if raw.size and (raw.max() > np.iinfo(np.int32).max or raw.min() < 0):
        raise SurfaceError("The surface has triangles that name vertices that do not exist.")
    return raw.astype(np.int32)


def load_surface(path: Path) -> Surface:
    """Read the surface in the ``.npz`` file at `path`.

    Raises
    ------
    SurfaceError
        If the file is missing or is no surface: other bytes, other keys, another format
        version, no triangles, or indices out of range.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            version = int(archive["format"])
            vertices, faces = archive["vertices"], archive["faces"]
    except FileNotFoundError as error:
        raise SurfaceError(f"{path} does not exist. {_REMEDY}") from error
    except OSError as error:
        raise SurfaceError(
            f"{path} cannot be read ({error.strerror or error}). {_REMEDY}"
        ) from error
    except _NOT_A_SURFACE as error:
        raise SurfaceError(f"{path} is not a surface file ({error}). {_REMEDY}") from error
    if version != FORMAT_VERSION:
        raise SurfaceError(
            f"{path} has surface format {version}, this program reads {FORMAT_VERSION}. {_REMEDY}"
        )
    if vertices.dtype != np.int16:
        raise SurfaceError(f"{path} has vertices of type {vertices.dtype}, not int16. {_REMEDY}")
    try:
        return Surface(vertices.astype(np.float32) * np.float32(STEP_MM), faces)
    except SurfaceError as error:
        raise SurfaceError(f"{path}: {error} {_REMEDY}") from error


# What numpy and zipfile raise on bytes that are no archive of plain arrays: damaged zip, damaged
# deflate stream, end of data, missing key, wrong header or pickled content, absurd size, a
# compression or encryption that zipfile does not know, a byte that is no text.
_NOT_A_SURFACE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    MemoryError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
)


def save_surface(path: Path, surface: Surface) -> None:
    """Write `surface` to the ``.npz`` file at `path`; equal surfaces give equal bytes.

    Raises
    ------
    SurfaceError
        If a vertex lies farther from the origin than the file can hold.
    """
    steps = np.rint(surface.vertices / STEP_MM)
    if np.abs(steps).max() > np.iinfo(np.int16).max:
        raise SurfaceError(f"{path} cannot hold vertices beyond 327 mm. Centre the surface first.")
    small = len(surface.vertices) <= np.iinfo(np.uint16).max + 1
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            format=np.int32(FORMAT_VERSION),
            vertices=steps.astype(np.int16),
            faces=surface.faces.astype(np.uint16 if small else np.int32),
        )


def face_normals(surface: Surface) -> NDArray[np.float64]:
    """Give the (M, 3) outward normals of the triangles; each as long as twice its area, mm2."""
    corners = surface.vertices.astype(np.float64)[surface.faces]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def vertex_normals(surface: Surface) -> NDArray[np.float32]:
    """Give the (N, 3) outward unit normals at the vertices, weighted by the triangles' areas.

    A vertex without triangles has the normal zero.
    """
    count = len(surface.vertices)
    rows = surface.faces.ravel()
    columns = np.repeat(np.arange(len(surface.faces)), 3)
    incidence = csr_array((np.ones(len(rows)), (rows, columns)), shape=(count, len(surface.faces)))
    sums = np.asarray(incidence @ face_normals(surface))
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (sums / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit
