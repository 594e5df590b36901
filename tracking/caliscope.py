"""Reads the recordings of the project caliscope: cameras, board and capture times.

In: a workspace folder, or one recording in it: ``camera_array.toml`` (or ``config.toml``, which
holds the same), ``charuco.toml``, and a folder with ``cam_N.mp4`` (or ``port_N.mp4``) and
``timestamps.csv``. Out: a :class:`~tracking.recordings.Recording`. Its lengths are metres and its
world is arbitrary; ours are mm and the world is the first camera.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.calibration.board import Board, BoardError, board_from
from tracking.cameras import Camera
from tracking.recordings import RecordedCamera, Recording, RecordingError, video_properties

SETTINGS = ("camera_array.toml", "config.toml")
TIMES = "timestamps.csv"
CAMERA = re.compile(r"(?:cam|port)_(\d+)")
INCH = 25.4
MM_PER_M = 1000.0
LEVELS_ABOVE = 3
"""A recording lies at most that deep in its workspace: ``calibration/extrinsic``."""
LARGEST_TURN = 10.0
"""No entry of a rotation, as a matrix or as a vector in radians, is larger."""
LATEST_S = 9e9
"""Later times do not fit into nanoseconds of 64 bits."""
FARTHEST_M = 1000.0
"""No camera stands farther from the others."""


def is_caliscope(path: Path) -> bool:
    """Whether the folder `path` is a caliscope workspace or a recording in one."""
    if (path / TIMES).is_file():
        return True
    return any((path / name).is_file() for name in SETTINGS) and bool(_recordings(path))


def open_caliscope(path: Path) -> Recording:
    """Open the workspace or recording at `path`.

    Of a workspace with several recordings the extrinsic calibration is taken, else the first.

    Raises
    ------
    FrameSourceError
        If a file is missing, damaged or does not fit the others; the message names it.
    """
    folder = path if (path / TIMES).is_file() else _recordings(path)[0]
    workspace = _workspace(folder)
    settings = _settings(workspace)
    times = _times(folder / TIMES)
    calibrations = _calibrations(settings)
    videos = sorted(
        (int(match[1]), file)
        for file in folder.iterdir()
        if file.suffix.lower() == ".mp4" and (match := CAMERA.fullmatch(file.stem))
    )
    if not videos:
        raise RecordingError(f"{folder} holds no videos cam_N.mp4. Copy the recording anew.")
    cameras = _to_first_camera(
        [_camera(number, video, times, calibrations.get(number)) for number, video in videos]
    )
    return Recording(
        path=path, name=workspace.name, cameras=tuple(cameras), board=_board(workspace, settings)
    )


def _recordings(path: Path) -> list[Path]:
    """Folders with videos and times in workspace `path`, the one for calibration first."""
    found = [file.parent for file in sorted(path.glob("*/*/" + TIMES))]
    found += [file.parent for file in sorted(path.glob("*/" + TIMES))]
    return sorted(found, key=lambda folder: folder.name != "extrinsic")


def _workspace(folder: Path) -> Path:
    for above in [folder, *folder.resolve().parents[:LEVELS_ABOVE]]:
        if any((above / name).is_file() for name in SETTINGS):
            return above
    return folder


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordingError(
            f"{path} cannot be read ({error}). Copy the recording anew."
        ) from error


def _settings(workspace: Path) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name in reversed(SETTINGS):
        merged |= _read_toml(workspace / name)
    return merged


def _calibrations(settings: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """Camera number -> what the files say of it: ``[cameras.N]`` or ``[cam_N]``."""
    tables = {f"cam_{number}": table for number, table in settings.get("cameras", {}).items()}
    tables = {**settings, **tables}
    return {
        int(match[1]): table
        for name, table in tables.items()
        if isinstance(table, dict) and (match := CAMERA.fullmatch(name))
    }


def _times(path: Path) -> dict[int, NDArray[np.int64]]:
    """Camera number -> capture times of its frames, ns."""
    seconds: dict[int, list[float]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                number = row.get("cam_id") or row["port"]
                seconds.setdefault(int(number), []).append(float(row["frame_time"]))
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be read ({error.strerror}). It must list the time of each frame."
        ) from error
    except (KeyError, OverflowError, TypeError, ValueError, csv.Error) as error:
        raise RecordingError(
            f"{path} must have the columns cam_id and frame_time with numbers in them "
            f"({error}). Copy the recording anew."
        ) from error
    times = {}
    for number, values in seconds.items():
        # Written so that a time that is no number is found too.
        if not (np.abs(values) < LATEST_S).all():
            raise RecordingError(
                f"{path}: a time of camera {number} is no time in seconds. Copy the recording anew."
            )
        if (np.diff(values) <= 0).any():
            raise RecordingError(
                f"{path}: the times of camera {number} go backwards or stand still. "
                "Copy the recording anew."
            )
        times[number] = np.rint(np.array(values) * 1e9).astype(np.int64)
    return times


def _camera(
    number: int,
    video: Path,
    times: Mapping[int, NDArray[np.int64]],
    table: Mapping[str, Any] | None,
) -> RecordedCamera:
    properties = video_properties(video)
    width, height = properties.width, properties.height
    if number not in times:
        raise RecordingError(
            f"{video.parent / TIMES} has no times for camera {number}. Copy the recording anew."
        )
    if properties.frames != len(times[number]):
        raise RecordingError(
            f"{video} has {properties.frames} frames, but {video.parent / TIMES} has times for "
            f"{len(times[number])}. Copy the recording anew."
        )
    calibration = None if table is None else _calibration(video, table, width, height)
    return RecordedCamera(
        name=f"cam_{number}",
        width=width,
        height=height,
        video=video,
        times_ns=times[number],
        calibration=calibration,
        placed=calibration is not None and "translation" in (table or {}),
    )


def _calibration(video: Path, table: Mapping[str, Any], width: int, height: int) -> Camera | None:
    """Give the camera with the files' world, in mm; None if it is not calibrated."""
    if table.get("matrix") is None or table.get("distortions") is None:
        return None
    try:
        wide, high = (int(value) for value in table.get("size", (width, height)))
        matrix = np.array(table["matrix"], dtype=np.float64).reshape(3, 3)
        distortion = np.array(table["distortions"], dtype=np.float64).ravel()
        where = RigidTransform.identity()
        if "rotation" in table and "translation" in table:
            turn = np.array(table["rotation"], dtype=np.float64)
            offset = np.array(table["translation"], dtype=np.float64).reshape(3)
            if not ((np.abs(turn) <= LARGEST_TURN).all() and (np.abs(offset) <= FARTHEST_M).all()):
                raise ValueError("its place is none")
            rotation = (
                Rotation.from_matrix(turn) if turn.size == 9 else Rotation.from_rotvec(turn.ravel())
            )
            where = RigidTransform.from_components(offset * MM_PER_M, rotation)
    except (OverflowError, TypeError, ValueError) as error:
        raise RecordingError(
            f"The parameters of camera {video.stem} in {' or '.join(SETTINGS)} are wrong "
            f"({error}). Copy the recording anew."
        ) from error
    if distortion.size not in (4, 5, 8) or not np.isfinite([*matrix.flat, *distortion]).all():
        raise RecordingError(
            f"Camera {video.stem} has {distortion.size} distortion coefficients; 4, 5 or 8 of "
            "OpenCV's are known. Calibrate it anew."
        )
    return Camera(video.stem, wide, high, matrix, distortion, where)


