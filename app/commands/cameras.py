"""``coilpilot cameras``: which there are, adding them to a setup, trying them, recording them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from app.commands.output import Failure, show_json, show_table
from app.live.adding_camera import (
    CameraRefused,
    Settled,
    check_free,
    settled,
    setup_or_new,
    with_camera,
)
from tracking.calibration.result import DeviceSettings
from tracking.devices import list_devices
from tracking.feed_recorder import FeedRecorder, feed_of_setup
from tracking.frames import Frame, FrameSourceError
from tracking.image_stream import StreamFault
from tracking.live_camera import (
    CameraState,
    Connection,
    LiveCamera,
    camera_for_calibration,
)
from tracking.picture_watch import sharpness
from tracking.setups import Setup, SetupCamera, SetupError, read_setup

FIRST_PICTURE_S = 10.0


def run_list(*, as_json: bool) -> int:
    """List the cameras of this machine; exit status."""
    devices = list_devices()
    if as_json:
        show_json(
            [
                {"name": one.name, "identity": one.identity, "path": one.path, "ways": one.ways}
                for one in devices
            ]
        )
    elif devices:
        show_table("Cameras", [(one.name, one.identity) for one in devices])
    else:
        show_table("Cameras", [("none", "Plug one in, or add a network camera by its address.")])
    return 0


def run_add(
    name: str,
    *,
    address: str,
    setup: Path,
    size: tuple[int, int],
    frames_per_s: float,
    pixel_format: str,
    as_json: bool,
) -> int:
    """Try a camera, and put it into a setup with the settings that it really took; status."""
    wanted = DeviceSettings(
        width=size[0], height=size[1], frames_per_s=frames_per_s, pixel_format=pixel_format
    )
    camera = SetupCamera(name=name, address=address, settings=wanted)
    try:
        check_free(setup, setup_or_new(setup), name)
        found = _tried(camera)
        settings, notes = found.settings, found.notes
        if (settings.width, settings.height) != size:
            raise Failure(
                f"Camera '{name}' gives {settings.width} x {settings.height} pixels, not {size[0]}"
                f" x {size[1]}. Add it with --resolution {settings.width}x{settings.height}, or "
                "set it."
            )
        with_camera(setup, camera, settings)
    except (CameraRefused, SetupError) as error:
        raise Failure(str(error)) from error
    if as_json:
        show_json({"camera": name, "settings": settings.model_dump(), "notes": list(notes)})
    else:
        rows = [(key, str(value)) for key, value in settings.model_dump().items() if value]
        show_table(f"{name} added to {setup}", [*rows, *(("note", note) for note in notes)])
    return 0


def run_record(setup: Path, *, out: Path, seconds: float | None, as_json: bool) -> int:
    """Record the cameras of a setup, calibrated or not, until the time is over or Ctrl+C."""
    description = _read(setup)
    try:
        recorder = FeedRecorder(out, feed_of_setup(out.stem, description))
    except FrameSourceError as error:
        raise Failure(str(error)) from error
    cameras = [camera_for_calibration(camera) for camera in description.cameras]
    try:
        with _reading(cameras, recorder.put):
            _wait_first(cameras)
            _wait(seconds, lambda: f"{recorder.progress.written} frames, {out}")
    finally:
        progress = recorder.close()
    if progress.failure is not None:
        raise Failure(progress.failure)
    if not progress.written:
        raise Failure(f"Nothing was recorded: {_why(cameras)}")
    told = {"feed": str(out), "frames": progress.written, "dropped": progress.dropped}
    if as_json:
        show_json(told | {"cameras": [_summary(camera.state) for camera in cameras]})
    else:
        show_table(
            str(out), [("frames", str(progress.written)), ("left out", str(progress.dropped))]
        )
    return 0


def run_test(setup: Path, *, seconds: float, as_json: bool) -> int:
    """Try the cameras of a setup: rate, damage, age of the pictures, settings, sharpness."""
    description = _read(setup)
    cameras = [camera_for_calibration(camera) for camera in description.cameras]
    seen: dict[str, list[tuple[float, float]]] = {camera.camera.name: [] for camera in cameras}

    def look(frame: Frame) -> None:
        age_ms = (time.monotonic_ns() - frame.time_ns) / 1e6
        seen[frame.camera].append((age_ms, sharpness(frame.image)))

    with _reading(cameras, look):
        _wait_first(cameras)
        _wait(seconds, lambda: ", ".join(f"{name} {len(ages)}" for name, ages in seen.items()))
        states = [camera.state for camera in cameras]
    results = [
        _summary(state) | _figures(seen[state.camera]) | _changed(wanted, state)
        for state, wanted in zip(states, description.cameras, strict=True)
    ]
    if as_json:
        show_json(results)
    else:
        for result in results:
            rows = [(key, _shown(value)) for key, value in result.items() if value not in ("", [])]
            show_table(str(result["camera"]), rows)
    gone = [state for state in states if state.connection is not Connection.CONNECTED]
    if gone:
        raise Failure(f"Camera '{gone[0].camera}' gives no pictures. {gone[0].sentence}")
    return 0


def _read(folder: Path) -> Setup:
    try:
        setup = read_setup(folder)
    except SetupError as error:
        raise Failure(str(error)) from error
    if not setup.cameras:
        raise Failure(f"{folder} has no cameras. Add one with 'coilpilot cameras add'.")
    return setup


def _tried(camera: SetupCamera) -> Settled:
    """Open the camera, let it settle, and see what it does, locked as it then is."""
    try:
        stream, found = settled(camera)
        stream.close()
    except StreamFault as fault:
        raise Failure(f"Camera '{camera.name}' cannot be added: {fault}") from fault
    return found


@contextmanager
def _reading(cameras: Sequence[LiveCamera], receive: Callable[[Frame], None]) -> Iterator[None]:
    """Read all cameras, each on a thread of its own, and close them at the end."""

    def read(camera: LiveCamera) -> None:
        while (frame := camera.read()) is not None:
            receive(frame)

    threads = [threading.Thread(target=read, args=(camera,)) for camera in cameras]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for camera in cameras:
            camera.close()
        for thread in threads:
            thread.join()


def _wait_first(cameras: Sequence[LiveCamera]) -> None:
    """Wait until every camera has given a frame, for a while."""
    end = time.monotonic() + FIRST_PICTURE_S
    while time.monotonic() < end and not all(camera.state.frames for camera in cameras):
        time.sleep(0.02)


def _wait(seconds: float | None, words: Callable[[], str]) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while end is None or time.monotonic() < end:
                progress.update(task, description=words())
                time.sleep(0.1)
        except KeyboardInterrupt:
            return


def _why(cameras: Sequence[LiveCamera]) -> str:
    return " ".join(camera.state.sentence for camera in cameras) or "no picture came in time."


def _summary(state: CameraState) -> dict[str, object]:
    return {
        "camera": state.camera,
        "connection": str(state.connection),
        "frames": state.frames,
        "damaged": state.damaged,
        "reconnections": state.reconnections,
        "frames_per_s": None if state.frames_per_s is None else round(state.frames_per_s, 2),
        "trouble": [*filter(None, [state.sentence]), *state.warnings],
        "notes": list(state.notes),
    }


def _figures(seen: Sequence[tuple[float, float]]) -> dict[str, object]:
    if not seen:
        return {"age_median_ms": None, "age_p95_ms": None, "sharpness": None}
    ages, sharp = np.array(seen).T
    return {
        "age_median_ms": round(float(np.median(ages)), 2),
        "age_p95_ms": round(float(np.percentile(ages, 95)), 2),
        "sharpness": round(float(np.median(sharp)), 1),
    }


def _changed(wanted: SetupCamera, state: CameraState) -> dict[str, object]:
    """Name the settings that are not those that the calibration holds for."""
    if state.settings is None:
        return {"changed": []}
    now, then = state.settings.model_dump(), wanted.settings.model_dump()
    return {
        "changed": [
            f"{key} is {now[key]}, the setup says {then[key]}"
            for key in ("width", "height", "exposure", "gain", "focus", "zoom")
            if then[key] is not None and now[key] != then[key]
        ]
    }


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
