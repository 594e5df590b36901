"""The cameras of a room: which there are, which could be added, adding and removing them.

In: a setup folder, what a person enters. Out: rows and sentences to be shown; the setup, changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from psygnal import Signal

from app.live.adding_camera import (
    CameraRefused,
    check_free,
    setup_or_new,
    wanted_camera,
    with_camera,
    without_camera,
)
from app.live.camera_trial import CameraTrial, TrialStage, TrialState
from tracking.devices import Device, list_devices
from tracking.network_camera import without_password
from tracking.setups import Setup, SetupCamera, SetupError


@dataclass(frozen=True, slots=True)
class CameraRow:
    """A camera of the setup as it stands on the screen."""

    name: str
    address: str
    pictures: str
    calibrated: str


@dataclass(frozen=True, slots=True)
class TrialReading:
    """A tried camera as it stands on the screen.

    Attributes
    ----------
    headline
        What it gives, or what it does just now.
    sentences
        What to know before it is kept.
    failed, keepable
        Whether it has failed; whether it can be kept.
    """

    headline: str
    sentences: tuple[str, ...]
    failed: bool
    keepable: bool


class DeviceSearch:
    """Looks for attached cameras on a thread of its own: asking the system may take seconds.

    Attributes
    ----------
    found
        None while it looks.
    """

    def __init__(self, look: Callable[[], tuple[Device, ...]] = list_devices) -> None:
        self._look = look
        self.found: tuple[Device, ...] | None = None
        self._thread = threading.Thread(target=self._run, name="look for cameras", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until it has looked."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self.found = self._look()
        except (OSError, RuntimeError):
            # No such service on this machine: a camera's address can still be entered.
            self.found = ()


class RoomCameras:
    """The cameras of the setup in `folder`.

    Attributes
    ----------
    changed
        Emitted when a camera was added or removed.
    """

    changed = Signal()

    def __init__(
        self,
        folder: Path,
        look: Callable[[], tuple[Device, ...]] = list_devices,
    ) -> None:
        self._folder = folder
        self._look = look

    def search(self) -> DeviceSearch:
        """Begin to look for attached cameras."""
        return DeviceSearch(self._look)

    def rows(self) -> tuple[CameraRow, ...]:
        """List the cameras; none if the setup cannot be read."""
        try:
            setup = setup_or_new(self._folder)
        except SetupError:
            return ()
        return tuple(_row(camera, setup) for camera in setup.cameras)

    def try_out(self, entries: Mapping[str, str]) -> CameraTrial:
        """Begin to try the camera that was entered; :class:`CameraRefused` if it cannot be."""
        camera = wanted_camera(entries)
        try:
            check_free(self._folder, setup_or_new(self._folder), camera.name)
        except SetupError as error:
            raise CameraRefused(str(error)) from error
        return CameraTrial(camera)

    def keep(self, trial: CameraTrial) -> str:
        """Put the tried camera into the setup; a sentence that says so, or why not."""
        found = trial.state.settled
        if found is None:
            return "The camera has not settled yet: wait for its picture."
        try:
            with_camera(self._folder, trial.camera, found.settings)
        except (CameraRefused, SetupError) as error:
            return str(error)
        self.changed.emit()
        return f"Camera '{trial.camera.name}' was added. Calibrate its lens next."

    def remove(self, name: str) -> str:
        """Take a camera out of the setup; a sentence that says so, or why not."""
        try:
            without_camera(self._folder, name)
        except CameraRefused as error:
            return str(error)
        self.changed.emit()
        return f"Camera '{name}' was removed. Its calibrations stay kept as files."


def trial_reading(state: TrialState, wanted: SetupCamera) -> TrialReading:
    """Put a trial into words."""
    if state.stage is TrialStage.FAILED:
        return TrialReading("No picture", (state.sentence,), failed=True, keepable=False)
    if state.settled is None:
        words = "Opening the camera" if state.pixels is None else "Letting its exposure settle"
        return TrialReading(f"{words} …", (), failed=False, keepable=False)
    gives, asked = state.settled.settings, wanted.settings
    words = f"{gives.width} × {gives.height} pixels"
    if state.frames_per_s is not None:
        words += f"  ·  {state.frames_per_s:.0f} frames/s"
    told = [*state.warnings]
    if (gives.width, gives.height) != (asked.width, asked.height):
        told.append(f"It does not give {asked.width} × {asked.height} pixels, as was asked.")
    return TrialReading(
        f"{words}  ·  {_exposure(state)}",
        (*told, *state.settled.notes),
        failed=False,
        keepable=True,
    )


def _exposure(state: TrialState) -> str:
    assert state.settled is not None
    if any("xposure" in note for note in state.settled.notes):
        return "exposure NOT locked"
    exposure = state.settled.settings.exposure
    return "exposure locked" if exposure is None else f"exposure locked at {exposure:g}"


def _row(camera: SetupCamera, setup: Setup) -> CameraRow:
    settings = camera.settings
    pictures = f"{settings.width} × {settings.height}"
    if settings.frames_per_s is not None:
        pictures += f", {settings.frames_per_s:g} frames/s"
    if camera.intrinsics is None:
        calibrated = "not calibrated"
    elif len(setup.cameras) > 1 and camera.camera_from_world is None:
        calibrated = "lens calibrated, place unknown"
    else:
        calibrated = "calibrated"
    # An identity of a device has an @ too, before its socket.
    network = "://" in camera.address
    address = without_password(camera.address) if network else camera.address
    return CameraRow(camera.name, address, pictures, calibrated)
