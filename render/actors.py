"""Triangle meshes as things that VTK draws.

In: meshes in mm. Out: opaque, back-face-culled VTK actors.

Light is worked out here, vertex by vertex, and not by VTK: in software rendering light worked out
for each pixel takes half of the time of a picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import RigidTransform
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkFiltersCore import vtkPolyDataNormals
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from render.meshes import Mesh
from render.surface import Surface, vertex_normals
from render.views import View

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


def mesh_actor(mesh: Mesh, colour: Colour, *, opacity: float = 1.0, glow: float = 0.0) -> vtkActor:
    """Make a simple solid with sharp edges kept, lit from the -z side of its own frame.

    `opacity` below 1 still hides what lies behind its nearest surface within the same window;
    `glow` is the share of light that it gives itself.
    """
    splitter = vtkPolyDataNormals()
    splitter.SetInputData(poly_data(mesh.vertices, mesh.faces))
    splitter.SetFeatureAngle(40.0)
    splitter.Update()
    data = splitter.GetOutput()
    normals = vtk_to_numpy(data.GetPointData().GetNormals())
    toward_light = np.array([-0.35, 0.4, -0.85])
    lit = 0.45 + 0.55 * (normals @ toward_light)
    light = glow + (1.0 - glow) * np.clip(lit, 0.15, 1.0)
    pixels = np.round(255 * light[:, None] * np.asarray(colour)).astype(np.uint8)
    data.GetPointData().SetScalars(numpy_to_vtk(pixels, deep=True))
    actor = _actor(data)
    actor.GetProperty().SetOpacity(opacity)
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
    along = np.asarray(end, dtype=np.float64) - np.asarray(start, dtype=np.float64)
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
    actor.GetProperty().LightingOff()
    actor.GetProperty().BackfaceCullingOn()
    return actor
