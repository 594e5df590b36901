"""Intrinsics: the lens of each camera, from pictures of a ChArUco board.

In: frames of one or several cameras. Out: an :class:`~tracking.calibration.result.IntrinsicsValue`
for each camera, with standard deviations, a coverage map and the reasons not to use it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracking.calibration.assessment import lens_faults, lens_findings, lens_warnings
from tracking.calibration.board import Board
from tracking.calibration.camera_solution import CamerasSolution
from tracking.calibration.camera_solver import solve_lens
from tracking.calibration.collector import Progress
from tracking.calibration.gathering import BoardGathering, CalibrationCamera
from tracking.calibration.held_out import HeldOut, flatness_check, hold_out
from tracking.calibration.predicted_error import predicted_error
from tracking.calibration.progress import lens_progress
from tracking.calibration.result import CalibrationResult, Finding, IntrinsicsValue, utc_now
from tracking.frames import Frame


class IntrinsicsCollector:
    """Gathers views of a board for the lenses of `cameras`: a ``Collector``.

    Parameters
    ----------
    cameras
        The cameras; each is calibrated by itself.
    board
        The board that is shown.
    source
        What the pictures come from, for the results.

    Raises
    ------
    CalibrationError
        If the cameras' names are not their own.
    """

    def __init__(self, cameras: Sequence[CalibrationCamera], board: Board, source: str) -> None:
        self.gathering = BoardGathering(cameras, board)
        self._source = source
        self.alone: dict[str, CamerasSolution] = {}
        """Each camera as solved from its own pictures; empty before :meth:`solve`."""

    def add(self, frames: Sequence[Frame]) -> Progress:
        """Look at the frames of one instant, at most one of each camera.

        Raises
        ------
        CalibrationError
            If a frame has not the size that the camera is said to have.
        """
        return lens_progress(self.gathering, self.gathering.add(frames))

    def solve(self) -> tuple[CalibrationResult, ...]:
        """Solve each camera by itself.

        Raises
        ------
        CalibrationError
            If a camera shows the board too rarely to say anything.
        """
        board = self.gathering.board()
        results = []
        for name, camera in self.gathering.cameras.items():
            found = solve_lens(self.gathering.views(name), board, camera)
            self.alone[name] = found
            results.append(lens_result(self.gathering, hold_out(found), 0, self._source))
        return tuple(results)


def lens_result(
    gathering: BoardGathering, held: HeldOut, number: int, source: str
) -> CalibrationResult:
    """Put together the result for the lens of one camera of ``held.found``."""
    found = held.found
    name = found.names[number]
    camera = found.camera(number)
    sigma = np.sqrt(np.diag(found.solution.lens_covariance(number)))
    fx, fy, cx, cy = sigma[:4].tolist()
    return CalibrationResult(
        subject=name,
        made_utc=utc_now(),
        source=source,
        residual=Finding(
            name="reprojection",
            value=found.rms_px(number),
            unit="px",
            meaning="RMS distance of the board's points from where they are expected",
        ),
        predicted_error=Finding(
            name="coil on head",
            value=predicted_error(found, number),
            unit="mm",
            meaning="error of the focal point to expect with this camera alone from its lens, "
            "at the distance at which the board was held",
        ),
        further=(
            *lens_findings(found, number, gathering.covered(name)),
            *flatness_check(held, number),
        ),
        faults=tuple(lens_faults(gathering, found, number)),
        warnings=tuple(lens_warnings(gathering, found, number)),
        holds_for={name: gathering.cameras[name].settings},
        value=IntrinsicsValue(
            matrix=camera.matrix.tolist(),
            distortion=camera.distortion.tolist(),
            matrix_sigma=((fx, 0.0, cx), (0.0, fy, cy), (0.0, 0.0, 0.0)),
            distortion_sigma=sigma[4:].tolist(),
            mirrored=gathering.mirrored(name) and name not in found.backs,
        ),
    )
