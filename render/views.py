"""Where the camera of the 3-D view stands: presets, and turning, zooming and shifting by hand.

In: the bounds of the head and the target's pose. Out: a :class:`View`, all in ``mri`` (RAS), mm.
A view never changes by itself: the view over the coil is fixed to the *target*, so the picture
stays still while the coil moves in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

FloatArray = NDArray[np.float64]

VIEW_ANGLE_DEG = 14.0
"""Narrow, as through a long lens: a coil that is still far from the head does not fill the
picture, and coil and target are seen against each other with little parallax."""
NEAREST, FARTHEST = 60.0, 2000.0
"""Limits of the distance from which one looks, mm."""


class ViewPreset(StrEnum):
    """Named places to look from."""

    OVER_COIL = "over the coil"
    """From behind the coil along its axis when it is on target, handle pointing down."""
    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    FRONT = "front"


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """A perspective camera.

    Attributes
    ----------
    position
        (3,) where it stands, mm.
    focal_point
        (3,) what it looks at and turns about, mm; differs from `position`.
    view_up
        (3,) unit vector that points up in the picture, at right angles to the line of sight.
    """

    position: FloatArray
    focal_point: FloatArray
    view_up: FloatArray

    @property
    def distance(self) -> float:
        """From the camera to the point it looks at, mm."""
        return float(np.linalg.norm(self.focal_point - self.position))

    @property
    def direction(self) -> FloatArray:
        """(3,) unit vector along which it looks."""
        direction: FloatArray = (self.focal_point - self.position) / self.distance
        return direction

    @property
    def right(self) -> FloatArray:
        """(3,) unit vector that points right in the picture."""
        return np.cross(self.direction, self.view_up)


def look_along(
    direction: FloatArray, up: FloatArray, focal_point: FloatArray, distance: float
) -> View:
    """Make a view along `direction`; `up` need not be at right angles to it, nor unit length."""
    forward = np.asarray(direction, dtype=np.float64)
    forward = forward / np.linalg.norm(forward)
    upward = up - forward * (forward @ up)
    focus = np.asarray(focal_point, dtype=np.float64)
    return View(focus - forward * distance, focus, upward / np.linalg.norm(upward))


# Line of sight and up in RAS: seen from the left, one looks to the right (+x).
_DIRECTIONS = {
    ViewPreset.LEFT: ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    ViewPreset.RIGHT: ((-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    ViewPreset.TOP: ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
    ViewPreset.FRONT: ((0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
}


def preset_view(
    preset: ViewPreset,
    bounds: FloatArray,
    mri_from_target: RigidTransform | None = None,
) -> View:
    """Give the view of a preset.

    Parameters
    ----------
    preset
        Which one.
    bounds
        (2, 3) lowest and highest coordinates of the head, mm.
    mri_from_target
        Where the ``coil`` frame should be. Only the view over the coil needs it; without one
        that view looks from above.
    """
    centre = bounds.mean(axis=0)
    radius = float(np.linalg.norm(bounds[1] - bounds[0])) / 2
    if preset is ViewPreset.OVER_COIL and mri_from_target is not None:
        axes = mri_from_target.rotation.as_matrix()
        return look_along(axes[:, 2], axes[:, 1], mri_from_target.translation, 5.3 * radius)
    direction, up = _DIRECTIONS.get(preset, _DIRECTIONS[ViewPreset.TOP])
    distance = 0.86 * radius / np.sin(np.deg2rad(VIEW_ANGLE_DEG / 2))
    return look_along(np.array(direction), np.array(up), centre, distance)


def orbit(view: View, right_deg: float, up_deg: float) -> View:
    """Turn the camera about the point it looks at: to its right, then upward."""
    turn = Rotation.from_rotvec(np.deg2rad(right_deg) * view.view_up)
    turn = Rotation.from_rotvec(-np.deg2rad(up_deg) * turn.apply(view.right)) * turn
    return look_along(
        turn.apply(view.direction), turn.apply(view.view_up), view.focal_point, view.distance
    )


def zoom(view: View, factor: float) -> View:
    """Come nearer by `factor` (> 1) or go farther (< 1), within limits."""
    distance = float(np.clip(view.distance / factor, NEAREST, FARTHEST))
    return replace(view, position=view.focal_point - view.direction * distance)


def pan(view: View, right_px: float, down_px: float, height_px: int) -> View:
    """Shift the camera so that what it looks at follows the mouse by that many pixels."""
    per_pixel = 2 * view.distance * np.tan(np.deg2rad(VIEW_ANGLE_DEG / 2)) / height_px
    shift = per_pixel * (down_px * view.view_up - right_px * view.right)
    return replace(view, position=view.position + shift, focal_point=view.focal_point + shift)
