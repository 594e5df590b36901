"""``head.json``: the landmarks, 10-20 positions and targets of a head, all mm in ``mri``.

In: the file's text. Out: a validated :class:`HeadDescription`, and targets from and to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.plan.target import Target
from tracking.feed_description import TransformModel, Vector3

SCHEMA_VERSION = 1
LANDMARKS = ("nasion", "inion", "LPA", "RPA")


class HeadError(ValueError):
    """A head that cannot be used; the message names the file and the remedy."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class TargetDescription(_Model):
    """One named target as people write it.

    `verified` says whether a person has checked the point in this head; no shipped one has been.
    """

    id: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    version: Annotated[int, Field(ge=1)] = 1
    cortex: Vector3
    scalp: Vector3
    mri_from_target: TransformModel
    description: str = ""
    verified: bool = False

    @model_validator(mode="after")
    def _poses_at_scalp(self) -> Self:
        gap = np.subtract(self.scalp, self.mri_from_target.translation)
        if np.linalg.norm(gap) > 0.01:
            raise ValueError("the translation of mri_from_target is not the scalp point")
        if abs(np.linalg.norm(self.mri_from_target.quaternion) - 1) > 1e-3:
            raise ValueError("the quaternion of mri_from_target has not the length 1")
        return self

    @classmethod
    def of(cls, target: Target) -> TargetDescription:
        """Describe `target`, rounded to 0.001 mm."""
        pose = TransformModel.of(target.mri_from_target)
        scalp = vector(target.scalp_point)
        quaternion = pose.quaternion
        rounded = [round(part, 7) for part in quaternion]
        return cls.model_validate(
            {
                "id": target.id,
                "name": target.name,
                "version": target.version,
                "cortex": vector(target.cortex_point),
                "scalp": scalp,
                "mri_from_target": {"translation": scalp, "quaternion": rounded},
                "description": target.description,
            }
        )

    def target(self) -> Target:
        """Give the target itself."""
        return Target(
            id=self.id,
            name=self.name,
            mri_from_target=self.mri_from_target.transform(),
            cortex_point=np.array(self.cortex, dtype=np.float64),
            version=self.version,
            description=self.description,
        )


class HeadDescription(_Model):
    """All of ``head.json``."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1)]
    units: Literal["mm"] = "mm"
    frame: Literal["mri"] = "mri"
    note: str = ""
    landmarks: dict[str, Vector3]
    eeg_1020: dict[str, Vector3] = {}
    targets: list[TargetDescription] = []

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in LANDMARKS if name not in self.landmarks]
        if missing:
            raise ValueError(f"landmarks are missing: {', '.join(missing)}")
        ids = [target.id for target in self.targets]
        if len(set(ids)) < len(ids):
            raise ValueError("two targets have the same id")
        return self


def vector(point: object) -> Vector3:
    """Give `point` (3,) as three plain numbers, rounded to 0.001 mm."""
    x, y, z = (round(float(value), 3) for value in np.asarray(point, dtype=np.float64))
    return x, y, z


def read_description(path: Path) -> HeadDescription:
    """Read and check ``head.json`` at `path`.

    Raises
    ------
    HeadError
        If it is missing, is no JSON, has another schema version or is wrong in any field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise HeadError(
            f"{path} cannot be read ({error.strerror}). A head is a folder with a head.json in it."
        ) from error
    except UnicodeDecodeError as error:
        raise HeadError(f"{path} is not text. Make or copy the head anew.") from error
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HeadError(f"{path} is not valid JSON ({error}). Correct it there.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise HeadError(
            f"{path} has schema version {version!r}, this program reads {SCHEMA_VERSION}. "
            "Open it with the version of Coilpilot that made it, or make it anew."
        )
    try:
        return HeadDescription.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "head"
        raise HeadError(
            f"{path}: '{where}' is wrong ({fault['msg']}). Correct it there."
        ) from error


def write_description(path: Path, description: HeadDescription) -> None:
    """Write `description` as readable JSON to `path`."""
    path.write_text(description.model_dump_json(indent=1) + "\n", encoding="utf-8")
