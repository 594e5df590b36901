"""Boards in recordings that nobody here made: how well edge-fitted tags fit, beside OpenCV's.

Four webcams that watch a hand-held board, twice. Each camera is calibrated from its own pictures,
once with our corners and once with OpenCV's SUBPIX corners of the same tags, by the same procedure
(which takes out how much larger or smaller the tags look, OpenCV's main fault); both are judged by
the median over pictures of the board's RMS misfit. All cameras together then give the side of a
square, triangulated in pictures that the calibration did not use.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.report import Figure, at_least, at_most
from tracking.calibration.assessment import picture_misfits
from tracking.calibration.board import Board
from tracking.calibration.board_finder import BoardView
from tracking.calibration.camera_solver import solve_lens
from tracking.calibration.extrinsics import ExtrinsicsCollector
from tracking.calibration.gathering import CalibrationCamera
from tracking.calibration.held_out import SQUARE_SIDE
from tracking.calibration.result import DeviceSettings
from tracking.recordings import open_recording

RECORDINGS = ("4_cam_recording", "charuco_calibration")
MIRRORED = {"4_cam_recording": {"cam_1"}, "charuco_calibration": set[str]()}


def measure() -> list[Figure]:
    """Calibrate from both recordings; told as not run where they are absent."""
    root = os.environ.get("COILPILOT_TEST_DATA")
    folder = Path(root) if root else Path(__file__).parents[3] / "shared" / "data"
    figures = []
    for name in RECORDINGS:
        path = folder / "real-feeds" / name
        if path.is_dir():
            figures += _recording(name, path)
        else:
            figures.append(Figure(f"{name}: not run", 0.0, conditions="the recording is not there"))
    return figures


def _recording(name: str, path: Path) -> list[Figure]:
    recording = open_recording(path)
    assert recording.board is not None
    cameras = [
        CalibrationCamera(one.name, DeviceSettings(width=one.width, height=one.height))
        for one in recording.cameras
    ]
    collector = ExtrinsicsCollector(cameras, recording.board, name)
    for frames in recording.frames():
        collector.add(frames)
    results = collector.solve()
    board = collector.gathering.board()
    figures = []
    for camera in cameras:
        ours = collector.alone[camera.name]
        tags, saddles = picture_misfits(ours, 0)
        theirs = _opencv(collector.gathering.views(camera.name), board, camera)
        told = f"{len(ours.views)} pictures, camera calibrated from them alone"
        where = f"{name} {camera.name}"
        figures += [
            at_most(f"{where}: board misfit, edge-fitted tags", tags, 0.25, "px", told),
            Figure(
                f"{where}: the same with SUBPIX", theirs, "px", conditions="same tags, same way"
            ),
            at_least(f"{where}: how many times better", theirs / tags, 2.0, ""),
            Figure(f"{where}: saddle points", saddles, "px", conditions="beside the tags"),
        ]
    findings = (one for result in results for one in result.further)
    side = next(one for one in findings if one.name == SQUARE_SIDE)
    off = abs(side.value - board.square)
    figures.append(at_most(f"{name}: error of a square's side", off, 0.3, "mm", side.meaning))
    mirrored = {one.name for one in cameras if collector.gathering.mirrored(one.name)}
    right = float(mirrored == MIRRORED[name])
    figures.append(at_least(f"{name}: cameras that show the board mirrored found", right, 1.0, ""))
    return figures


def _opencv(views: list[BoardView], board: Board, camera: CalibrationCamera) -> float:
    """The same misfit with OpenCV's corners of the same tags, without saddles, calibrated alike."""
    refined = [one for view in views if (one := _subpix(view, board)) is not None]
    found = solve_lens(refined, board, camera)
    return picture_misfits(found, 0)[0]


def _subpix(view: BoardView, board: Board) -> BoardView | None:
    """Take the tags of `view` as OpenCV finds and refines them in the same part of the picture."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.ArucoDetector(board.markers(), parameters)
    quads, ids, _ = detector.detectMarkers(view.patch)
    if not quads:
        return None
    seen = {
        int(tag): np.asarray(quad, np.float64).reshape(4, 2) + view.origin
        for tag, quad in zip(ids.ravel(), quads, strict=True)
    }
    kept = [tag for tag in view.tags.tolist() if tag in seen]
    if len(kept) < 2:
        return None
    return replace(
        view,
        tags=np.array(kept, dtype=np.int64),
        tag_corners=np.array([seen[tag] for tag in kept]),
        saddles=view.saddles[:0],
        saddle_points=view.saddle_points[:0],
        # Without its picture nothing is refined again.
        patch=np.full((8, 8), 128, dtype=np.uint8),
    )
