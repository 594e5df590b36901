"""``feed.json``: what a recorded feed says of its cameras, bodies, registration and target.

In: the file's text. Out: a validated :class:`FeedDescription`, and the frames' transforms from it.
Lengths are mm, transforms are named by direction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.bodies import BodyError, MarkerBody
from tracking.body_check import check_bodies, repeated
from tracking.cameras import Camera
from tracking.frames import FrameSourceError

SCHEMA_VERSION = 1

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Matrix3 = tuple[Vector3, Vector3, Vector3]


class FeedError(FrameSourceError):
    """A feed that cannot be used; the message names the file and the remedy."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class TransformModel(_Model):
    """A rigid transform as people write it: translation in mm and a quaternion x, y, z, w."""

    translation: Vector3
    quaternion: Quaternion

    @classmethod
    def of(cls, transform: RigidTransform) -> TransformModel:
        """Describe `transform`."""
        x, y, z = (float(v) for v in transform.translation)
        qx, qy, qz, qw = (float(v) for v in transform.rotation.as_quat(canonical=True))
        return cls(translation=(x, y, z), quaternion=(qx, qy, qz, qw))

    def transform(self) -> RigidTransform:
        """Give the transform itself."""
        return RigidTransform.from_components(
            np.array(self.translation), Rotation.from_quat(self.quaternion)
        )


class CameraModel(_Model):
    """One camera of a feed: its files, its intrinsics and where it stands.

    What is None is not calibrated: calibration can use such a feed, tracking cannot. `dropped` is
    how many frames came but could not be recorded in time. A recording that was cut off before it
    was finished is read as far as it goes.
    """

    name: Annotated[str, Field(min_length=1)]
    video: str
    times: str
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    matrix: Matrix3 | None = None
    distortion: list[float] | None = None
    camera_from_world: TransformModel | None = None
    dropped: int = 0
    finished: bool = True

    def camera(self) -> Camera:
        """Give the calibrated camera.

        Raises
        ------
        FeedError
            If it is not calibrated.
        """
        for field in ("matrix", "distortion", "camera_from_world"):
            if getattr(self, field) is None:
                raise FeedError(
                    f"The feed has no camera calibration: '{field}' of camera '{self.name}' is "
                    "missing. Calibrate the camera with 'coilpilot calibrate cameras' and write "
                    "its intrinsics, distortion and position into feed.json."
                )
        assert self.camera_from_world is not None
        return Camera(
            name=self.name,
            width=self.width,
            height=self.height,
            matrix=np.array(self.matrix, dtype=np.float64),
            distortion=np.array(self.distortion, dtype=np.float64),
            camera_from_world=self.camera_from_world.transform(),
        )


class TagModel(_Model):
    """One tag on a body: its id and its four corners in the body's frame, mm."""

    id: Annotated[int, Field(ge=0)]
    corners: tuple[Vector3, Vector3, Vector3, Vector3]


class BodyModel(_Model):
    """One marker body."""

    name: Annotated[str, Field(min_length=1)]
    family: str
    tags: list[TagModel]

    @classmethod
    def of(cls, body: MarkerBody) -> BodyModel:
        """Describe `body`."""
        return cls.model_validate(
            {
                "name": body.name,
                "family": body.family,
                "tags": [
                    {"id": tag, "corners": corners.tolist()}
                    for tag, corners in body.corners.items()
                ],
            }
        )

    def body(self) -> MarkerBody:
        """Give the body itself; :class:`~tracking.bodies.BodyError` for no or repeated tags."""
        tag = repeated(tag.id for tag in self.tags)
        if tag is not None:
            raise BodyError(
                f"Tag {tag} of marker body '{self.name}' is listed more than once. "
                "Give each tag of a body its own id."
            )
        return MarkerBody(
            name=self.name,
            family=self.family,
            corners={tag.id: np.array(tag.corners, dtype=np.float64) for tag in self.tags},
        )


class TargetModel(_Model):
    """The target that the feed was recorded for: a coil pose in ``mri``."""

    name: str
    mri_from_target: TransformModel


class FeedDescription(_Model):
    """All of ``feed.json``."""

    schema_version: Literal[1]
    name: str
    cameras: Annotated[list[CameraModel], Field(min_length=1)]
    bodies: list[BodyModel] = []
    mri_from_head: TransformModel | None = None
    coil_body_from_coil: TransformModel | None = None
    target: TargetModel | None = None
    note: str = ""


def read_description(path: Path) -> FeedDescription:
    """Read and check ``feed.json`` at `path`.

    Raises
    ------
    FeedError
        If the file is missing, is no JSON, has another schema version, holds a body without
        tags, or is wrong in any other field.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FeedError(
            f"{path} cannot be read ({error.strerror}). A feed is a folder with a feed.json in it."
        ) from error
    except (ValueError, RecursionError) as error:
        raise FeedError(
            f"{path} is not valid JSON ({error}). Record or copy the feed anew."
        ) from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise FeedError(
            f"{path} has schema version {version!r}, this program reads {SCHEMA_VERSION}. "
            "Open it with the version of Coilpilot that recorded it, or record it anew."
        )
    try:
        description = FeedDescription.model_validate(data)
    except ValidationError as error:
        raise FeedError(_first_fault(path, error)) from error
    try:
        check_bodies(body.body() for body in description.bodies)
    except BodyError as error:
        raise FeedError(f"{path}: {error}") from error
    return description


def write_description(path: Path, description: FeedDescription) -> None:
    """Write `description` as readable JSON to `path`."""
    path.write_text(description.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _first_fault(path: Path, error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{path}: '{where}' is wrong ({fault['msg']}). Correct it there or record the feed anew."
