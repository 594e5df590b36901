"""A setup: the cameras, bodies and calibrations of one room, in a folder ``NAME.setup``.

In: ``setup.json`` and accepted calibration results. Out: a :class:`Setup`, from which live
cameras are opened. Each accepted or rejected result is kept as a file of its own in ``results/``
and never changed; ``setup.json`` holds what is in force. Lengths are mm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.spatial.transform import RigidTransform

from tracking.bodies import BodyError
from tracking.body_check import check_bodies
from tracking.calibration.result import (
    BodyValue,
    CalibrationResult,
    CoilValue,
    DeviceSettings,
    ExtrinsicsValue,
    IntrinsicsValue,
    PointerValue,
)
from tracking.cameras import Camera
from tracking.feed_description import BodyModel, TransformModel, Vector3

SCHEMA_VERSION = 1
SETUP_FILE = "setup.json"
RESULTS = "results"


class SetupError(Exception):
    """A setup that cannot be used; the message names the file and the remedy."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SetupCamera(_Model):
    """One camera of the room.

    Attributes
    ----------
    address
        What opens it: the device's number or identity, a path, ``http://`` or ``rtsp://``.
    settings
        What it is asked for; the calibration holds only for these.
    intrinsics, camera_from_world
        None until calibrated.
    """

    name: Annotated[str, Field(min_length=1)]
    address: Annotated[str, Field(min_length=1)]
    settings: DeviceSettings
    intrinsics: IntrinsicsValue | None = None
    camera_from_world: TransformModel | None = None

    def camera(self) -> Camera:
        """Give the calibrated camera; a single camera needs no extrinsics to be ``world``.

        Raises
        ------
        SetupError
            If it has no intrinsics.
        """
        if self.intrinsics is None:
            raise SetupError(
                f"Camera '{self.name}' is not calibrated. Run 'coilpilot calibrate cameras'."
            )
        where = self.camera_from_world
        return Camera(
            name=self.name,
            width=self.settings.width,
            height=self.settings.height,
            matrix=np.array(self.intrinsics.matrix, dtype=np.float64),
            distortion=np.array(self.intrinsics.distortion, dtype=np.float64),
            camera_from_world=RigidTransform.identity() if where is None else where.transform(),
        )


class Setup(_Model):
    """All of ``setup.json``; what is None or missing is not calibrated yet."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1)]
    cameras: Annotated[tuple[SetupCamera, ...], Field(max_length=8)] = ()
    bodies: tuple[BodyModel, ...] = ()
    coil_body_from_coil: TransformModel | None = None
    pointer_tip: Vector3 | None = None
    mri_from_head: TransformModel | None = None

    def with_result(self, result: CalibrationResult) -> Setup:
        """Put an accepted result into force.

        Raises
        ------
        SetupError
            If it was not accepted, or is of a camera that the setup does not have.
        """
        if result.decision != "accepted":
            raise SetupError(f"The calibration of {result.subject} was not accepted.")
        value = result.value
        match value:
            case IntrinsicsValue():
                return self._with_intrinsics(result.subject, value, result.holds_for)
            case ExtrinsicsValue():
                return self._with_extrinsics(value)
            case BodyValue():
                others = [body for body in self.bodies if body.name != value.body.name]
                return self.model_copy(update={"bodies": (*others, value.body)})
            case PointerValue():
                return self.model_copy(update={"pointer_tip": value.pointer_tip})
            case CoilValue():
                return self.model_copy(update={"coil_body_from_coil": value.coil_body_from_coil})

    def _with_intrinsics(
        self, name: str, value: IntrinsicsValue, settings: dict[str, DeviceSettings]
    ) -> Setup:
        before = next((camera for camera in self.cameras if camera.name == name), None)
        if before is None:
            raise SetupError(
                f"The setup '{self.name}' has no camera '{name}'. Add it with 'coilpilot cameras'."
            )
        after = before.model_copy(
            update={"intrinsics": value, "settings": settings.get(name, before.settings)}
        )
        return self._with_cameras([after if one is before else one for one in self.cameras])

    def _with_extrinsics(self, value: ExtrinsicsValue) -> Setup:
        return self._with_cameras(
            [
                camera.model_copy(
                    update={"camera_from_world": value.camera_from_world[camera.name]}
                )
                if camera.name in value.camera_from_world
                else camera
                for camera in self.cameras
            ]
        )

    def _with_cameras(self, cameras: Sequence[SetupCamera]) -> Setup:
        return self.model_copy(update={"cameras": tuple(cameras)})


def read_setup(folder: Path) -> Setup:
    """Read and check the setup in `folder`.

    Raises
    ------
    SetupError
        If the file is missing, is no JSON, of another version, wrong in a field, or holds a body
        that cannot exist or that shares its tags with another.
    """
    path = folder / SETUP_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read ({error.strerror}). A setup is a folder with a {SETUP_FILE}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{path} is not valid JSON ({error}). Correct it there.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise SetupError(
            f"{path} has schema version {version!r}, this program reads {SCHEMA_VERSION}. "
            "Open it with the version of Coilpilot that wrote it."
        )
    try:
        setup = Setup.model_validate(data)
        check_bodies(body.body() for body in setup.bodies)
    except BodyError as error:
        raise SetupError(f"{path}: {error}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise SetupError(
            f"{path}: '{where}' is wrong ({fault['msg']}). Correct it there."
        ) from error
    return setup


def write_setup(folder: Path, setup: Setup) -> None:
    """Write `setup` into `folder`, which is made if need be; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{SETUP_FILE}.new"
    fresh.write_text(setup.model_dump_json(indent=1) + "\n", encoding="utf-8")
    os.replace(fresh, folder / SETUP_FILE)


def keep_result(folder: Path, result: CalibrationResult) -> Path:
    """Keep `result` as a new file beside the setup; nothing that is there is written over."""
    results = folder / RESULTS
    results.mkdir(parents=True, exist_ok=True)
    stamp = result.made_utc.replace(":", "").replace("+0000", "Z")
    stem = "".join(one if one.isalnum() or one in "-_" else "_" for one in result.subject)
    number = 1
    while True:
        path = results / f"{stamp}-{result.value.kind}-{stem}-{number}.json"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(result.model_dump_json(indent=1) + "\n")
        except FileExistsError:
            number += 1
        else:
            return path


def decide(folder: Path, result: CalibrationResult, *, accepted: bool) -> tuple[Setup, Path]:
    """Keep a person's decision on `result` and, if it is accepted, put it into force.

    Returns
    -------
    tuple
        The setup in force now, and the file in which the result is kept.

    Raises
    ------
    SetupError
        If the setup cannot be read or has no place for the result.
    ValueError
        If a result with faults is to be accepted.
    OSError
        If it cannot be written.
    """
    decided = result.decided(accepted=accepted)
    setup = read_setup(folder)
    after = setup.with_result(decided) if accepted else setup
    kept = keep_result(folder, decided)
    if accepted:
        write_setup(folder, after)
    return after, kept
