"""Checks this machine: can Coilpilot draw, see, time, record and start its stimulator process.

In: nothing, or the folder where sessions go. Out: a list of :class:`Check`, each with a state, what
was found and what to do. Nothing on the machine is changed.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from app.doctor_probes import ProbeError, run_probe
from app.session.new_session import default_folder
from app.session.opening import LIBRARIES

State = Literal["ok", "warning", "failure"]

SLOW_DRAWING = 15.0
"""Frames per second of a small scene below which the window will feel slow."""

SLOW_DISK_MS = 20.0
"""A pulse is written twice, at up to 20 pulses a second: 25 ms each."""

LEAST_FREE_MB = 200
LITTLE_FREE_MB = 2000
PROCESS_LIMIT = 20.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name
        What was looked at.
    state
        ``ok``; ``warning``: works, but not as well as it should; ``failure``: does not work.
    detail
        What was found.
    remedy
        What to do; empty if ok.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


def run_checks(session_folder: Path | None = None) -> list[Check]:
    """Look at everything; takes some seconds. See :class:`Check`."""
    folder = default_folder() if session_folder is None else Path(session_folder)
    checks: Sequence[tuple[str, Callable[[], Check]]] = (
        ("Python and libraries", check_versions),
        ("Graphics", check_graphics),
        ("Display", check_display),
        ("Cameras", check_cameras),
        ("Session disk", lambda: check_disk(folder)),
        ("Clock", check_clock),
        ("Default head", check_head),
        ("Practice feed", check_practice_feed),
        ("Stimulator process", check_stimulator_process),
    )
    return [_survive(name, check) for name, check in checks]


def _survive(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:
        # Survives any fault of what is looked at: that it has one is the finding.
        reason = f"{type(error).__name__}: {error}"
        return Check(name, "failure", reason, "Install Coilpilot anew and run this check again.")


def check_versions() -> Check:
    """Look for the libraries that the program needs."""
    found, missing = [f"Python {platform.python_version()}"], []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {metadata.version(library)}")
        except metadata.PackageNotFoundError:
            missing.append(library)
    detail = ", ".join(found)
    if missing:
        return Check(
            "Python and libraries",
            "failure",
            f"{detail}; missing: {', '.join(missing)}",
            "Run 'uv sync' in the program's folder.",
        )
    return Check("Python and libraries", "ok", detail)


def check_graphics() -> Check:
    """Draw a small scene without a window."""
    name = "Graphics"
    repair = "Install or update the graphics driver (on Debian and Ubuntu: libegl1 and libgl1)."
    try:
        found = run_probe("graphics")
    except ProbeError as error:
        return Check(name, "failure", f"Drawing fails: {error}.", repair)
    detail = f"{found['renderer']}, {found['rate']:.0f} frames/s of a small scene at 900x700"
    if not found["drawn"]:
        return Check(name, "failure", f"{detail}, but the picture is empty", repair)
    if found["rate"] < SLOW_DRAWING:
        return Check(
            name, "warning", f"{detail}: slow", "Close other programs or update the driver."
        )
    return Check(name, "ok", detail)


def check_display() -> Check:
    """Start Qt as the window would."""
    name = "Display"
    try:
        found = run_probe("qt")
    except ProbeError as error:
        return Check(
            name,
            "failure",
            f"Qt does not start: {error}.",
            "Install what Qt needs (on Debian and Ubuntu: libxcb-cursor0, libxkbcommon-x11-0, "
            "libxcb-icccm4, libxcb-keysyms1, libxcb-shape0, libdbus-1-3, libfontconfig1).",
        )
    if found["platform"] in ("offscreen", "minimal"):
        return Check(
            name,
            "warning",
            f"No display; Qt platform {found['platform']}",
            "Log in to a desktop to see the window; without one use 'coilpilot demo --offscreen'.",
        )
    return Check(name, "ok", f"Qt platform {found['platform']}, {', '.join(found['screens'])}")


def check_cameras() -> Check:
    """Look for cameras."""
    name = "Cameras"
    try:
        devices = run_probe("cameras")["devices"]
    except ProbeError as error:
        return Check(
            name,
            "failure",
            f"Looking for cameras failed: {error}.",
            "Unplug the cameras, run this check again, and plug them in one by one.",
        )
    if not devices:
        return Check(
            name,
            "warning",
            "None found",
            "Plug in a camera and allow its use; a recorded feed needs none.",
        )
    return Check(name, "ok", ", ".join(devices))


def check_disk(folder: Path) -> Check:
    """Measure free space and how long a durable write takes where sessions go."""
    name = "Session disk"
    # The folder itself may only be made with the first session.
    there = next(part for part in (folder, *folder.absolute().parents) if part.exists())
    try:
        free = shutil.disk_usage(there).free // 1_000_000
        latencies = _write_latencies_ms(there)
    except OSError as error:
        return Check(
            name,
            "failure",
            f"{there} cannot be written ({error.strerror})",
            "Free some space, change its permissions or choose another session folder.",
        )
    median, worst = statistics.median(latencies), max(latencies)
    detail = (
        f"{there}: {free / 1000:.1f} GB free, durable write {median:.1f} ms (worst {worst:.1f})"
    )
    if free < LEAST_FREE_MB:
        return Check(name, "failure", detail, "Free some space or choose another session folder.")
    if free < LITTLE_FREE_MB:
        return Check(name, "warning", detail, "Free some space soon.")
    if median > SLOW_DISK_MS:
        return Check(
            name, "warning", f"{detail}: slow", "Choose a session folder on a faster local disk."
        )
    return Check(name, "ok", detail)


def _write_latencies_ms(folder: Path) -> list[float]:
    latencies: list[float] = []
    with tempfile.TemporaryFile(dir=folder, prefix=".coilpilot-check-") as file:
        for _ in range(20):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            latencies.append((time.perf_counter() - began) * 1e3)
    return latencies


def check_clock() -> Check:
    """Measure the smallest step of the clock by which everything is timed."""
    steps: list[int] = []
    last = time.monotonic_ns()
    while len(steps) < 20:
        now = time.monotonic_ns()
        if now != last:
            steps.append(now - last)
            last = now
    step = min(steps) / 1e6
    detail = f"{time.get_clock_info('monotonic').implementation}, smallest step {step:.4f} ms"
    if step > 1.0:
        return Check(
            "Clock",
            "warning",
            f"{detail}: coarse",
            "Times of images and pulses are no better than this; use another machine or a "
            "newer Python.",
        )
    return Check("Clock", "ok", detail)


def check_head() -> Check:
    """Load the head that comes with the program."""
    from app.subject.head import load_head

    head = load_head()
    return Check("Default head", "ok", head.name)


def check_practice_feed() -> Check:
    """Open the practice feed that comes with the program, with all of its checks."""
    from importlib.resources import files

    from tracking.feed import open_feed
    from tracking.feed_description import FeedError

    path = Path(str(files("resources"))) / "practice.feed"
    try:
        feed = open_feed(path)
    except FeedError as error:
        return Check("Practice feed", "failure", str(error), "Install Coilpilot anew.")
    cameras = ", ".join(camera.name for camera in feed.description.cameras)
    return Check("Practice feed", "ok", f"{feed.description.name}, cameras {cameras}")


def check_stimulator_process() -> Check:
    """Start the stimulator process, wait for its first word, and end it."""
    from app.stimulate.client import ClientEvent, ProcessEnded, StimulatorClient

    name = "Stimulator process"
    repair = "Install Coilpilot anew; a virus scanner may also be holding the program back."
    answered = threading.Event()
    ended: list[str] = []

    def hear(event: ClientEvent) -> None:
        if isinstance(event, ProcessEnded):
            ended.append(event.sentence)
        answered.set()

    began = time.monotonic()
    try:
        client = StimulatorClient(hear)
    except OSError as error:
        return Check(name, "failure", f"It cannot be started ({error.strerror})", repair)
    answered.wait(PROCESS_LIMIT)
    took = time.monotonic() - began
    # Ended before it was asked to: it never came up.
    failure = ended[0] if ended else "" if answered.is_set() else "It gives no sign of life"
    client.close()
    if failure:
        return Check(name, "failure", failure, repair)
    return Check(name, "ok", f"Starts in {took:.1f} s on {sys.platform}")
