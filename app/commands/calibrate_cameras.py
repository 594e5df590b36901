"""``coilpilot calibrate cameras``: lenses and places of cameras from a recording or live."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from app.commands.output import Failure, show_json, show_table
from tracking.calibration.assessment import picture_misfits
from tracking.calibration.board import Board, BoardError, read_board
from tracking.calibration.collector import CalibrationError
from tracking.calibration.extrinsics import ExtrinsicsCollector
from tracking.calibration.gathering import CalibrationCamera
from tracking.calibration.held_out import SQUARE_SIDE
from tracking.calibration.intrinsics import IntrinsicsCollector
from tracking.calibration.result import CalibrationResult, DeviceSettings, Finding
from tracking.frames import Frame, FrameSource, FrameSourceError
from tracking.live_camera import camera_for_calibration
from tracking.nearest_frames import NearestFrames
from tracking.recordings import Recording, open_recording
from tracking.setups import Setup, SetupError, keep_result, read_setup, write_setup

TAKE_S = 0.1

CamerasCollector = IntrinsicsCollector | ExtrinsicsCollector


@dataclass(frozen=True, slots=True)
class CamerasOrder:
    """What is asked for.

    Attributes
    ----------
    recording
        What to calibrate from; None for the live cameras of `setup`.
    board
        File of the board; None for the recording's, or the default.
    setup, out
        Where results are put into force, and kept.
    decision
        True to accept, False to reject, None to propose.
    intrinsics_only, keep_intrinsics
        Only lenses; only places, with the lenses as they are known.
    seconds
        How long live cameras are watched at most.
    """

    recording: Path | None
    board: Path | None
    setup: Path | None
    out: Path | None
    decision: bool | None
    intrinsics_only: bool
    keep_intrinsics: bool
    seconds: float


def run_calibrate_cameras(order: CamerasOrder, *, as_json: bool) -> int:
    """Calibrate, decide, keep, print; exit status."""
    if order.recording is None and order.setup is None:
        raise Failure(
            "Name a recording to calibrate from, or --setup DIR for its live cameras.", status=2
        )
    if order.decision is not None and order.setup is None and order.out is None:
        raise Failure("A decision must be kept: name --setup DIR or --out DIR.", status=2)
    try:
        setup = None if order.setup is None else read_setup(order.setup)
        if order.recording is not None:
            collector, results = _from_recording(order, open_recording(order.recording), setup)
        else:
            assert setup is not None
            collector, results = _from_live(order, setup)
    except (FrameSourceError, SetupError, CalibrationError, BoardError) as error:
        raise Failure(str(error)) from error
    decided = _decided(order, setup, results)
    if as_json:
        show_json(_as_json(order, collector, decided))
    else:
        for result in decided:
            _show(result)
    return 0


def _from_recording(
    order: CamerasOrder, recording: Recording, setup: Setup | None
) -> tuple[CamerasCollector, tuple[CalibrationResult, ...]]:
    devices = {} if setup is None else {camera.name: camera for camera in setup.cameras}
    cameras = []
    for camera in recording.cameras:
        known = devices.get(camera.name)
        settings = DeviceSettings(width=camera.width, height=camera.height)
        lens = camera.calibration
        if known is not None:
            settings = known.settings
            lens = known.camera() if known.intrinsics is not None else lens
            _check_size(camera.name, (camera.width, camera.height), settings)
        if order.keep_intrinsics and lens is None:
            raise Failure(
                f"The lens of camera '{camera.name}' is not known, so it cannot be kept. Leave "
                "--keep-intrinsics away."
            )
        cameras.append(
            CalibrationCamera(camera.name, settings, lens if order.keep_intrinsics else None)
        )
    board = _board(order, recording.board)
    collector = _collector(order, cameras, board, recording.name)
    instants = recording.instants()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for frames in progress.track(recording.frames(), len(instants), description="Looking"):
            collector.add(frames)
    return collector, collector.solve()


def _from_live(
    order: CamerasOrder, setup: Setup
) -> tuple[CamerasCollector, tuple[CalibrationResult, ...]]:
    if not setup.cameras:
        raise Failure("The setup has no cameras. Add them with 'coilpilot cameras add'.")
    cameras = [
        CalibrationCamera(
            one.name,
            one.settings,
            one.camera() if order.keep_intrinsics and one.intrinsics is not None else None,
        )
        for one in setup.cameras
    ]
    collector = _collector(order, cameras, _board(order, None), setup.name)
    sources = [camera_for_calibration(camera) for camera in setup.cameras]
    with (
        _instants(sources, order.seconds) as instants,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("Looking", total=1.0)
        for frames in instants:
            told = collector.add(frames)
            progress.update(task, completed=told.share, description=told.hint)
            if told.share >= 1.0:
                break
    return collector, collector.solve()


@contextmanager
def _instants(sources: Sequence[FrameSource], seconds: float) -> Iterator[Iterable[list[Frame]]]:
    """Open live cameras; frames taken together, until `seconds` are over."""
    groups = NearestFrames([source.camera.name for source in sources])
    threads = [
        threading.Thread(target=_capture, args=(source, groups), daemon=True) for source in sources
    ]
    for thread in threads:
        thread.start()
    try:
        yield _until(groups, time.monotonic() + seconds)
    finally:
        groups.close()
        for source in sources:
            source.close()
        for thread in threads:
            thread.join()


def _until(groups: NearestFrames, deadline: float) -> Iterator[list[Frame]]:
    while time.monotonic() < deadline and not groups.exhausted():
        frames = groups.take(TAKE_S)
        if frames:
            yield frames


def _capture(source: FrameSource, groups: NearestFrames) -> None:
    try:
        while (frame := source.read()) is not None and groups.put(frame):
            pass
    except FrameSourceError:
        # Without its pictures the camera's result says what is missing.
        return
    finally:
        groups.end(source.camera.name)


def _check_size(name: str, size: tuple[int, int], settings: DeviceSettings) -> None:
    if size != (settings.width, settings.height):
        raise Failure(
            f"Camera '{name}' of the setup is set to {settings.width} x {settings.height} pixels, "
            f"the recording has {size[0]} x {size[1]}. Record at the setup's resolution."
        )


def _board(order: CamerasOrder, recorded: Board | None) -> Board:
    if order.board is not None:
        return read_board(order.board)
    return recorded or Board()


def _collector(
    order: CamerasOrder, cameras: Sequence[CalibrationCamera], board: Board, source: str
) -> CamerasCollector:
    if len(cameras) == 1 and order.keep_intrinsics:
        raise Failure("One camera has no other to be placed by. Leave --keep-intrinsics away.")
    if order.intrinsics_only or len(cameras) == 1:
        return IntrinsicsCollector(cameras, board, source)
    return ExtrinsicsCollector(cameras, board, source)


def _decided(
    order: CamerasOrder, setup: Setup | None, results: Sequence[CalibrationResult]
) -> Sequence[CalibrationResult]:
    """Decide as ordered, and keep; nothing is put into force unless everything can be."""
    if order.decision is None:
        decided = list(results)
    else:
        try:
            decided = [result.decided(accepted=order.decision) for result in results]
        except ValueError as error:
            raise Failure(str(error)) from error
    try:
        if order.decision and setup is not None and order.setup is not None:
            for result in decided:
                setup = setup.with_result(result)
            write_setup(order.setup, setup)
        places = {order.out, order.setup if order.decision is not None else None} - {None}
        for place in places:
            assert place is not None
            for result in decided:
                keep_result(place, result)
    except (OSError, SetupError) as error:
        raise Failure(f"The results could not be kept: {error}") from error
    return decided


def _as_json(
    order: CamerasOrder, collector: CamerasCollector, results: Sequence[CalibrationResult]
) -> Mapping[str, Any]:
    gathering = collector.gathering
    board = gathering.board()
    return {
        "source": str(order.recording or order.setup),
        "board": board.model_dump(),
        "cameras": {
            name: {
                "pictures": gathering.pictures[name],
                "pictures_with_board": len(gathering.views(name)),
                "board_seen_mirrored": gathering.mirrored(name),
                "coverage_percent": round(100 * gathering.covered(name), 1),
                "median_picture_misfit_px": _misfits(collector, name),
            }
            for name in gathering.cameras
        },
        "square_side_mm": _square_side(results),
        "results": [result.model_dump(mode="json") for result in results],
    }


def _misfits(collector: CamerasCollector, name: str) -> dict[str, float] | None:
    """Per picture, with the camera solved alone; None if its lens was kept."""
    if name not in collector.alone:
        return None
    tags, saddles = picture_misfits(collector.alone[name], 0)
    return {"edge_fitted_tags": tags, "saddle_points": saddles}


def _square_side(results: Sequence[CalibrationResult]) -> float | None:
    """Mean side of a square as triangulated in pictures left out, mm; None with one camera."""
    found = [one for result in results for one in result.further if one.name == SQUARE_SIDE]
    return found[0].value if found else None


def _show(result: CalibrationResult) -> None:
    findings = (result.residual, result.predicted_error, *result.further)
    rows = [(finding.name, _text(finding)) for finding in findings]
    rows += [("warning", sentence) for sentence in result.warnings]
    rows += [("fault", sentence) for sentence in result.faults]
    rows.append(("decision", result.decision))
    show_table(f"{result.subject}: {result.value.kind}", rows)


def _text(finding: Finding) -> str:
    told = f"{finding.value:.4g} {finding.unit}".strip()
    return f"{told}, {finding.meaning}" if finding.meaning else told
