"""The 3-D view: a still head, and a coil that moves over it at full rate without a GPU.

In: scalp and cortex surfaces, a coil model, the target, the coil's pose. Out: pictures.

The head does not move in ``mri``, so it is drawn once for each camera, size or content and kept as
colour and depth (:class:`~render.composite.Still`). A frame draws only the coil, in a window of
its own, and puts it in by depth within the coil's bounding box. While the camera is moved by hand
(:meth:`HeadScene.set_moving`) the head is drawn roughly, and finely again when it rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform
from vtkmodules.vtkRenderingCore import vtkActor

from render import palette, views
from render.actors import Colour, box_corners, mesh_actor, place_rigid, stretch_between
from render.coil_drawing import CoilDrawing, CoilState
from render.coil_model import CoilModel
from render.composite import Still, nearest, put_in, scalp_look, still_picture
from render.head_drawing import HeadDrawing
from render.layers import Layer, LayerWindow, Pixels
from render.markers import Hit, Target, hits_mesh, line_mesh, target_mesh
from render.meshes import sphere
from render.projection import Projection
from render.rays import RayCaster
from render.surface import Surface
from render.views import View, ViewPreset

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]

ROOM = 420.0
"""Around the centre of the head, this far in every direction, things are drawn, mm."""
AIM_LENGTH = 60.0
"""Length of the normal line where it meets no cortex, mm."""
AIM_REACH = 200.0
"""How far along its normal a coil's aim is looked for, mm."""


@dataclass(frozen=True, slots=True)
class SceneStyle:
    """How the scene looks; opacities 0 to 1."""

    background: str = palette.BACKGROUND
    scalp: Colour = (0.98, 0.80, 0.68)
    scalp_opacity: float = 0.24
    scalp_rim_opacity: float = 0.85
    scalp_ambient: float = 0.85


