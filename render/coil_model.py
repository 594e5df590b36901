"""The shape of a figure-8 coil, drawn in outline from a small file of dimensions.

In outline: a casing would hide the cortex and the target just where one looks, and would be most
of the pixels of a frame.

In: a JSON file such as ``resources/coils/figure8_70mm.json``. Out: meshes in the ``coil`` frame:
origin at the centre of the head-side face, z into the head (so the coil lies at z <= 0), y away
from the handle, x = y cross z.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from render.meshes import FloatArray, Mesh, circle, merged, prism, tube

WAIST = 0.72
"""Half height of the waist between the wings, in radii of a wing."""
RIBS = 3
"""Cross ribs of the handle."""

Length = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]


class CoilModelError(ValueError):
    """A coil file that cannot be used; the message names the file, the fault and the remedy."""


class CoilModel(BaseModel):
    """Dimensions of a figure-8 coil, mm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1]
    name: Annotated[str, Field(min_length=1)]
    note: str = ""
    wing_outer_diameter: Length
    """Of the outermost turn of one wing."""
    wing_inner_diameter: Length
    """Of the innermost turn of one wing."""
    wing_spacing: Length
    """Between the centres of the wings, along x."""
    windings: Annotated[int, Field(ge=1, le=40)]
    rim: Length
    """Casing beyond the outermost turn."""
    casing_thickness: Length
    handle_length: Length
    handle_width: Length

    @model_validator(mode="after")
    def _dimensions_agree(self) -> CoilModel:
        if self.wing_inner_diameter >= self.wing_outer_diameter:
            raise ValueError("wing_inner_diameter must be smaller than wing_outer_diameter")
        if self.wing_spacing < self.wing_outer_diameter / 2:
            raise ValueError("wing_spacing must be at least half of wing_outer_diameter")
        if self.wing_spacing > self.wing_outer_diameter + 2 * self.rim:
            raise ValueError("wing_spacing leaves a gap between the two wings of the casing")
        return self

    @property
    def wing_centres(self) -> FloatArray:
        """(2, 3) centres of the wings on the head-side face: left (-x), then right."""
        half = self.wing_spacing / 2
        return np.array([[-half, 0.0, 0.0], [half, 0.0, 0.0]])

    @property
    def casing_radius(self) -> float:
        """Radius of the casing of one wing."""
        return self.wing_outer_diameter / 2 + self.rim


def read_coil_model(path: Path) -> CoilModel:
    """Read and check a coil file.

    Raises
    ------
    CoilModelError
        If the file cannot be read or describes no coil.
    """
    try:
        return CoilModel.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CoilModelError(
            f"The coil file {path} cannot be read ({error.strerror}). "
            "Choose one of the files in resources/coils."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CoilModelError(
            f"The coil file {path} is wrong at {where}: {first['msg']}. "
            "Compare it with resources/coils/figure8_70mm.json."
        ) from error


def rim_mesh(coil: CoilModel) -> Mesh:
    """Make the edge of the head-side face: two rounded wings with a waist between them."""
    return _outline_mesh(coil, 0.0, 1.2)


def back_rim_mesh(coil: CoilModel) -> Mesh:
    """Make the edge of the face away from the head, thinner; with the other it shows the tilt."""
    return _outline_mesh(coil, -coil.casing_thickness, 0.7)


def _outline_mesh(coil: CoilModel, z: float, radius: float) -> Mesh:
    outline = _casing_outline(coil)
    path = np.column_stack([outline, np.full(len(outline), z)])
    return _bar(path, radius, closed=True)


def _casing_outline(coil: CoilModel) -> FloatArray:
    """(N, 2) outline, star-shaped about the origin: the farthest of the wings and the waist."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    direction = np.column_stack([np.cos(angles), np.sin(angles)])
    radius, half = coil.casing_radius, coil.wing_spacing / 2
    # Farthest crossing of a ray from the origin with the circle of the nearer wing:
    # r = c.d + sqrt(radius^2 - |c|^2 + (c.d)^2), no crossing where the root is imaginary.
    along = half * np.abs(direction[:, 0])
    under_root = radius**2 - half**2 + along**2
    wing = np.where(under_root > 0, along + np.sqrt(np.maximum(under_root, 0)), 0.0)
    waist_half_height = WAIST * radius
    waist = waist_half_height / np.maximum(np.abs(direction[:, 1]), 1e-9)
    waist = np.where(waist * np.abs(direction[:, 0]) <= half, waist, 0.0)
    reach: FloatArray = direction * np.maximum(wing, waist)[:, None]
    return reach


def windings_mesh(coil: CoilModel) -> Mesh:
    """Make the turns of both wings, as rings in the mid-plane of the casing."""
    diameters = np.linspace(coil.wing_inner_diameter, coil.wing_outer_diameter, coil.windings)
    middle = np.array([0.0, 0.0, -coil.casing_thickness / 2])
    return merged(
        *(
            _bar(circle(centre + middle, diameter / 2, count=30), 0.6, closed=True)
            for centre in coil.wing_centres
            for diameter in diameters
        )
    )


def handle_mesh(coil: CoilModel) -> Mesh:
    """Make the handle's outline, from the waist toward -y in the mid-plane, with cross ribs."""
    start = -WAIST * coil.casing_radius
    end = start - coil.handle_length
    half, z = coil.handle_width / 2, -coil.casing_thickness / 2
    corner = 0.6 * half
    edge = [[half, start], [half, end + corner], [half - corner, end]]
    edge += [[-x, y] for x, y in reversed(edge)]
    ribs = [
        _bar([[-half, y, z], [half, y, z]], 1.1)
        for y in np.linspace(start, end + corner, RIBS + 1)[1:]
    ]
    return merged(_bar([[x, y, z] for x, y in edge], 1.5), *ribs)


def notch_mesh(coil: CoilModel) -> Mesh:
    """Make the direction notch: an arrow head at the front edge that points to +y."""
    edge = WAIST * coil.casing_radius
    outline = np.array([[-9.0, edge - 8.0], [9.0, edge - 8.0], [0.0, edge + 14.0]])
    return prism(outline, -coil.casing_thickness - 1.5, 0.0, bevel=0.8)


def centre_cross_mesh(coil: CoilModel) -> Mesh:
    """Make a cross behind the casing over the coil's centre, where its axis leaves."""
    z = -coil.casing_thickness - 0.5
    across, along = [[-8.0, 0.0, z], [8.0, 0.0, z]], [[0.0, -8.0, z], [0.0, 8.0, z]]
    return merged(_bar(across, 1.4), _bar(along, 1.4))


def _bar(path: ArrayLike, radius: float, *, closed: bool = False) -> Mesh:
    """Make a bar of three sides, one flat toward who holds the coil: fewest triangles are seen."""
    return tube(path, radius, sides=3, closed=closed, ridge=(0.0, 0.0, 1.0))
