"""What the window says of a camera at one moment.

In: the camera's own state, if it is a live one, and when its last picture came. Out: words.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracking.live_camera import CameraState, Connection

STALE_PICTURE_NS = 500_000_000
"""A picture older than this is not live any more: it is greyed, and its age is told."""


@dataclass(frozen=True, slots=True)
class CameraReading:
    """What is written on a camera's picture.

    Attributes
    ----------
    caption
        Its name, and what is wrong in a few words.
    sentence
        What is wrong with the picture, and what to do; empty if it is good, and while there is
        none: why a camera is gone is said where all faults are.
    live
        Whether its picture is of now.
    """

    caption: str
    sentence: str
    live: bool


def camera_reading(
    name: str, state: CameraState | None, picture_ns: int | None, now_ns: int
) -> CameraReading:
    """Say how a camera is doing at `now_ns`.

    Parameters
    ----------
    name
        The camera's.
    state
        What it says of itself; None of a recording.
    picture_ns
        When its newest picture was taken; None before the first.
    now_ns
        ``time.monotonic_ns()``.
    """
    live = picture_ns is not None and now_ns - picture_ns < STALE_PICTURE_NS
    words = [name]
    if not live:
        connection = None if state is None else state.connection
        if connection in (Connection.ABSENT, Connection.RECONNECTING, Connection.CONNECTING):
            words.append(connection.upper())
        words.append(_no_picture(picture_ns, now_ns))
    elif state is not None and state.frames_per_s is not None:
        words.append(f"{state.frames_per_s:.0f} frames/s")
    warnings = () if state is None else state.warnings
    return CameraReading("  ·  ".join(words), next(iter(warnings), ""), live)


def camera_fault(name: str, state: CameraState | None) -> str:
    """Name a camera that is gone, why, and what to do; empty if it is there."""
    if state is None or state.connection not in (Connection.ABSENT, Connection.RECONNECTING):
        return ""
    return f"Camera '{name}' is {_GONE[state.connection]}. {state.sentence}"


_GONE = {Connection.ABSENT: "gone", Connection.RECONNECTING: "lost and being reconnected"}


def _no_picture(picture_ns: int | None, now_ns: int) -> str:
    if picture_ns is None:
        return "no picture yet"
    return f"no picture since {max(0, now_ns - picture_ns) / 1e9:.0f} s"
