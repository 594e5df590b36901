"""Adding a camera to a setup: what is asked of it, what it really takes, and keeping that.

In: entries of a person. Out: a setup whose new camera has the settings that were read back from it
once it had settled. Used by the command line and by the window.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tracking.calibration.result import DeviceSettings
from tracking.image_stream import Image, ImageStream, StreamFault
from tracking.live_camera import open_stream
from tracking.setups import SETUP_FILE, Setup, SetupCamera, SetupError, read_setup, write_setup

SETTLE_S = 1.0
"""How long automatic exposure may settle before it is locked where it then is."""
MOST_SIDE, MOST_RATE = 8192, 1000.0


class CameraRefused(Exception):
    """A camera that cannot be added or removed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a camera really does, and a sentence for each wish that it did not grant."""

    settings: DeviceSettings
    notes: tuple[str, ...]


def wanted_camera(entries: Mapping[str, str]) -> SetupCamera:
    """Read what a person entered: ``name``, ``address``, ``resolution``, ``rate``.

    Raises
    ------
    CameraRefused
        If one of them is missing or cannot be.
    """
    name, address = entries.get("name", "").strip(), entries.get("address", "").strip()
    if not name:
        raise CameraRefused("The camera needs a name, as left or front: enter one.")
    if not address:
        raise CameraRefused("Choose a camera, or enter the address of a network camera.")
    width, _, height = entries.get("resolution", "").replace("×", "x").partition("x")
    try:
        return SetupCamera(
            name=name,
            address=address,
            settings=DeviceSettings(
                width=_whole(width), height=_whole(height), frames_per_s=_rate(entries)
            ),
        )
    except (ValueError, ValidationError) as error:
        raise CameraRefused(
            f"'{entries.get('resolution', '')}' with '{entries.get('rate', '')}' frames/s is no "
            "way to take pictures: enter it as 1280 x 720 and 30."
        ) from error


def setup_or_new(folder: Path) -> Setup:
    """Read the setup in `folder`; a new one if there is none. SetupError if it is damaged."""
    if (folder / SETUP_FILE).exists():
        return read_setup(folder)
    return Setup(name=folder.stem or "setup")


def check_free(folder: Path, setup: Setup, name: str) -> None:
    """Raise :class:`CameraRefused` if `setup`, read from `folder`, has a camera `name`."""
    if any(camera.name == name for camera in setup.cameras):
        raise CameraRefused(f"{folder} has a camera '{name}' already. Give this one another name.")


def settled(
    camera: SetupCamera,
    look: Callable[[Image], None] = lambda _image: None,
    ended: threading.Event | None = None,
) -> tuple[ImageStream, Settled]:
    """Open `camera`, let it settle, and open it anew locked as it then is.

    Parameters
    ----------
    camera
        With the settings that are asked for.
    look
        Shown each picture that comes meanwhile.
    ended
        Set by another thread to make it end early.

    Returns
    -------
    tuple
        The open stream, which is the caller's to close, and what the camera does.

    Raises
    ------
    StreamFault
        If it does not open or gives no pictures.
    """
    ended = threading.Event() if ended is None else ended
    stream = open_stream(camera, locked=False)
    try:
        _settle(stream, SETTLE_S, look, ended)
    finally:
        stream.close()
    stream = open_stream(camera)
    try:
        last = _settle(stream, 0.0, look, ended)
    except StreamFault:
        stream.close()
        raise
    return stream, Settled(_as_seen(stream.settings or camera.settings, last), stream.notes)


def with_camera(folder: Path, camera: SetupCamera, settings: DeviceSettings) -> Setup:
    """Add `camera` with `settings` to the setup in `folder`, which is made if need be.

    Raises
    ------
    CameraRefused
        If the setup cannot take it or cannot be written.
    SetupError
        If the setup is damaged.
    """
    before = setup_or_new(folder)
    check_free(folder, before, camera.name)
    added = camera.model_copy(update={"settings": settings})
    cameras = [one.model_dump() for one in (*before.cameras, added)]
    try:
        after = Setup.model_validate(before.model_dump() | {"cameras": cameras})
        write_setup(folder, after)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise CameraRefused(
            f"{folder} cannot take the camera '{camera.name}' ({reason})."
        ) from error
    except OSError as error:
        raise CameraRefused(f"{folder} cannot be written ({error.strerror}).") from error
    return after


def without_camera(folder: Path, name: str) -> Setup:
    """Remove the camera `name` from the setup in `folder`; its kept results stay.

    Raises
    ------
    CameraRefused
        If the setup cannot be read or written.
    """
    try:
        before = read_setup(folder)
        cameras = tuple(camera for camera in before.cameras if camera.name != name)
        after = before.model_copy(update={"cameras": cameras})
        write_setup(folder, after)
    except SetupError as error:
        raise CameraRefused(str(error)) from error
    except OSError as error:
        raise CameraRefused(f"{folder} cannot be written ({error.strerror}).") from error
    return after


def _settle(
    stream: ImageStream, seconds: float, look: Callable[[Image], None], ended: threading.Event
) -> Image | None:
    """Read for `seconds`, and until a whole picture has come; give the last one."""
    end = time.monotonic() + seconds
    last: Image | None = None
    while not ended.is_set() and (time.monotonic() < end or last is None):
        image = stream.read()
        if image is not None:
            last = image
            look(image)
    return last


def _as_seen(settings: DeviceSettings, image: Image | None) -> DeviceSettings:
    """Correct the size to that of the pictures: what a driver says may be only what it was told."""
    if image is None:
        return settings
    height, width = image.pixels.shape
    return settings.model_copy(update={"width": width, "height": height})


def _whole(text: str) -> int:
    number = int(text)
    if not 0 < number <= MOST_SIDE:
        raise ValueError(f"{number} pixels")
    return number


def _rate(entries: Mapping[str, str]) -> float | None:
    text = entries.get("rate", "").strip()
    if not text:
        return None
    rate = float(text)
    if not 0 < rate <= MOST_RATE:
        raise ValueError(f"{rate} frames/s")
    return rate
