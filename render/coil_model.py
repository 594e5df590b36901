"""The shape of a figure-8 coil, drawn from a small file of dimensions.

In: a JSON file such as ``resources/coils/figure8_70mm.json``. Out: meshes in the ``coil`` frame:
origin at the centre of the head-side face, z into the head (so the coil lies at z <= 0), y away
from the handle, x = y cross z.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from render.meshes import FloatArray, Mesh, circle, merged, prism, tube

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


def casing_mesh(coil: CoilModel) -> Mesh:
    """Make the casing: two rounded wings with a waist between them, z from -thickness to 0."""
    return prism(_casing_outline(coil), -coil.casing_thickness, 0.0, bevel=2.5)


def _casing_outline(coil: CoilModel) -> FloatArray:
    """(N, 2) outline, star-shaped about the origin: the farthest of the wings and the waist."""
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    direction = np.column_stack([np.cos(angles), np.sin(angles)])
    radius, half = coil.casing_radius, coil.wing_spacing / 2
    # Farthest crossing of a ray from the origin with the circle of the nearer wing:
    # r = c.d + sqrt(radius^2 - |c|^2 + (c.d)^2), no crossing where the root is imaginary.
    along = half * np.abs(direction[:, 0])
    under_root = radius**2 - half**2 + along**2
    wing = np.where(under_root > 0, along + np.sqrt(np.maximum(under_root, 0)), 0.0)
    waist_half_height = 0.72 * radius
    waist = waist_half_height / np.maximum(np.abs(direction[:, 1]), 1e-9)
    waist = np.where(waist * np.abs(direction[:, 0]) <= half, waist, 0.0)
    reach: FloatArray = direction * np.maximum(wing, waist)[:, None]
    return reach


def windings_mesh(coil: CoilModel) -> Mesh:
    """Make the turns of both wings, as rings on both faces of the casing."""
    diameters = np.linspace(coil.wing_inner_diameter, coil.wing_outer_diameter, coil.windings)
    faces = (-coil.casing_thickness, 0.0)
    return merged(
        *(
            tube(
                circle(centre + np.array([0, 0, z]), diameter / 2, count=36),
                0.9,
                sides=4,
                closed=True,
            )
            for centre in coil.wing_centres
            for diameter in diameters
            for z in faces
        )
    )


def handle_mesh(coil: CoilModel) -> Mesh:
    """Make the handle: a rounded bar from the waist toward -y, in the mid-plane of the casing."""
    start = -0.5 * coil.casing_radius
    end = -0.72 * coil.casing_radius - coil.handle_length
    half = coil.handle_width / 2
    corner = half * 0.6
    quarter = np.linspace(0, np.pi / 2, 6)
    centres = [(half - corner, start - corner), (-half + corner, start - corner)]
    centres += [(-half + corner, end + corner), (half - corner, end + corner)]
    outline = np.concatenate(
        [
            np.asarray(centre)
            + corner
            * np.column_stack([np.cos(quarter + i * np.pi / 2), np.sin(quarter + i * np.pi / 2)])
            for i, centre in enumerate(centres)
        ]
    )
    middle = -coil.casing_thickness / 2
    return prism(
        outline, middle - 0.4 * coil.handle_width, middle + 0.25 * coil.handle_width, bevel=4.0
    )


def notch_mesh(coil: CoilModel) -> Mesh:
    """Make the direction notch: an arrow head at the front edge that points to +y."""
    edge = 0.72 * coil.casing_radius
    outline = np.array([[-9.0, edge - 8.0], [9.0, edge - 8.0], [0.0, edge + 14.0]])
    return prism(outline, -coil.casing_thickness - 1.5, 0.0, bevel=0.8)


def centre_cross_mesh(coil: CoilModel) -> Mesh:
    """Make a cross on the back of the casing over the coil's centre, where its axis leaves."""
    z = -coil.casing_thickness - 0.5
    across, along = [[-8.0, 0.0, z], [8.0, 0.0, z]], [[0.0, -8.0, z], [0.0, 8.0, z]]
    return merged(tube(across, 1.1, sides=6), tube(along, 1.1, sides=6))
