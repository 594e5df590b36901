"""The cameras of this machine by name, each with an identity that outlives its number.

In: what the operating system lists. Out: :class:`Device`, found again after it was pulled out and
plugged in, although the system may have numbered it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from tracking.image_stream import StreamFault

BY_PATH = Path("/dev/v4l/by-path")
"""Where Linux keeps names for video devices that tell the socket they are plugged into."""

BACKENDS = {
    "linux": (cv2.CAP_V4L2,),
    "darwin": (cv2.CAP_AVFOUNDATION,),
    # The first opens slowly but at full rate, the second opens what the first cannot.
    "win32": (cv2.CAP_MSMF, cv2.CAP_DSHOW),
}

Way = tuple[int, int]
"""Backend and number with which OpenCV opens a device."""


class ListedCamera(Protocol):
    """What is used of ``cv2_enumerate_cameras``' entries."""

    index: int
    name: str
    path: str | None
    vid: int | None
    pid: int | None
    backend: int


@dataclass(frozen=True, slots=True)
class Device:
    """One camera attached to this machine.

    Attributes
    ----------
    name
        As its maker calls it.
    identity
        Maker, model and socket: ``046d:0825@SOCKET``. The same after a restart and after pulling
        it out and plugging it into the same socket. Two cameras of one model differ in it, which
        is why the socket is part of it: many makers give all their cameras one serial number.
    path
        What the system calls it now.
    vid, pid
        USB numbers of maker and model, if it has any.
    ways
        How OpenCV opens it now, the best way first.
    """

    name: str
    identity: str
    path: str
    vid: int | None
    pid: int | None
    ways: tuple[Way, ...]

    @property
    def model(self) -> str:
        """The part of the identity that all cameras of this model share."""
        return self.identity.partition("@")[0]


def _enumerate(backend: int) -> Iterable[ListedCamera]:
    # Loads what asks the operating system, which only who looks for cameras needs.
    from cv2_enumerate_cameras import enumerate_cameras

    listed: Iterable[ListedCamera] = enumerate_cameras(backend)
    return listed


def list_devices(
    enumerate_backend: Callable[[int], Iterable[ListedCamera]] = _enumerate,
    *,
    platform: str = sys.platform,
    by_path: Path = BY_PATH,
) -> tuple[Device, ...]:
    """List the cameras of this machine without opening them; empty if it has none.

    Parameters
    ----------
    enumerate_backend
        Lists the cameras of one of OpenCV's backends.
    platform
        As ``sys.platform``.
    by_path
        Folder of Linux' names by socket.
    """
    found: dict[str, Device] = {}
    for backend in BACKENDS.get(platform, ()):
        for listed in enumerate_backend(backend):
            device = _device(listed, by_path)
            before = found.get(device.identity)
            if before is not None:
                device = _with_way(before, device.ways)
            found[device.identity] = device
    return tuple(sorted(found.values(), key=lambda one: (one.ways[0][1], one.identity)))


def find_device(address: str, devices: Sequence[Device]) -> Device:
    """Find the device that `address` names: its identity, path, number, or name if only one has it.

    Raises
    ------
    StreamFault
        If it is not there; the message says what is there instead.
    """
    for device in devices:
        if address in (device.identity, device.path):
            return device
    if address.isdigit():
        numbered = [device for device in devices if device.ways[0][1] == int(address)]
        if numbered:
            return numbered[0]
    named = [device for device in devices if device.name == address]
    if len(named) == 1:
        return named[0]
    raise StreamFault(_absence(address, devices), absent=True)


def _absence(address: str, devices: Sequence[Device]) -> str:
    model = address.partition("@")[0]
    alike = [device for device in devices if "@" in address and device.model == model]
    if alike:
        return (
            f"The camera {address} is not there, but a {alike[0].name} is at another socket "
            f"({alike[0].identity}). Plug it into its own socket, or add it to the setup anew."
        )
    if not devices:
        return (
            f"The camera {address} is not there: this machine sees no camera at all. Plug it in, "
            "and allow this program to use cameras."
        )
    names = ", ".join(f"{device.name} ({device.identity})" for device in devices)
    return f"The camera {address} is not there. Plug it in. This machine sees: {names}."


def _device(listed: ListedCamera, by_path: Path) -> Device:
    path = listed.path or ""
    socket = _socket(path, by_path) or str(listed.index)
    if listed.vid is not None and listed.pid is not None:
        model = f"{listed.vid:04x}:{listed.pid:04x}"
    else:
        model = listed.name or "camera"
    return Device(
        name=listed.name or f"Camera {listed.index}",
        identity=f"{model}@{socket}",
        path=path,
        vid=listed.vid,
        pid=listed.pid,
        ways=((listed.backend, listed.index),),
    )


def _socket(path: str, by_path: Path) -> str:
    """Tell the socket from what the system calls the device; empty if it does not show."""
    if path.startswith("/dev/video"):
        try:
            links = sorted(link for link in by_path.iterdir() if link.resolve() == Path(path))
        except OSError:
            return path
        return links[0].name if links else path
    # Windows: each backend puts an interface of its own, in braces, behind the device.
    return path.partition("#{")[0].lower()


def _with_way(device: Device, ways: tuple[Way, ...]) -> Device:
    return Device(
        device.name, device.identity, device.path, device.vid, device.pid, device.ways + ways
    )
