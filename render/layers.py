"""One offscreen window that draws things and gives the picture back with its depth.

In: VTK actors and a :class:`~render.views.View`. Out: a :class:`Layer`, top row first. No
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


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """Part of a picture with its depth.

    Attributes
    ----------
    rgba
        (h, w, 4) uint8, colour already multiplied with alpha.
    depth
        (h, w) float32, 0 at the near plane, 1 at the far plane and where nothing was drawn.
    """

    rgba: NDArray[np.uint8]
    depth: NDArray[np.float32]


class LayerWindow:
    """An offscreen window with a transparent ground. Used by one thread; `close` it."""

    def __init__(self) -> None:
        self._window = _offscreen_window()
        self._renderer = vtkRenderer()
        self._renderer.SetBackground(0.0, 0.0, 0.0)
        self._renderer.SetBackgroundAlpha(0.0)
        self._window.AddRenderer(self._renderer)
        self._camera = self._renderer.MakeCamera()
        self._camera.SetViewAngle(VIEW_ANGLE_DEG)
        self._renderer.SetActiveCamera(self._camera)
        self._renderer.SetAutomaticLightCreation(False)
        self._height = 0
        self._colour = vtkUnsignedCharArray()
        self._depth = vtkFloatArray()

    def add(self, *actors: vtkActor) -> None:
        """Add things to draw, back to front where they are translucent."""
        for actor in actors:
            self._renderer.AddActor(actor)

    def remove(self, *actors: vtkActor) -> None:
        """Draw these things no longer."""
        for actor in actors:
            self._renderer.RemoveActor(actor)

    def aim(self, projection: Projection) -> None:
        """Take the camera and the size of the picture."""
        view = projection.view
        self._camera.SetPosition(*view.position)
        self._camera.SetFocalPoint(*view.focal_point)
        self._camera.SetViewUp(*view.view_up)
        self._camera.SetClippingRange(projection.near, projection.far)
        self._window.SetSize(projection.width, projection.height)
        self._height = projection.height

    def grab(self, box: Box) -> Layer:
        """Draw and read back the pixels within `box`, which is not empty."""
        self._window.Render()
        left, right = box.left, box.right - 1
        bottom, top = self._height - box.bottom, self._height - box.top - 1
        self._window.GetRGBACharPixelData(left, bottom, right, top, 0, self._colour, 0)
        self._window.GetZbufferData(left, bottom, right, top, self._depth)
        shape = (box.bottom - box.top, box.right - box.left)
        # VTK's arrays are used again by the next call, and its first row is the lowest.
        return Layer(
            np.ascontiguousarray(vtk_to_numpy(self._colour).reshape(*shape, 4)[::-1]),
            np.ascontiguousarray(vtk_to_numpy(self._depth).reshape(shape)[::-1]),
        )

    def close(self) -> None:
        """Give the window's graphics memory back. Safe to call twice."""
        self._renderer.RemoveAllViewProps()
        self._window.Finalize()


def _offscreen_window() -> vtkRenderWindow:
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
