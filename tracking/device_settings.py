"""How a camera is set: asked for, then read back, because drivers say yes and do otherwise.

In: an opened capture and what is wanted of it. Out: what it really does, and a sentence for
everything that could not be had or locked. A calibration holds only for locked settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.calibration.result import DeviceSettings

COMPRESSED = "MJPG"
"""Asked for first: uncompressed, most webcams give 720p at 10 frames/s."""

MANUAL_EXPOSURE = {
    # V4L2_EXPOSURE_MANUAL; its automatic modes are 0, 2 and 3.
    cv2.CAP_V4L2: (1.0,),
    cv2.CAP_DSHOW: (0.25, 0.0),
    cv2.CAP_MSMF: (0.25, 0.0),
}
"""What switches automatic exposure off, by backend; the others have no such setting."""


class Capture(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool:
        """Whether the device answers."""
        ...

    def get(self, propId: int) -> float:
        """Read a setting."""
        ...

    def set(self, propId: int, value: float) -> bool:
        """Ask for a setting."""
        ...

    def grab(self) -> bool:
        """Wait for the next image."""
        ...

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        """Decode the image that was grabbed."""
        ...

    def release(self) -> None:
        """Let the device go."""
        ...


@dataclass(frozen=True, slots=True)
class AppliedSettings:
    """What the camera really does, and a sentence for each wish that it did not grant."""

    settings: DeviceSettings
    notes: tuple[str, ...]


def apply_settings(capture: Capture, wanted: DeviceSettings, backend: int) -> AppliedSettings:
    """Set the camera and read back what it made of it.

    Parameters
    ----------
    capture
        Opened.
    wanted
        Exposure, focus, gain and zoom are held where they are if None is wanted.
    backend
        OpenCV's number of the backend that opened it: the values differ.
    """
    apply_format(capture, wanted)
    notes = [
        *_lock_exposure(capture, wanted.exposure, backend),
        *_lock_focus(capture, wanted.focus),
        *_hold(capture, cv2.CAP_PROP_GAIN, wanted.gain, "gain"),
        *_hold(capture, cv2.CAP_PROP_ZOOM, wanted.zoom, "zoom"),
    ]
    capture.set(cv2.CAP_PROP_AUTO_WB, 0)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    settings = read_settings(capture, wanted.device)
    return AppliedSettings(settings, (*_format_notes(wanted, settings), *notes))


def apply_format(capture: Capture, wanted: DeviceSettings) -> None:
    """Ask for pixel format, size and rate, in the order in which drivers take them."""
    code = wanted.pixel_format or COMPRESSED
    if len(code) == 4:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*code))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
    if wanted.frames_per_s is not None:
        capture.set(cv2.CAP_PROP_FPS, wanted.frames_per_s)


def read_settings(capture: Capture, device: str) -> DeviceSettings:
    """Read all settings; None for what the driver does not tell."""
    return DeviceSettings(
        device=device,
        width=max(1, round(capture.get(cv2.CAP_PROP_FRAME_WIDTH))),
        height=max(1, round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))),
        frames_per_s=_told(capture.get(cv2.CAP_PROP_FPS), least=0.1),
        pixel_format=_letters(capture.get(cv2.CAP_PROP_FOURCC)),
        exposure=_told(capture.get(cv2.CAP_PROP_EXPOSURE)),
        gain=_told(capture.get(cv2.CAP_PROP_GAIN)),
        focus=_told(capture.get(cv2.CAP_PROP_FOCUS)),
        zoom=_told(capture.get(cv2.CAP_PROP_ZOOM)),
    )


def _lock_exposure(capture: Capture, wanted: float | None, backend: int) -> list[str]:
    now = _told(capture.get(cv2.CAP_PROP_EXPOSURE))
    if not any(_switched(capture, value) for value in MANUAL_EXPOSURE.get(backend, ())):
        return [
            "The exposure is automatic and cannot be locked here. Lock it in the camera's own "
            "program, and keep the light as it is."
        ]
    value = now if wanted is None else wanted
    if value is None:
        return ["The driver does not tell the exposure, so a change of it would not be noticed."]
    return _set_number(capture, cv2.CAP_PROP_EXPOSURE, value, "exposure")


def _switched(capture: Capture, value: float) -> bool:
    accepted = capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, value)
    return accepted and abs(capture.get(cv2.CAP_PROP_AUTO_EXPOSURE) - value) < 0.1


def _lock_focus(capture: Capture, wanted: float | None) -> list[str]:
    automatic = _told(capture.get(cv2.CAP_PROP_AUTOFOCUS))
    capture.set(cv2.CAP_PROP_AUTOFOCUS, 0)
    if automatic is not None and capture.get(cv2.CAP_PROP_AUTOFOCUS) > 0:
        return [
            "The focus is automatic and cannot be locked: a new focus spoils the calibration. "
            "Use a camera with a fixed focus, or lock it in the camera's own program."
        ]
    return _hold(capture, cv2.CAP_PROP_FOCUS, wanted, "focus")


def _hold(capture: Capture, what: int, wanted: float | None, name: str) -> list[str]:
    """Set what is wanted; otherwise leave it as it is, for it does not move by itself."""
    return [] if wanted is None else _set_number(capture, what, wanted, name)


def _set_number(capture: Capture, what: int, value: float, name: str) -> list[str]:
    capture.set(what, value)
    after = _told(capture.get(what))
    if after is not None and abs(after - value) <= max(1e-6, 0.02 * abs(value)):
        return []
    told = "nothing" if after is None else f"{after:g}"
    return [f"The {name} was asked to be {value:g}, the camera says {told}. Set it there again."]


def _format_notes(wanted: DeviceSettings, got: DeviceSettings) -> list[str]:
    notes = []
    if (got.width, got.height) != (wanted.width, wanted.height):
        notes.append(
            f"The camera gives {got.width} x {got.height} pixels instead of {wanted.width} x "
            f"{wanted.height}. Choose a size that it has."
        )
    asked, given = wanted.frames_per_s, got.frames_per_s
    if asked is not None and given is not None and abs(given - asked) > 0.5:
        notes.append(f"The camera says {given:g} frames/s instead of {asked:g}.")
    if wanted.pixel_format and got.pixel_format and wanted.pixel_format != got.pixel_format:
        notes.append(
            f"The camera's pixels come as {got.pixel_format} instead of {wanted.pixel_format}."
        )
    return notes


def _told(value: float, least: float = -math.inf) -> float | None:
    """Give the number, or None where it is what backends say for "I do not know"."""
    # -1 is OpenCV's word for a property that the driver does not have.
    return value if math.isfinite(value) and value != -1.0 and value >= least else None


def _letters(code: float) -> str:
    if not math.isfinite(code) or code <= 0 or code >= 2**32:
        return ""
    letters = int(code).to_bytes(4, "little")
    return letters.decode("ascii") if letters.isalnum() else ""
