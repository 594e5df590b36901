"""How far the coil is from the target: the four errors, and whether that is within tolerance.

In: ``mri_from_coil`` and ``mri_from_target`` (coil frame: z into the head, y away from the
handle). Out: a :class:`Guidance` with Brainsight's four errors and the signed deviations by which
an operator steers. Every number of the screen and of the record that compares coil and target
comes from here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.rigid import relative

FloatArray = NDArray[np.float64]


class ToleranceError(ValueError):
    """A tolerance that cannot be meant; the message says which and what is allowed."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far off still counts as a hit.

    Attributes
    ----------
    position
        Limit of the distance to target, mm.
    tilt, twist
        Limits of the angular error and of the size of the twist error, degrees.
    """

    position: float = 3.0
    tilt: float = 5.0
    twist: float = 5.0

    def __post_init__(self) -> None:
        limits = (("position", self.position, 50.0), ("tilt", self.tilt, 90.0))
        for name, value, most in (*limits, ("twist", self.twist, 180.0)):
            if not 0.0 < value <= most:
                raise ToleranceError(
                    f"The {name} tolerance is {value:g}; give one above 0 and up to {most:g}."
                )


@dataclass(frozen=True, slots=True)
class Guidance:
    """The deviation of the coil from the target.

    The first four are Brainsight's, by name and definition.

    Attributes
    ----------
    distance_to_target
        Distance of the two origins, mm.
    target_error
        Distance from the target's origin to the line through the coil's origin along its z, mm.
    angular_error
        Angle between the two z axes, degrees, 0 to 180.
    twist_error
        Angle of the target's y axis projected on the coil's xy plane, degrees, -180 to 180.
        Signed as Brainsight does: atan2(x, y) in its axes, whose x is minus the coil's x.
    offset_x, offset_y, offset_z
        The target's origin in the coil's frame, mm: where the coil must still go.
    tilt_x, tilt_y
        Rotation vector about the coil's x and y that brings the coil's z onto the target's,
        degrees.
    """

    distance_to_target: float
    target_error: float
    angular_error: float
    twist_error: float
    offset_x: float
    offset_y: float
    offset_z: float
    tilt_x: float
    tilt_y: float

    def within(self, tolerance: Tolerance) -> bool:
        """Whether this deviation counts as on target."""
        return not self.exceeded(tolerance)

    def exceeded(self, tolerance: Tolerance) -> tuple[str, ...]:
        """Sentences about each number that is out of tolerance; empty when on target."""
        out = []
        if self.distance_to_target > tolerance.position:
            out.append(
                f"Coil is {self.distance_to_target:.1f} mm from the target "
                f"(limit {tolerance.position:.1f} mm)"
            )
        if self.angular_error > tolerance.tilt:
            out.append(f"Coil is tilted by {self.angular_error:.1f}° (limit {tolerance.tilt:.1f}°)")
        if abs(self.twist_error) > tolerance.twist:
            out.append(
                f"Handle is turned by {abs(self.twist_error):.1f}° (limit {tolerance.twist:.1f}°)"
            )
        return tuple(out)


def compare(mri_from_coil: RigidTransform, mri_from_target: RigidTransform) -> Guidance:
    """Compare the coil's pose with the target's, both in ``mri``, mm.

    The definitions of the four errors follow Brainsight's exported samples, against which they
    agree to 0.001 mm and 0.01 degrees.
    """
    coil_from_target = relative(mri_from_coil, mri_from_target)
    target_y, target_z, offset = coil_from_target[:3, 1:].T
    lateral = float(np.hypot(target_z[0], target_z[1]))
    angle = float(np.arctan2(lateral, target_z[2]))
    # z cross target_z = (-target_z.y, target_z.x, 0) is the axis about which the coil must tilt.
    # With the axes exactly opposed no axis is better than another: x is taken.
    axis = np.array([-target_z[1], target_z[0]]) / lateral if lateral > 0 else np.array([1.0, 0.0])
    tilt = np.rad2deg(angle) * axis
    return Guidance(
        distance_to_target=float(np.linalg.norm(offset)),
        target_error=float(np.hypot(offset[0], offset[1])),
        angular_error=float(np.rad2deg(angle)),
        twist_error=float(np.rad2deg(np.arctan2(-target_y[0], target_y[1]))),
        offset_x=float(offset[0]),
        offset_y=float(offset[1]),
        offset_z=float(offset[2]),
        tilt_x=float(tilt[0]),
        tilt_y=float(tilt[1]),
    )
