"""Extrinsics: where two to eight cameras stand, from a board waved in their common view.

In: frames of the cameras, not necessarily taken together. Out: an
:class:`~tracking.calibration.result.ExtrinsicsValue`, and the intrinsics of those cameras whose
lens is not kept: all is solved in one bundle adjustment. The first camera is ``world``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracking.calibration.assessment import (
    common_instants,
    frame_findings,
    placing_faults,
    placing_warnings,
)
from tracking.calibration.board import Board
from tracking.calibration.camera_solution import CamerasSolution
from tracking.calibration.camera_solver import ExpectedLens, solve_cameras, solve_lens
from tracking.calibration.collector import CalibrationError, Progress
from tracking.calibration.gathering import BoardGathering, CalibrationCamera
from tracking.calibration.held_out import HeldOut, hold_out, length_check
from tracking.calibration.intrinsics import lens_result
from tracking.calibration.lens import lens_of
from tracking.calibration.predicted_error import predicted_error
from tracking.calibration.progress import placing_progress
from tracking.calibration.result import CalibrationResult, ExtrinsicsValue, Finding, utc_now
from tracking.feed_description import TransformModel
from tracking.frames import Frame

MOST_CAMERAS = 8

LOOSENESS = 3.0
"""The common solution may change a lens by so many of its own standard deviations: its pictures
are used twice, so they must not count fully both times."""


class ExtrinsicsCollector:
    """Gathers common views of a board for the places of `cameras`: a ``Collector``.

    Parameters
    ----------
    cameras
        Two to eight. Those with a lens keep it; the others get theirs with their place.
    board
        The board that is shown.
    source
        What the pictures come from, for the results.

    Raises
    ------
    CalibrationError
        If there are not two to eight cameras with names of their own, or a lens to be kept is of
        another size than the pictures.
    """

    def __init__(self, cameras: Sequence[CalibrationCamera], board: Board, source: str) -> None:
        if not 2 <= len(cameras) <= MOST_CAMERAS:
            raise CalibrationError(
                f"Places are calibrated for 2 to {MOST_CAMERAS} cameras together, not for "
                f"{len(cameras)}. Choose the cameras that look at the scene."
            )
        self.gathering = BoardGathering(cameras, board)
        self._source = source
        self.alone: dict[str, CamerasSolution] = {}
        """Each camera without a kept lens as solved from its own pictures; empty before
        :meth:`solve`."""

    def add(self, frames: Sequence[Frame]) -> Progress:
        """Look at the frames of one instant, at most one of each camera.

        Raises
        ------
        CalibrationError
            If a frame has not the size that the camera is said to have.
        """
        return placing_progress(self.gathering, self.gathering.add(frames))

    def solve(self) -> tuple[CalibrationResult, ...]:
        """Solve all cameras together: the lenses that are not kept, then the places.

        Raises
        ------
        CalibrationError
            If a camera shows the board too rarely to say anything, or none together with another.
        """
        found = self.solved()
        free = [
            number
            for number, name in enumerate(found.names)
            if self.gathering.cameras[name].lens is None
        ]
        held = hold_out(found)
        lenses = [lens_result(self.gathering, held, number, self._source) for number in free]
        return (*lenses, self._placing_result(held))

    def solved(self) -> CamerasSolution:
        """Solve, and give the solution itself; raises as :meth:`solve`."""
        gathering = self.gathering
        cameras, board = list(gathering.cameras.values()), gathering.board()
        lenses = [self._expected(camera, board) for camera in cameras]
        found = solve_cameras(gathering.instants, board, cameras, lenses)
        if len(found.names) < 2:
            raise CalibrationError(
                f"Camera '{found.names[0]}' never saw the board together with another. Hold the "
                "board where two cameras see it, and check that their times have one clock."
            )
        return found

    def _expected(self, camera: CalibrationCamera, board: Board) -> ExpectedLens:
        """Take the lens by the camera's own pictures, loosely, for where all are used together."""
        if camera.lens is not None:
            return ExpectedLens.of(camera, lens_of(camera.lens))
        alone = solve_lens(self.gathering.views(camera.name), board, camera)
        self.alone[camera.name] = alone
        sigma = np.sqrt(np.diag(alone.solution.lens_covariance(0)))
        return ExpectedLens(alone.lens(0), alone.lens(0), LOOSENESS * sigma)

    def _placing_result(self, held: HeldOut) -> CalibrationResult:
        found = held.found
        error = predicted_error(found)
        further = [
            finding.model_copy(update={"name": f"{name}: {finding.name}"})
            for number, name in enumerate(found.names)
            for finding in (
                Finding(name="reprojection", value=found.rms_px(number), unit="px"),
                Finding(
                    name="late",
                    value=1e3 * found.late(number),
                    unit="ms",
                    meaning="by how much its pictures are taken after their times, against the "
                    "first camera",
                ),
                Finding(name="common instants", value=common_instants(found, number), unit=""),
                *frame_findings(found, number),
            )
        ]
        return CalibrationResult(
            subject=",".join(found.names),
            made_utc=utc_now(),
            source=self._source,
            residual=Finding(
                name="reprojection",
                value=max(found.rms_px(number) for number in range(len(found.names))),
                unit="px",
                meaning="RMS distance of the board's points from where they are expected, in the "
                "worst camera",
            ),
            predicted_error=Finding(
                name="coil on head",
                value=error,
                unit="mm",
                meaning="error of the focal point to expect from lenses and places, where the "
                "board was held",
            ),
            further=(*length_check(held), *further),
            faults=tuple(placing_faults(self.gathering, found, error)),
            warnings=tuple(placing_warnings(self.gathering, found, error)),
            holds_for={name: self.gathering.cameras[name].settings for name in found.names},
            value=ExtrinsicsValue(
                camera_from_world={
                    name: TransformModel.of(found.camera(number).camera_from_world)
                    for number, name in enumerate(found.names)
                }
            ),
        )
