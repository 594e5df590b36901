"""One offscreen window that draws things and gives the picture back with its depth.

In: VTK actors and a :class:`~render.projection.Projection`. Out: a :class:`Layer`, top row first.
Only the part of the picture that is wanted is drawn at all. No
multisampling and no depth peeling: both cost more than all the rest on a machine without a GPU.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkFloatArray, vtkUnsignedCharArray
from vtkmodules.vtkRenderingCore import vtkActor, vtkRenderer, vtkRenderWindow
from vtkmodules.vtkRenderingOpenGL2 import vtkOpenGLRenderWindow

from render.projection import Box, Projection
from render.views import VIEW_ANGLE_DEG

Pixels = NDArray[np.uint32]
"""Packed pixels: bytes red, green, blue, alpha in memory; red lowest on every machine we run on."""

_SIZE_STEP = 64


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """Part of a picture with its depth.

    Attributes
    ----------
    pixels
        (h, w) packed, colour already multiplied with alpha.
    depth
        (h, w) float32, 0 at the near plane, 1 at the far plane and where nothing was drawn.
    opaque
        Whether what was drawn hides what lies behind it.
    """

    pixels: Pixels
    depth: NDArray[np.float32]
    opaque: bool = True


class LayerWindow:
    """An offscreen window with a transparent ground. Used by one thread; `close` it."""

    def __init__(self) -> None:
        self._window = _offscreen_window()
        self._renderer = vtkRenderer()
        self._renderer.SetBackground(0.0, 0.0, 0.0)
        self._renderer.SetBackgroundAlpha(0.0)
        self._window.AddRenderer(self._renderer)
        self._camera = self._renderer.MakeCamera()
        self._renderer.SetActiveCamera(self._camera)
        self._renderer.SetAutomaticLightCreation(False)
        self._size = (0, 0)

    def add(self, *actors: vtkActor) -> None:
        """Add things to draw, back to front where they are translucent."""
        for actor in actors:
            self._renderer.AddActor(actor)

    def remove(self, *actors: vtkActor) -> None:
        """Draw these things no longer."""
        for actor in actors:
            self._renderer.RemoveActor(actor)

    def grab(self, projection: Projection, box: Box) -> Layer:
        """Draw those pixels of the picture that lie within `box`, which is not empty."""
        width, height = box.right - box.left, box.bottom - box.top
        self._aim(projection, box.left, box.top, *self._fit(projection, width, height))
        self._window.Render()
        low, high = self._size[1] - height, self._size[1] - 1
        colour, depth = vtkUnsignedCharArray(), vtkFloatArray()
        self._window.GetRGBACharPixelData(0, low, width - 1, high, 0, colour, 0)
        self._window.GetZbufferData(0, low, width - 1, high, depth)
        # VTK's first row is the lowest.
        return Layer(
            vtk_to_numpy(colour).view(np.uint32).reshape(height, width)[::-1],
            vtk_to_numpy(depth).reshape(height, width)[::-1],
        )

    def _fit(self, projection: Projection, width: int, height: int) -> tuple[int, int]:
        """Make the window large enough, but not much larger: clearing it costs time too.

        A new size costs more than a frame, so a window that is large enough often stays as it is.
        """
        fits = self._size[0] >= width and self._size[1] >= height
        if not fits or self._size[0] * self._size[1] > 2 * (width + 64) * (height + 64):
            self._size = (
                min(_rounded_up(width), projection.width),
                min(_rounded_up(height), projection.height),
            )
            self._window.SetSize(*self._size)
        return self._size

    def _aim(self, projection: Projection, left: int, top: int, width: int, height: int) -> None:
        """Look at the part of the picture that starts at `left`, `top` and is as large as that."""
        view = projection.view
        self._camera.SetPosition(*view.position)
        self._camera.SetFocalPoint(*view.focal_point)
        self._camera.SetViewUp(*view.view_up)
        self._camera.SetClippingRange(projection.near, projection.far)
        half_angle = np.tan(np.deg2rad(VIEW_ANGLE_DEG / 2)) * height / projection.height
        self._camera.SetViewAngle(2 * np.rad2deg(np.arctan(half_angle)))
        # By how much the centre of the part lies off the centre of the picture, in half parts.
        right = (2 * left + width - projection.width) / width
        down = (2 * top + height - projection.height) / height
        self._camera.SetWindowCenter(right, -down)

    def close(self) -> None:
        """Give the window's graphics memory back. Safe to call twice."""
        self._renderer.RemoveAllViewProps()
        self._window.Finalize()


def _rounded_up(size: int) -> int:
    return -(-size // _SIZE_STEP) * _SIZE_STEP


def _offscreen_window() -> vtkRenderWindow:
    # On a machine without a GPU, Mesa's own threads would take the cores that track the markers.
    os.environ.setdefault("LP_NUM_THREADS", str(max((os.cpu_count() or 1) - 2, 0)))
    # Without a display VTK would first try X and complain on stderr before it turns to EGL.
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        from vtkmodules.vtkRenderingOpenGL2 import vtkEGLRenderWindow

        window: vtkRenderWindow = vtkEGLRenderWindow()
    else:
        window = vtkRenderWindow()
    assert isinstance(window, vtkOpenGLRenderWindow)
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(0)
    window.SetAlphaBitPlanes(True)
    return window
