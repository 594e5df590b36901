"""Triangle meshes as things that VTK draws.

In: meshes in mm. Out: opaque, back-face-culled VTK actors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkFiltersCore import vtkPolyDataNormals
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from render.meshes import Mesh
from render.surface import Surface, vertex_normals

Colour = tuple[float, float, float]


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


def surface_actor(surface: Surface, colours: NDArray[np.uint8] | None = None) -> vtkActor:
    """A smooth surface: white, or with (N, 3) colours at its vertices."""
    data = poly_data(surface.vertices, surface.faces)
    data.GetPointData().SetNormals(numpy_to_vtk(vertex_normals(surface), deep=True))
    if colours is not None:
        data.GetPointData().SetScalars(numpy_to_vtk(colours, deep=True))
    return _actor(data)


def mesh_actor(mesh: Mesh, colour: Colour, *, opacity: float = 1.0, glow: float = 0.0) -> vtkActor:
    """A simple solid with sharp edges kept.

    `opacity` below 1 still hides what lies behind its nearest surface within the same window;
    `glow` is the share of light that it gives itself.
    """
    normals = vtkPolyDataNormals()
    normals.SetInputData(poly_data(mesh.vertices, mesh.faces))
    normals.SetFeatureAngle(40.0)
    normals.Update()
    actor = _actor(normals.GetOutput())
    looks = actor.GetProperty()
    looks.SetColor(*colour)
    looks.SetOpacity(opacity)
    looks.SetAmbient(glow)
    looks.SetDiffuse(1.0 - glow)
    # Kept in the opaque pass, so that it writes its depth and needs no sorting.
    actor.ForceOpaqueOn()
    return actor


def place(actor: vtkActor, matrix: NDArray[np.float64]) -> None:
    """Set the (4, 4) matrix from the actor's own frame to ``mri``."""
    vtk_matrix = vtkMatrix4x4()
    vtk_matrix.DeepCopy(np.asarray(matrix, dtype=np.float64).ravel().tolist())
    actor.SetUserMatrix(vtk_matrix)


def place_rigid(actor: vtkActor, mri_from_actor: RigidTransform) -> None:
    """Set the pose of an actor."""
    place(actor, mri_from_actor.as_matrix())


def stretch_between(actor: vtkActor, start: ArrayLike, end: ArrayLike) -> None:
    """Lay an actor that spans z = 0 to 1 from `start` to `end`, keeping its thickness."""
    along = np.asarray(end, dtype=np.float64) - start
    length = float(np.linalg.norm(along))
    actor.SetVisibility(length > 1e-6)
    if length <= 1e-6:
        return
    z = along / length
    x = np.cross(z, np.eye(3)[np.argmin(np.abs(z))])
    x /= np.linalg.norm(x)
    matrix = np.eye(4)
    matrix[:3] = np.column_stack([x, np.cross(z, x), along, start])
    place(actor, matrix)


def _actor(data: vtkPolyData) -> vtkActor:
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(data)
    mapper.SetStatic(True)
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetInterpolationToGouraud()
    actor.GetProperty().BackfaceCullingOn()
    return actor
