"""Checks that may crash or hang with a broken driver, each run in a process of its own.

In: the name of a probe. Out: what it found, as one line of JSON on stdout. A missing graphics
library ends a process without a word; ended here, it ends only the probe.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HIDDEN_SUBCOMMAND = "doctor-probe"
"""With this first argument a frozen program runs :func:`main`."""

Findings = dict[str, Any]


class ProbeError(Exception):
    """A probe that gave no answer; the message says how it ended."""


def run_probe(name: str, *, timeout: float = 60.0) -> Findings:
    """Run the probe `name` in a process of its own and give what it found.

    Raises
    ------
    ProbeError
        If it crashed, failed or took longer than `timeout` seconds.
    """
    frozen = getattr(sys, "frozen", False)
    start = [sys.executable, HIDDEN_SUBCOMMAND] if frozen else [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(
            [*start, name],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
            cwd=None if frozen else Path(__file__).resolve().parents[1],
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"no answer within {timeout:.0f} s") from error
    except OSError as error:
        raise ProbeError(f"it could not be started: {error.strerror}") from error
    # Libraries may print too: the answer is the last line.
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    try:
        found = json.loads(lines[-1]) if done.returncode == 0 and lines else None
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    complaints = done.stderr.decode("utf-8", "replace").strip().splitlines()
    last = complaints[-1] if complaints else "no message"
    raise ProbeError(f"it ended with status {done.returncode}: {last}")


def graphics() -> Findings:
    """Draw a small scene offscreen with VTK; gives renderer, frames per second, pixels drawn."""
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  (registers the drawing classes)
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersSources import vtkSphereSource
    from vtkmodules.vtkRenderingCore import (
        vtkActor,
        vtkPolyDataMapper,
        vtkRenderer,
        vtkRenderWindow,
        vtkWindowToImageFilter,
    )

    sphere = vtkSphereSource(theta_resolution=100, phi_resolution=100)
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(sphere.GetOutputPort())
    renderer = vtkRenderer()
    renderer.AddActor(vtkActor(mapper=mapper))
    window = vtkRenderWindow(off_screen_rendering=True, multi_samples=0)
    window.SetSize(900, 700)
    window.AddRenderer(renderer)
    window.Render()
    camera = renderer.GetActiveCamera()
    frames, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < 1.0:
        camera.Azimuth(1.0)
        window.Render()
        frames += 1
    grab = vtkWindowToImageFilter(input=window)
    grab.Update()
    image: vtkImageData = grab.GetOutput()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars())
    return {
        "renderer": _renderer_name(window.ReportCapabilities()),
        "rate": frames / elapsed,
        "drawn": int((pixels.max(axis=1) > 0).sum()),
    }


def _renderer_name(capabilities: str) -> str:
    for line in capabilities.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "OpenGL renderer string":
            return value.strip()
    return "unknown renderer"


def qt() -> Findings:
    """Start Qt as the window would; gives the platform and the screens."""
    import os

    from PySide6.QtGui import QGuiApplication

    from app.widgets.display import OFFSCREEN, has_display

    if not has_display():
        os.environ["QT_QPA_PLATFORM"] = OFFSCREEN
    application = QGuiApplication([])
    screens = [
        f"{screen.size().width()}x{screen.size().height()}" for screen in application.screens()
    ]
    return {"platform": application.platformName(), "screens": screens}


def cameras() -> Findings:
    """List the cameras by name, without opening them."""
    from tracking.devices import list_devices

    return {"devices": [device.name for device in list_devices()]}


PROBES: dict[str, Callable[[], Findings]] = {"graphics": graphics, "qt": qt, "cameras": cameras}


def main(arguments: Sequence[str]) -> int:
    """Run the probe that `arguments` name and print what it found."""
    if len(arguments) != 1 or arguments[0] not in PROBES:
        print(f"Give one of {', '.join(PROBES)}.", file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps(PROBES[arguments[0]]()), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
