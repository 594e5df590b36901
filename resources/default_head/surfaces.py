"""Scalp and cortex as triangle surfaces, from the intensities of a T1 image.

In: the whole head and the brain alone, as :class:`~resources.default_head.volume.Volume`.
Out: closed surfaces in ``mri``, outward facing; the same on every run.
"""

from __future__ import annotations

import fast_simplification
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersCore import (
    vtkFlyingEdges3D,
    vtkPolyDataConnectivityFilter,
    vtkWindowedSincPolyDataFilter,
)

from render.surface import Surface
from resources.default_head.manifold import parted
from resources.default_head.volume import FloatArray, Mask, Volume, class_means, otsu

PADDING = 12
"""Voxels added on each side, so that every surface closes within the grid."""
SCALP_TRIANGLES = 60_000
CORTEX_TRIANGLES = 100_000
FOREHEAD_RADIUS = 80.0
"""Radius of the dome that continues the head beyond a cut, mm: about that of a forehead."""
SINUS_DEPTH = 14.0
"""Fluid deeper than this under the brain's hull is filled: ventricles, not gyri, mm."""


def scalp_surface(head: Volume) -> Surface:
    """Give the skin with ears and nose as one closed surface of genus 0.

    Where the field of view cuts the head (front, sides) it is continued by a shallow dome; at
    the neck it ends in a flat cap.
    """
    threshold = otsu(np.sqrt(head.values)) ** 2
    mask = _head_mask(head.values > threshold)
    clipped = np.minimum(head.values, 2 * threshold)
    inner = ndimage.binary_erosion(mask, iterations=3, border_value=1)
    values = np.where(mask, np.where(inner, 2 * threshold, np.maximum(clipped, 0)), 0.0)
    padded = _continued(values, mask, 2 * threshold)
    smooth = ndimage.gaussian_filter(padded, 0.8)
    return _isosurface(smooth, head.origin - PADDING, threshold, 0.02, SCALP_TRIANGLES)


def cortex_surface(brain: Volume) -> Surface:
    """Give the border of grey matter and fluid, gyri and sulci, as one closed surface."""
    inside = brain.values > 0
    fluid, grey, _ = class_means(brain.values[inside], 3)
    threshold = float(fluid + grey) / 2
    hull = ndimage.binary_closing(np.pad(inside, PADDING), _ball(6))
    depth = ndimage.distance_transform_edt(hull)
    tissue = np.pad(brain.values, PADDING)
    solid = ndimage.binary_opening(tissue > threshold, _ball(1)) | (depth > SINUS_DEPTH)
    solid = ndimage.binary_fill_holes(_largest(solid))
    full = float(grey)
    values = np.where(solid, np.clip(tissue, 0, full), np.minimum(tissue, threshold) * 0.8)
    values[solid & (depth > SINUS_DEPTH)] = full
    values[solid & (tissue < threshold)] = full
    smooth = ndimage.gaussian_filter(values, 0.6)
    return _isosurface(smooth, brain.origin - PADDING, threshold, 0.1, CORTEX_TRIANGLES)


def _head_mask(bright: Mask) -> Mask:
    """One solid head from the bright voxels: cavities, canals and islands closed."""
    margin = 10
    mask = np.pad(_largest(bright), margin, mode="edge")
    distance = ndimage.distance_transform_edt(~mask)
    grown = distance <= 8
    mask = ndimage.distance_transform_edt(grown) > 8
    mask = mask[margin:-margin, margin:-margin, margin:-margin]
    for axis in range(3):
        slices = np.moveaxis(mask, axis, 0)
        for index in range(len(slices)):
            slices[index] = ndimage.binary_fill_holes(slices[index])
    return _largest(ndimage.binary_opening(mask, _ball(2)) | (mask & bright))


def _continued(values: FloatArray, mask: Mask, full: float) -> FloatArray:
    """Pad by :data:`PADDING`; beyond the front and side cuts, continue the head by a dome."""
    padded = np.pad(values, PADDING)
    core = slice(PADDING, -PADDING)
    for axis, end in ((1, -1), (0, 0), (0, -1)):
        height = _dome(np.take(mask, end, axis=axis))
        for step in range(1, PADDING + 1):
            index = PADDING - step if end == 0 else padded.shape[axis] - PADDING - 1 + step
            plane = full * np.clip(height - step + 1.0, 0, 1)
            where: list[int | slice] = [core, core, core]
            where[axis] = index
            padded[tuple(where)] = plane
    return padded


def _dome(patch: Mask) -> FloatArray:
    """Height over `patch` of the cap with mean curvature 1 / FOREHEAD_RADIUS, zero at its rim.

    Solves the Poisson equation of a shallow cap, laplacian(h) = -2 / radius, by 5-point
    differences on the 1 mm grid.
    """
    number = np.full(patch.shape, -1)
    number[patch] = np.arange(int(patch.sum()))
    rows, columns = [], []
    for axis in (0, 1):
        first = np.moveaxis(number, axis, 0)[:-1].ravel()
        second = np.moveaxis(number, axis, 0)[1:].ravel()
        both = (first >= 0) & (second >= 0)
        rows += [first[both], second[both]]
        columns += [second[both], first[both]]
    count = int(patch.sum())
    height = np.zeros(patch.shape)
    if count == 0:
        return height
    diagonal = np.arange(count)
    row, column = np.concatenate([*rows, diagonal]), np.concatenate([*columns, diagonal])
    entries = np.concatenate([np.full(len(row) - count, -1.0), np.full(count, 4.0)])
    system = coo_array((entries, (row, column)), shape=(count, count)).tocsc()
    height[patch] = spsolve(system, np.full(count, 2 / FOREHEAD_RADIUS))
    return height


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    largest: Mask = labels == int(np.argmax(sizes))
    return largest


def _ball(radius: int) -> Mask:
    grid = np.mgrid[-radius : radius + 1, -radius : radius + 1, -radius : radius + 1]
    ball: Mask = (grid**2).sum(axis=0) <= radius * radius
    return ball


def _isosurface(
    values: FloatArray, origin: FloatArray, level: float, pass_band: float, triangles: int
) -> Surface:
    """Largest part of the isosurface of `values` at `level`, smoothed and thinned."""
    image = vtkImageData()
    image.SetDimensions(*values.shape)
    image.SetOrigin(*origin)
    image.GetPointData().SetScalars(
        numpy_to_vtk(values.astype(np.float32).ravel(order="F"), deep=True)
    )
    edges = vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, level)
    edges.ComputeNormalsOff()
    largest = vtkPolyDataConnectivityFilter()
    largest.SetInputConnection(edges.GetOutputPort())
    largest.SetExtractionModeToLargestRegion()
    sinc = vtkWindowedSincPolyDataFilter()
    sinc.SetInputConnection(largest.GetOutputPort())
    sinc.SetNumberOfIterations(20)
    sinc.SetPassBand(pass_band)
    sinc.NormalizeCoordinatesOn()
    sinc.Update()
    points, faces = _arrays(sinc.GetOutput())
    if len(faces) > triangles:
        thin = 1 - triangles / len(faces)
        points, faces = fast_simplification.simplify(points, faces, target_reduction=thin)
    return _outward(Surface(*parted(points, faces)))


def _arrays(mesh: vtkPolyData) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    points = vtk_to_numpy(mesh.GetPoints().GetData()).astype(np.float32)
    cells = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray())
    return points, cells.reshape(-1, 3).astype(np.int32)


def _outward(surface: Surface) -> Surface:
    corners = surface.vertices[surface.faces].astype(np.float64)
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum()
    return surface if volume > 0 else Surface(surface.vertices, surface.faces[:, ::-1])
