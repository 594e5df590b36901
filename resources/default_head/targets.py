"""Named targets: the cortex point, the scalp over it, and the coil pose there.

In: scalp, cortex, the 10-20 positions. Out: :class:`~app.plan.target.Target` in ``mri``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from app.plan.target import Target
from app.subject.distance import SurfaceDistance
from render.surface import Surface, vertex_normals

FloatArray = NDArray[np.float64]

NORMAL_RADIUS = 20.0
"""The scalp's normal is averaged over this much skin, mm: about what a coil rests on."""
HANDLE_DEG = 45.0
"""The handle points backwards and to the side, this far from the midline."""

HAND_KNOB = {"left": (-28.0, -26.0, 60.0), "right": (29.0, -25.0, 60.0)}
"""Middle of the omega-shaped knob of the precentral gyrus in Colin27, picked by eye on its axial
slices z = 60 to 64 and on the rendered cortex (the knob as landmark: Yousry et al. 1997). MNI
coordinates usual in the TMS literature, about (-37, -21, 58) and (38, -20, 58) as remembered,
lie on the same gyrus, at the knob's lateral edge."""

_UNVERIFIED = "Unverified: a starting point for a hotspot search, not a substitute for it."


class TargetError(Exception):
    """A target that cannot be placed: no scalp over it or no cortex under it."""


class ScalpNormals:
    """Outward normals of the scalp, smoothed over :data:`NORMAL_RADIUS`."""

    def __init__(self, scalp: Surface) -> None:
        self._vertices = scalp.vertices.astype(np.float64)
        self._normals = vertex_normals(scalp).astype(np.float64)

    def at(self, point: FloatArray) -> FloatArray:
        """Give the (3,) unit normal about `point` (3,), nearer skin weighing more."""
        distance = np.linalg.norm(self._vertices - point, axis=1)
        weight = np.clip(1 - (distance / NORMAL_RADIUS) ** 2, 0, None)
        mean: FloatArray = weight @ self._normals
        length = np.linalg.norm(mean)
        if length == 0:
            raise TargetError(f"There is no scalp within {NORMAL_RADIUS} mm of {point}.")
        return mean / length


def coil_pose(scalp_point: FloatArray, outward: FloatArray, side: str) -> RigidTransform:
    """Give ``mri_from_target`` on `scalp_point` with the handle :data:`HANDLE_DEG` to the side.

    z is into the head, against `outward`. y, away from the handle, points forwards and towards
    the midline: on the left head to the right, on the right head to the left. x is y cross z.
    """
    inwards = np.deg2rad(HANDLE_DEG) * (1 if side == "left" else -1)
    forward_medial = np.array([np.sin(inwards), np.cos(inwards), 0.0])
    z = -outward
    y = forward_medial - (forward_medial @ z) * z
    y = y / np.linalg.norm(y)
    x = np.cross(y, z)
    return RigidTransform.from_components(
        scalp_point, Rotation.from_matrix(np.column_stack([x, y, z]))
    )


def named_targets(
    scalp: Surface, cortex: Surface, positions: Mapping[str, FloatArray]
) -> list[Target]:
    """Give M1 of both hands and the DLPFC under F3 and F4."""
    skin, brain, normals = SurfaceDistance(scalp), SurfaceDistance(cortex), ScalpNormals(scalp)
    targets = []
    for side, knob in HAND_KNOB.items():
        point, outward = _scalp_over(np.array(knob), skin, normals)
        source = (
            f"Crown of the precentral gyrus over the middle of the hand knob, {side}, picked "
            f"by eye in Colin27 at {knob} (MNI)."
        )
        targets.append(_target(f"M1 hand {side}", side, point, outward, brain, source))
    for side, name in (("left", "F3"), ("right", "F4")):
        point = positions[name]
        source = f"Cortex under 10-20 position {name} along the scalp's normal."
        targets.append(
            _target(f"DLPFC {side} ({name})", side, point, normals.at(point), brain, source)
        )
    return targets


def _scalp_over(
    inner: FloatArray, skin: SurfaceDistance, normals: ScalpNormals
) -> tuple[FloatArray, FloatArray]:
    """Scalp point whose smoothed normal runs through `inner`, and that normal."""
    point = skin.nearest(inner)[1]
    for _ in range(50):
        outward = normals.at(point)
        distance = skin.along(inner, outward)
        if distance is None:
            raise TargetError(f"There is no scalp over {inner}.")
        moved = inner + distance * outward
        if np.linalg.norm(moved - point) < 1e-3:
            return moved, outward
        point = moved
    raise TargetError(f"The scalp's normals over {inner} do not settle.")


def _target(
    name: str,
    side: str,
    point: FloatArray,
    outward: FloatArray,
    brain: SurfaceDistance,
    source: str,
) -> Target:
    depth = brain.along(point, -outward)
    if depth is None:
        raise TargetError(f"There is no cortex under the scalp point of {name}.")
    return Target(
        id=name.lower().replace("(", "").replace(")", "").replace(" ", "-"),
        name=name,
        mri_from_target=coil_pose(point, outward, side),
        cortex_point=point - depth * outward,
        description=f"{source} {_UNVERIFIED}",
    )
