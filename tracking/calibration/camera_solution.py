"""Cameras as bundle adjustment found them, with the views that they were found from.

In: a solved problem. Out: cameras, residuals by camera, and parts of the problem to solve anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.calibration.board import Board
from tracking.calibration.board_finder import BoardView
from tracking.calibration.bundle import OUTRIGHT_PX, Solution
from tracking.calibration.bundle_model import Knowns, Sighting
from tracking.calibration.lens import camera_of, mirrored_lens
from tracking.cameras import Camera

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class CamerasSolution:
    """Cameras as they were found.

    Attributes
    ----------
    names
        The cameras solved, the first being ``world``.
    sizes
        Width and height of the pictures of each.
    views, sightings
        The pictures used, one sighting for each view.
    knowns, solution
        The problem and its solution; see :mod:`tracking.calibration.bundle`.
    unplaced
        Cameras that no common views join to the first.
    left_out
        Share of the points that fit so badly (a finger, a reflection) that they were left out.
    backs
        Cameras that see the back of a board printed on both sides.
    shifts
        Camera name -> seconds that were added to its times before its views were put together.
    """

    board: Board
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    views: tuple[BoardView, ...]
    sightings: tuple[Sighting, ...]
    knowns: Knowns
    solution: Solution
    unplaced: tuple[str, ...] = ()
    left_out: float = 0.0
    backs: frozenset[str] = frozenset()
    shifts: Mapping[str, float] = field(default_factory=dict)

    def late(self, number: int) -> float:
        """By how much the pictures of a camera are taken after their times, s."""
        rest = float(self.solution.unknowns.late[number])
        return self.shifts.get(self.names[number], 0.0) + rest

    def camera(self, number: int) -> Camera:
        """Give a camera as found."""
        unknowns = self.solution.unknowns
        place = RigidTransform.from_matrix(unknowns.camera_from_world[number])
        return camera_of(self.names[number], self.sizes[number], unknowns.lenses[number], place)

    @property
    def misfit_px(self) -> float:
        """Mean misfit of all points, those left out included, for comparing solutions."""
        return self.solution.cost + self.left_out * OUTRIGHT_PX

    def camera_of_view(self, one: Sighting) -> Camera:
        """Give the camera as its view of the board, which may be turned over, has it."""
        camera = self.camera(one.camera)
        if not one.back:
            return camera
        size = self.sizes[one.camera]
        turned = mirrored_lens(self.lens(one.camera), size[0])
        return camera_of(camera.name, size, turned, camera.camera_from_world)

    def with_instants(
        self, used: Sequence[int], views: Sequence[BoardView], sightings: Sequence[Sighting]
    ) -> CamerasSolution:
        """Keep only the instants `used`, with `views` and `sightings` of them, not yet solved."""
        position = {instant: number for number, instant in enumerate(used)}
        unknowns = self.solution.unknowns
        unknowns = replace(
            unknowns,
            world_from_board=unknowns.world_from_board[list(used)],
            velocity=unknowns.velocity[list(used)],
        )
        return replace(
            self,
            views=tuple(views),
            sightings=tuple(replace(one, instant=position[one.instant]) for one in sightings),
            knowns=replace(self.knowns, times=self.knowns.times[list(used)]),
            solution=replace(self.solution, unknowns=unknowns),
        )

    def lens(self, number: int) -> FloatArray:
        """Give the (9,) lens of a camera."""
        return np.asarray(self.solution.unknowns.lenses[number])

    def pictures(self, number: int) -> list[tuple[BoardView, FloatArray]]:
        """Give the views of one camera with their (N, 2) residuals: saddle points, then tags."""
        return [
            (view, residuals)
            for view, one, residuals in zip(
                self.views, self.sightings, self.solution.residuals, strict=True
            )
            if one.camera == number
        ]

    def rms_px(self, number: int) -> float:
        """RMS distance of seen from expected points in the pictures of one camera, pixels."""
        parts = [residuals for _, residuals in self.pictures(number)]
        return float(np.sqrt((np.concatenate(parts) ** 2).sum(axis=1).mean()))

    @property
    def bow(self) -> float:
        """How far the board bulges, mm."""
        return float(np.abs(self.solution.unknowns.shape[:3]).max())
