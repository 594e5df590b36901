"""The 21 positions of the 10-20 system, measured over the scalp as with a tape.

In: the scalp and the four landmarks. Out: positions on the scalp, mm in ``mri``. A tape between
two points over a third is the section of the scalp with the plane through all three; positions
lie at fixed shares of its length (Jasper 1958; modern names after Klem et al. 1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPlane, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkCutter, vtkStripper

from render.surface import Surface

FloatArray = NDArray[np.float64]
_FINE = 0.05
"""Spacing of the points of a tape, mm."""
_STEPS = 50
"""Rounds for Cz, which must halve both the sagittal and the coronal tape; about 6 suffice."""


class TapeError(Exception):
    """A tape that cannot be laid: its plane does not cut the scalp in one line."""


class Tape:
    """The scalp, ready to be measured over."""

    def __init__(self, scalp: Surface) -> None:
        points = vtkPoints()
        points.SetData(numpy_to_vtk(scalp.vertices.astype(np.float64), deep=True))
        cells = vtkCellArray()
        offsets = np.arange(0, 3 * len(scalp.faces) + 1, 3, dtype=np.int64)
        cells.SetData(
            numpy_to_vtk(offsets, deep=True),
            numpy_to_vtk(scalp.faces.astype(np.int64).ravel(), deep=True),
        )
        self._mesh = vtkPolyData()
        self._mesh.SetPoints(points)
        self._mesh.SetPolys(cells)

    def over(self, start: FloatArray, via: FloatArray, end: FloatArray) -> FloatArray:
        """Give the (K, 3) line over the scalp from `start` to `end` on the side of `via`.

        Raises
        ------
        TapeError
            If the three points lie on one straight line or the plane misses the scalp.
        """
        loop = self._loop(start, via, end)
        first, middle, last = (_closest(loop, point) for point in (start, via, end))
        count = len(loop)
        if (middle - first) % count <= (last - first) % count:
            indices = np.arange(first, first + (last - first) % count + 1) % count
        else:
            indices = np.arange(first, first - (first - last) % count - 1, -1) % count
        return loop[indices]

    def _loop(self, start: FloatArray, via: FloatArray, end: FloatArray) -> FloatArray:
        """Give the closed line of the section that passes nearest to the three points."""
        normal = np.cross(via - start, end - start)
        length = np.linalg.norm(normal)
        if length < 1e-6:
            raise TapeError("The three points of a tape lie on one straight line.")
        plane = vtkPlane()
        plane.SetOrigin(*start)
        plane.SetNormal(*(normal / length))
        cutter = vtkCutter()
        cutter.SetInputData(self._mesh)
        cutter.SetCutFunction(plane)
        stripper = vtkStripper()
        stripper.SetInputConnection(cutter.GetOutputPort())
        stripper.JoinContiguousSegmentsOn()
        stripper.SetMaximumLength(1_000_000)
        stripper.Update()
        cut = stripper.GetOutput()
        if cut.GetNumberOfLines() == 0:
            raise TapeError("The plane of a tape does not cut the scalp.")
        points = vtk_to_numpy(cut.GetPoints().GetData()).astype(np.float64)
        offsets = vtk_to_numpy(cut.GetLines().GetOffsetsArray())
        ids = vtk_to_numpy(cut.GetLines().GetConnectivityArray())
        loops = [points[ids[a:b]] for a, b in pairwise(offsets)]
        nearest = min(loops, key=lambda loop: sum(_gap(loop, p) for p in (start, via, end)))
        return _finely(nearest)[:-1]


def share(line: FloatArray, fraction: float) -> FloatArray:
    """Give the point at `fraction` of the length of `line` (K, 3)."""
    along = _lengths(line)
    return np.array([np.interp(fraction * along[-1], along, line[:, k]) for k in range(3)])


def positions_1020(scalp: Surface, landmarks: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Give the 21 positions from nasion, inion, LPA and RPA."""
    tape = Tape(scalp)
    nasion, inion = landmarks["nasion"], landmarks["inion"]
    left, right = landmarks["LPA"], landmarks["RPA"]
    cz = _vertex(tape, scalp, landmarks)
    found = {"Cz": cz}

    def lay(start: FloatArray, via: FloatArray, end: FloatArray, names: dict[str, float]) -> None:
        line = tape.over(start, via, end)
        found.update({name: share(line, fraction) for name, fraction in names.items()})

    lay(nasion, cz, inion, {"Fpz": 0.1, "Fz": 0.3, "Pz": 0.7, "Oz": 0.9})
    lay(left, cz, right, {"T7": 0.1, "C3": 0.3, "C4": 0.7, "T8": 0.9})
    for side, temple in (("1357", "T7"), ("2468", "T8")):
        odd = {"Fp": side[0], "F": side[3], "P": side[3], "O": side[0]}
        around = tape.over(found["Fpz"], found[temple], found["Oz"])
        middle = around[_closest(around, found[temple])]
        front, back = _split(around, middle)
        found["Fp" + odd["Fp"]] = share(front, 0.2)
        found["F" + odd["F"]] = share(front, 0.6)
        found["P" + odd["P"]] = share(back, 0.4)
        found["O" + odd["O"]] = share(back, 0.8)
    for row in ("F", "P"):
        across = tape.over(found[row + "7"], found[row + "z"], found[row + "8"])
        to_left, to_right = _split(across, found[row + "z"])
        found[row + "3"], found[row + "4"] = share(to_left, 0.5), share(to_right, 0.5)
    return found


def _vertex(tape: Tape, scalp: Surface, landmarks: Mapping[str, FloatArray]) -> FloatArray:
    """Cz: the point that halves both tapes, found by laying them in turn."""
    cz = scalp.vertices[int(np.argmax(scalp.vertices[:, 2]))].astype(np.float64)
    for _ in range(_STEPS):
        sagittal = share(tape.over(landmarks["nasion"], cz, landmarks["inion"]), 0.5)
        moved = share(tape.over(landmarks["LPA"], sagittal, landmarks["RPA"]), 0.5)
        if np.linalg.norm(moved - cz) < 0.01:
            return moved
        cz = moved
    raise TapeError("Cz does not settle. Check the four landmarks.")


def _lengths(line: FloatArray) -> FloatArray:
    """Length of `line` up to each of its points."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _finely(line: FloatArray) -> FloatArray:
    """Give `line` with points every :data:`_FINE`, so that its nearest point is near enough."""
    along = _lengths(line)
    places = np.linspace(0, along[-1], int(along[-1] / _FINE) + 2)
    return np.column_stack([np.interp(places, along, line[:, k]) for k in range(3)])


def _split(line: FloatArray, point: FloatArray) -> tuple[FloatArray, FloatArray]:
    index = _closest(line, point)
    return line[: index + 1], line[index:]


def _closest(line: FloatArray, point: FloatArray) -> int:
    return int(np.argmin(((line - point) ** 2).sum(axis=1)))


def _gap(line: FloatArray, point: FloatArray) -> float:
    return float(np.sqrt(((line - point) ** 2).sum(axis=1).min()))
