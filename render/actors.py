"""Triangle meshes as things that VTK draws.

In: meshes in mm. Out: opaque, back-face-culled VTK actors.

Light is worked out here, vertex by vertex, and not by VTK: in software rendering light worked out
for each pixel takes half of the time of a picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkFiltersCore import vtkAppendPolyData, vtkPolyDataNormals
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from render.meshes import Mesh
from render.surface import Surface, vertex_normals
from render.views import View

Colour = tuple[float, float, float]
Axis = tuple[float, float, float]
FloatArray = NDArray[np.float64]


def poly_data(vertices: ArrayLike, faces: ArrayLike) -> vtkPolyData:
    """Copy vertices (N, 3) and triangles (M, 3) into VTK's form."""
    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(vertices, dtype=np.float32), deep=True))
    triangles = np.ascontiguousarray(faces, dtype=np.int64)
    cells = vtkCellArray()
    offsets = np.arange(0, 3 * len(triangles) + 1, 3, dtype=np.int64)
    cells.SetData(
        numpy_to_vtkIdTypeArray(offsets, deep=True),
        numpy_to_vtkIdTypeArray(triangles.ravel(), deep=True),
    )
    data = vtkPolyData()
    data.SetPoints(points)
    data.SetPolys(cells)
    return data


class LitSurface:
    """A smooth surface, lit anew for each view.

    Parameters
    ----------
    surface
        In ``mri``, mm.
    colours
        (N, 3) float, 0 to 255, of its vertices under full light.
    """

    def __init__(self, surface: Surface, colours: NDArray[np.float32]) -> None:
        self._vertices = surface.vertices
        self._normals = vertex_normals(surface)
        self._colours = colours
        self._data = poly_data(surface.vertices, surface.faces)
        self.actor = _actor(self._data)

    def light_softly(self, view: View) -> None:
        """Light it from over the viewer's left shoulder, with a weak light from the right."""
        axes = np.stack([view.right, view.view_up, -view.direction])
        light = np.full(len(self._normals), 0.16, dtype=np.float32)
        for direction, strength in (((-0.45, 0.65, 1.0), 0.78), ((0.8, -0.3, 0.5), 0.2)):
            toward = np.asarray(direction) @ axes / np.linalg.norm(direction)
            light += strength * np.maximum(self._normals @ toward.astype(np.float32), 0)
        self._paint(self._colours * light[:, None])

    def light_from_eye(self, view: View) -> None:
        """Light it by how much it faces the eye: full where it does, black at its outline."""
        to_eye = view.position.astype(np.float32) - self._vertices
        to_eye /= np.linalg.norm(to_eye, axis=1, keepdims=True)
        facing = np.clip(np.einsum("ij,ij->i", to_eye, self._normals), 0, 1)
        self._paint(self._colours * facing[:, None])

    def _paint(self, colours: NDArray[np.float32]) -> None:
        pixels = np.clip(colours + 0.5, 0, 255).astype(np.uint8)
        self._data.GetPointData().SetScalars(numpy_to_vtk(pixels, deep=True))


def lit_mesh(
    mesh: Mesh, colour: Colour, *, opacity: float = 1.0, glow: float = 0.0, crease_deg: float = 40.0
) -> vtkPolyData:
    """Colour a simple solid once for all views, as if lit from the -z side of its own frame.

    Parameters
    ----------
    mesh
        In its own frame, mm.
    colour
        Under full light.
    opacity
        Below 1 it still hides what lies behind its nearest surface and is drawn later.
    glow
        Share of light that it gives itself.
    crease_deg
        Where two triangles meet at more than this angle, the edge between them stays sharp.
    """
    splitter = vtkPolyDataNormals()
    splitter.SetInputData(poly_data(mesh.vertices, mesh.faces))
    splitter.SetFeatureAngle(crease_deg)
    splitter.Update()
    data: vtkPolyData = splitter.GetOutput()
    normals = vtk_to_numpy(data.GetPointData().GetNormals())
    toward_light = np.array([-0.35, 0.4, -0.85])
    lit = 0.45 + 0.55 * (normals @ toward_light)
    light = glow + (1.0 - glow) * np.clip(lit, 0.15, 1.0)
    rgba = np.column_stack([np.outer(light, colour), np.full(len(light), opacity)])
    data.GetPointData().SetNormals(None)
    scalars = numpy_to_vtk(np.round(255 * rgba).astype(np.uint8), deep=True)
    scalars.SetName("colour")
    data.GetPointData().SetScalars(scalars)
    return data


def solid_actor(*parts: vtkPolyData) -> vtkActor:
    """Make one actor of some lit meshes, drawn in this order: each further actor costs time."""
    together = vtkAppendPolyData()
    for part in parts:
        together.AddInputData(part)
    together.Update()
    actor = _actor(together.GetOutput())
    # Kept in the opaque pass, so that it writes its depth and needs no sorting.
    actor.ForceOpaqueOn()
    return actor


def mesh_actor(mesh: Mesh, colour: Colour, *, glow: float = 0.0) -> vtkActor:
    """Make an opaque solid; see :func:`lit_mesh`."""
    return solid_actor(lit_mesh(mesh, colour, glow=glow))


def place(actor: vtkActor, matrix: NDArray[np.float64]) -> None:
    """Set the (4, 4) matrix from the actor's own frame to ``mri``."""
    vtk_matrix = vtkMatrix4x4()
    vtk_matrix.DeepCopy(matrix.ravel().tolist())
    actor.SetUserMatrix(vtk_matrix)


def place_rigid(actor: vtkActor, mri_from_actor: RigidTransform) -> None:
    """Set the pose of an actor."""
    place(actor, mri_from_actor.as_matrix())


def place_at(actor: vtkActor, point: FloatArray) -> None:
    """Shift an actor so that its origin lies at a point (3,)."""
    actor.SetPosition(*point.tolist())


def stretch_between(actor: vtkActor, start: FloatArray, end: FloatArray) -> None:
    """Lay an actor that spans z = 0 to 1 from `start` (3,) to `end` (3,), keeping its thickness."""
    along = end - start
    length = math.sqrt(along @ along)
    actor.SetVisibility(length > 1e-6)
    if length <= 1e-6:
        return
    x, y = _across(*(along / length).tolist())
    matrix = np.eye(4)
    matrix[:3] = np.column_stack([x, y, along, start])
    place(actor, matrix)


def _across(x: float, y: float, z: float) -> tuple[Axis, Axis]:
    """Two unit vectors at right angles to a unit vector and each other (Duff et al. 2017)."""
    sign = math.copysign(1.0, z)
    a = -1.0 / (sign + z)
    b = x * y * a
    return (1.0 + sign * x * x * a, sign * b, -sign * x), (b, sign + y * y * a, -y)


def box_corners(bounds: Sequence[float]) -> FloatArray:
    """(8, 3) corners of VTK's bounds: least and greatest x, y and z in turn."""
    return np.array(list(product(bounds[:2], bounds[2:4], bounds[4:])))


def _actor(data: vtkPolyData) -> vtkActor:
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(data)
    mapper.SetStatic(True)
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().LightingOff()
    actor.GetProperty().BackfaceCullingOn()
    return actor
