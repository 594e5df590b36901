"""How the coil must move to be on target, as plain numbers, and how much may be left over.

All directions are the coil's own axes: x and y in the plane of its head-side face, y away from
the handle, z into the head. Rotations are right-handed about these axes and say what the coil
**must do**, not what it has done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """The way from the coil to the target.

    Attributes
    ----------
    offset_x, offset_y
        Where the target's origin lies in the ``coil`` frame, mm.
    tilt_x, tilt_y
        Rotation vector, degrees, in the plane of the coil that turns the coil's z axis onto the
        target's: with t the target's z axis in the ``coil`` frame, (-t_y, t_x) / sin(a) times
        the angle a between the axes.
    twist
        Rotation about z that the coil must make, degrees; positive is clockwise for the
        operator, who looks along z.
    scalp_gap
        From the coil's face to the scalp along z, mm; negative if the face lies under the scalp
        surface; None if the coil does not point at the head.
    offset_z
        How far the target's origin lies into the head along the coil's z, mm.
    """

    offset_x: float
    offset_y: float
    tilt_x: float
    tilt_y: float
    twist: float
    scalp_gap: float | None
    offset_z: float = 0.0

    @property
    def offset(self) -> float:
        """Distance of the target in the plane of the coil, mm."""
        return math.hypot(self.offset_x, self.offset_y)

    @property
    def distance(self) -> float:
        """Distance of the two origins, mm."""
        return math.hypot(self.offset_x, self.offset_y, self.offset_z)

    @property
    def tilt(self) -> float:
        """Angle between the z axes, degrees."""
        return math.hypot(self.tilt_x, self.tilt_y)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What counts as on target.

    Attributes
    ----------
    distance
        mm.
    tilt, twist
        Degrees.
    scalp_gap
        How far the coil may be off the scalp before the hint asks to lower it, mm. A hint only:
        hair and electrodes are no error.
    """

    distance: float = 3.0
    tilt: float = 5.0
    twist: float = 5.0
    scalp_gap: float = 5.0

    def __post_init__(self) -> None:
        for name in ("distance", "tilt", "twist", "scalp_gap"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(
                    f"The tolerance for {name.replace('_', ' ')} is {value}; "
                    "give a number greater than 0."
                )