def _to_first_camera(cameras: list[RecordedCamera]) -> list[RecordedCamera]:
    """Take the first camera as world."""
    first = cameras[0].calibration
    if first is None or not cameras[0].placed:
        return [replace(camera, placed=False) for camera in cameras]
    world_from_first = first.camera_from_world.inv()
    return [
        camera
        if camera.calibration is None or not camera.placed
        else replace(
            camera,
            calibration=replace(
                camera.calibration,
                camera_from_world=camera.calibration.camera_from_world * world_from_first,
            ),
        )
        for camera in cameras
    ]


def _board(workspace: Path, settings: Mapping[str, Any]) -> Board | None:
    path = workspace / "charuco.toml"
    table = _read_toml(path) or settings.get("charuco")
    if not isinstance(table, dict):
        return None
    try:
        return board_from(
            {
                "columns": table["columns"],
                "rows": table["rows"],
                "square": _square(table),
                "marker_ratio": table.get("aruco_scale", 0.75),
                "dictionary": table["dictionary"],
                "inverted": table.get("inverted", False),
                "legacy_pattern": table.get("legacy_pattern", False),
            },
            str(path),
        )
    except (BoardError, KeyError, TypeError, ZeroDivisionError) as error:
        raise RecordingError(f"The board of {workspace} is described wrongly: {error}") from error


def _square(table: Mapping[str, Any]) -> float:
    """Side of a square, mm: as measured, or by the size of the sheet as caliscope divides it."""
    # Its older versions spell the key with one r.
    measured = table.get("square_size_override_cm") or table.get("square_size_overide_cm")
    if measured:
        return float(measured) * 10
    unit = INCH if table.get("units") == "inch" else 10.0
    across = table["board_width"] / table["columns"]
    return float(min(across, table["board_height"] / table["rows"]) * unit)
