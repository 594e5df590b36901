"""Marker bodies: rigid things that carry printed tags, and where each tag's corners lie on them.

In: a body file or the dimensions of a plate. Out: a :class:`MarkerBody`, which the pose solver
matches against the tags it sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class BodyError(ValueError):
    """A marker body that cannot be tracked; the message says which and why."""


@dataclass(frozen=True, eq=False)
class MarkerBody:
    """A rigid body with printed tags.

    Attributes
    ----------
    name
        The body's frame: ``head``, ``coil_body`` or ``pointer``.
    family
        Tag family, ``36h11`` by default.
    corners
        Tag id -> (4, 3) corners in the body's frame, mm, in the order in which OpenCV reports
        them: clockwise as printed, seen from the front, starting top left.
    """

    name: str
    family: str
    corners: Mapping[int, FloatArray]

    def __post_init__(self) -> None:
        if not self.corners:
            raise BodyError(
                f"Marker body '{self.name}' has no tags, so it can never be seen. "
                "List its tags with their corners in the body file."
            )
        for tag, corners in self.corners.items():
            if corners.shape != (4, 3) or not np.isfinite(corners).all():
                raise BodyError(
                    f"Tag {tag} of marker body '{self.name}' needs four corners with "
                    "three finite coordinates each, in mm."
                )
        object.__setattr__(self, "corners", MappingProxyType(dict(self.corners)))


def bent_plate(
    name: str,
    first_tag: int,
    *,
    family: str = "36h11",
    tag_size: float = 36.0,
    gap: float = 4.0,
    bend_deg: float = 35.0,
) -> MarkerBody:
    """Make the default body: three panels side by side with two tags each, bent like a roof.

    The middle panel lies in the plane z = 0 with the origin at its centre; x runs across the
    panels, y down the printed sheet, z out of the back, so that the front looks along -z (a body
    facing a camera squarely has the camera's axes). The outer panels fold back by `bend_deg`.

    Parameters
    ----------
    name
        Frame name.
    first_tag
        Id of the first tag; the six ids are consecutive, column by column, top to bottom.
    family
        Tag family.
    tag_size
        Side of a tag's black square, mm.
    gap
        White space between neighbouring tags and around them, mm.
    bend_deg
        Fold angle of the outer panels, degrees.

    Raises
    ------
    BodyError
        If a dimension is not positive.
    """
    if tag_size <= 0 or gap <= 0:
        raise BodyError(f"Marker body '{name}': tag size and gap must be positive, in mm.")
    pitch = tag_size + gap
    half = tag_size / 2
    square = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    corners: dict[int, FloatArray] = {}
    for panel in (-1, 0, 1):
        fold = np.deg2rad(bend_deg) * panel
        across = np.array([np.cos(fold), 0.0, np.sin(fold)])
        hinge = np.array([panel * pitch / 2, 0.0, 0.0])
        panel_centre = hinge + panel * across * (pitch / 2)
        for row in (0, 1):
            centre = panel_centre + np.array([0.0, (row - 0.5) * pitch, 0.0])
            tag = first_tag + (panel + 1) * 2 + row
            corners[tag] = (
                centre + square[:, :1] * across + square[:, 1:] * np.array([0.0, 1.0, 0.0])
            )
    return MarkerBody(name=name, family=family, corners=corners)
