"""Coil descriptions: dimples or other marks on a coil's casing that a pointer's tip can find again.

In: a JSON file. Out: a checked :class:`CoilDescription`. Positions are mm in the coil's frame.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tracking.feed_description import Vector3

FloatArray = NDArray[np.float64]

SCHEMA_VERSION = 1
LARGEST_FILE = 1_000_000
LEAST_DIMPLES = 4

LEAST_SPREAD_MM = 5.0
"""Dimples that lie this near to one line leave the turn about it open."""


class CoilDescriptionError(ValueError):
    """A coil description that cannot be used; the message names the file and the remedy."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Dimple(_Model):
    """A mark on the casing: its name and where it is in the coil's frame, mm."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    position: Vector3


class CoilDescription(_Model):
    """A coil and its dimples, in the order in which they are to be touched."""

    schema_version: Literal[1] = 1
    unit: Literal["mm"]
    name: Annotated[str, Field(min_length=1)]
    dimples: Annotated[tuple[Dimple, ...], Field(max_length=50)]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dimples in their order."""
        return tuple(dimple.name for dimple in self.dimples)

    @property
    def positions(self) -> FloatArray:
        """Positions (N, 3) of the dimples in their order."""
        return np.array([dimple.position for dimple in self.dimples], dtype=np.float64)


def check_dimples(description: CoilDescription) -> None:
    """Check that the dimples can tell where the coil is.

    Raises
    ------
    CoilDescriptionError
        If there are fewer than four, two have one name or place, or they lie on one line.
    """
    names, positions = description.names, description.positions
    if len(names) < LEAST_DIMPLES:
        raise CoilDescriptionError(
            f"Coil '{description.name}' has {len(names)} dimples, {LEAST_DIMPLES} are needed: "
            "mark more points on its casing and measure where they are."
        )
    for index, name in enumerate(names):
        if name in names[:index]:
            raise CoilDescriptionError(
                f"Coil '{description.name}' has two dimples named '{name}'. Name them apart."
            )
    apart = np.linalg.norm(positions[:, None] - positions, axis=2)
    same = np.argwhere(np.triu(apart < 1.0, 1))
    if len(same):
        first, second = (names[index] for index in same[0])
        raise CoilDescriptionError(
            f"Dimples '{first}' and '{second}' of coil '{description.name}' are in one place. "
            "Correct their positions."
        )
    spread = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)[1]
    if spread < LEAST_SPREAD_MM:
        raise CoilDescriptionError(
            f"The dimples of coil '{description.name}' lie on one line (collinear), so they do not "
            "tell how the coil is turned about it. Mark one well beside the line."
        )


def read_coil_description(path: Path) -> CoilDescription:
    """Read and check the coil description at `path`.

    Raises
    ------
    CoilDescriptionError
        If the file is missing, too large, no JSON, of another version, wrong in a field, or its
        dimples cannot tell where the coil is.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise CoilDescriptionError(f"{path} is larger than a coil description can be.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CoilDescriptionError(
            f"{path} cannot be read ({error.strerror}). A coil description is a JSON file with "
            "the names and positions of dimples."
        ) from error
    except CoilDescriptionError:
        raise
    except (ValueError, RecursionError) as error:
        raise CoilDescriptionError(f"{path} is not valid JSON ({error}). Correct it.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise CoilDescriptionError(
            f"{path} has schema version {version!r}, this program reads {SCHEMA_VERSION}."
        )
    try:
        description = CoilDescription.model_validate(data)
        check_dimples(description)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise CoilDescriptionError(
            f"{path}: '{where}' is wrong ({fault['msg']}). Correct it there."
        ) from error
    except CoilDescriptionError as error:
        raise CoilDescriptionError(f"{path}: {error}") from error
    return description