class HeadScene:
    """A head, a target and a coil, drawn offscreen.

    All methods are called from one thread. `close` it, or use it in a ``with`` statement.

    Parameters
    ----------
    scalp, cortex
        Surfaces in ``mri``, mm.
    coil
        Shape of the coil.
    size
        Width and height of the picture, pixels.
    style
        Colours and opacities.
    """

    def __init__(
        self,
        scalp: Surface,
        cortex: Surface,
        coil: CoilModel,
        *,
        size: tuple[int, int] = (900, 700),
        style: SceneStyle | None = None,
    ) -> None:
        self._style = style or SceneStyle()
        self._bounds = np.stack([scalp.vertices.min(axis=0), scalp.vertices.max(axis=0)]).astype(
            np.float64
        )
        self._head = HeadDrawing(scalp, cortex)
        self._marks_window = LayerWindow()
        self._target_actors = _target_actors()
        self._marks_window.add(*self._target_actors)
        self._hit_actors: list[vtkActor] = []
        self._coil = CoilDrawing(coil)
        self._rays = RayCaster(cortex)
        self._target: Target | None = None
        self._target_origin: FloatArray | None = None
        self._scalp_shown = True
        self._look = scalp_look(
            self._style.scalp,
            self._style.scalp_opacity,
            self._style.scalp_rim_opacity,
            self._style.scalp_ambient,
        )
        self._view = views.preset_view(ViewPreset.LEFT, self._bounds)
        self._size = size
        self._projection: Projection | None = None
        self._moving = False
        self._head_layers: tuple[Layer, Layer] | None = None
        self._head_is_rough = False
        self._still: Still | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the graphics memory back. Safe to call twice; nothing can be drawn afterwards."""
        self._head.close()
        self._marks_window.close()
        self._coil.close()

    # Camera

    @property
    def view(self) -> View:
        """Where the camera stands."""
        return self._view

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, pixels."""
        return self._size

    @property
    def projection(self) -> Projection:
        """From ``mri`` to pixels of the picture as it is drawn now."""
        if self._projection is None:
            centre = self._bounds.mean(axis=0)
            ahead = float((centre - self._view.position) @ self._view.direction)
            near = max(ahead - ROOM, 10.0)
            far = max(ahead + ROOM, near + 1.0)
            self._projection = Projection(self._view, near, far, *self._size)
        return self._projection

    def set_size(self, width: int, height: int) -> None:
        """Change the size of the picture, pixels; at least 1 x 1."""
        size = (max(int(width), 1), max(int(height), 1))
        if size != self._size:
            self._size = size
            self._projection = self._head_layers = self._still = None

    def set_view(self, view: View | ViewPreset) -> None:
        """Move the camera, to a preset or anywhere."""
        if isinstance(view, ViewPreset):
            pose = None if self._target is None else self._target.mri_from_target
            view = views.preset_view(view, self._bounds, pose)
        self._view = view
        self._projection = self._head_layers = self._still = None

    def orbit(self, right_px: float, down_px: float) -> None:
        """Turn the head under the mouse: one picture height is half a turn."""
        degrees = 180.0 / self._size[1]
        self.set_view(views.orbit(self._view, -right_px * degrees, down_px * degrees))

    def zoom(self, factor: float) -> None:
        """Come nearer by `factor` (> 1) or go farther (< 1)."""
        self.set_view(views.zoom(self._view, factor))

    def pan(self, right_px: float, down_px: float) -> None:
        """Shift the picture with the mouse."""
        self.set_view(views.pan(self._view, right_px, down_px, self._size[1]))

    def set_moving(self, moving: bool) -> None:
        """Say whether the camera is being moved by hand: then a new view is drawn roughly.

        Say so with the first movement, and take it back when the camera has rested for a while
        (0.2 s): the next picture is drawn finely. Turning, shifting and zooming do not say it by
        themselves, so that a single picture from a new view is always fine.
        """
        self._moving = moving
        if not moving and self._head_is_rough:
            self._head_layers = self._still = None

    # Content

    def set_target(self, target: Target | None) -> None:
        """Show a target, or none. The camera stays where it is."""
        self._target = target
        self._target_origin = None if target is None else target.mri_from_target.translation
        marker, line, end = self._target_actors
        marker.SetVisibility(target is not None)
        line.SetVisibility(False)
        end.SetVisibility(False)
        if target is not None:
            place_rigid(marker, target.mri_from_target)
            point = target.cortex_point
            if point is None:
                point = self._aim(target.mri_from_target.as_matrix())
            if point is not None:
                stretch_between(line, target.mri_from_target.translation, point)
                end.SetVisibility(True)
                place_rigid(end, RigidTransform.from_translation(point))
        self._still = None

    def set_hits(self, hits: Sequence[Hit]) -> None:
        """Show these hits and no others."""
        self._marks_window.remove(*self._hit_actors)
        self._hit_actors = []
        for on_target, colour in (
            (True, palette.GREEN),
            (False, palette.ORANGE),
            (None, palette.MUTED),
        ):
            mesh = hits_mesh(hits, on_target)
            if mesh is not None:
                self._hit_actors.append(mesh_actor(mesh, palette.rgb(colour), glow=0.3))
        self._marks_window.add(*self._hit_actors)
        self._still = None

    def show_scalp(self, shown: bool) -> None:
        """Show the scalp or take it away."""
        self._scalp_shown = shown
        self._still = None

    # Pictures

    def draw(
        self,
        mri_from_coil: RigidTransform | None,
        *,
        coil_state: CoilState = CoilState.LIVE,
        error_line: bool = True,
    ) -> Image:
        """Draw the scene.

        Parameters
        ----------
        mri_from_coil
            Pose of the coil; None for no coil.
        coil_state
            How far that pose can be believed.
        error_line
            Whether to draw the line from the coil to the target, if there is one.

        Returns
        -------
        (height, width, 4) uint8
            sRGB and 255, top row first, owned by the caller.
        """
        still = self._still_picture()
        if mri_from_coil is None:
            return _unpacked(still.picture.copy())
        pose = mri_from_coil.as_matrix()
        aim = self._aim(pose)
        if aim is None:
            aim = pose[:3, 3] + AIM_LENGTH * pose[:3, 2]
        target = self._target_origin if error_line else None
        drawn = self._coil.draw(self.projection, pose, aim, target, coil_state)
        if drawn is None:
            return _unpacked(still.picture.copy())
        return _unpacked(put_in(still, *drawn))

    def pick(self, x: float, y: float) -> FloatArray | None:
        """(3,) point of the scalp, else of the cortex, at a pixel; None where neither is."""
        column, row = round(x), round(y)
        if not (0 <= column < self._size[0] and 0 <= row < self._size[1]):
            return None
        still = self._still_picture()
        depth = float(still.front_depth[row, column])
        return self.projection.point(column, row, depth) if depth < 1.0 else None

    def _still_picture(self) -> Still:
        if self._still is None:
            cortex, scalp = self._drawn_head()
            self._still = still_picture(
                self._with_marks(cortex),
                scalp if self._scalp_shown else None,
                self._look,
                palette.rgb(self._style.background),
            )
        return self._still

    def _with_marks(self, cortex: Layer) -> Layer:
        shown = [mark for mark in (*self._target_actors, *self._hit_actors) if mark.GetVisibility()]
        if not shown:
            return cortex
        projection = self.projection
        box = projection.box_around(
            np.concatenate([box_corners(mark.GetBounds()) for mark in shown])
        )
        if box.empty:
            return cortex
        return nearest(cortex, self._marks_window.grab(projection, box), box)

    def _drawn_head(self) -> tuple[Layer, Layer]:
        """Cortex and scalp, drawn anew only if camera or size changed: a new hit costs neither."""
        if self._head_layers is None:
            self._head_layers = self._head.layers(self.projection, rough=self._moving)
            self._head_is_rough = self._moving
        return self._head_layers

    def _aim(self, mri_from_coil: FloatArray) -> FloatArray | None:
        """Give the (3,) point of the cortex on the axis of a (4, 4) pose, if there is one."""
        return self._rays.first_hit(mri_from_coil[:3, 3], mri_from_coil[:3, 2], AIM_REACH)


def _unpacked(pixels: Pixels) -> Image:
    return pixels.view(np.uint8).reshape(*pixels.shape, 4)


def _target_actors() -> tuple[vtkActor, vtkActor, vtkActor]:
    """Marker on the scalp, line to the cortex, ball at its end; all hidden."""
    colour = palette.rgb(palette.TARGET)
    actors = (
        mesh_actor(target_mesh(), colour, glow=0.45),
        mesh_actor(line_mesh(0.8), colour, glow=0.45),
        mesh_actor(sphere(np.zeros(3), 3.0), colour, glow=0.3),
    )
    for actor in actors:
        actor.SetVisibility(False)
    return actors
