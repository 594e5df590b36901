"""The result of a calibration: its value, how good it is, what it holds for, who decided.

In: what a calibration found. Out: one file, dated and never changed, readable by a person.
Lengths are mm, angles degrees, transforms are named by direction.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tracking.feed_description import BodyModel, Matrix3, TransformModel, Vector3

SCHEMA_VERSION = 1


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DeviceSettings(_Model):
    """With what a camera was set while it was calibrated. None: the driver does not tell.

    `device` is what tells one camera from another (identity of the device, or an address);
    empty for a recording that does not say.
    """

    device: str = ""
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    frames_per_s: float | None = None
    pixel_format: str = ""
    exposure: float | None = None
    gain: float | None = None
    focus: float | None = None
    zoom: float | None = None


class Finding(_Model):
    """One number of a result, with what it means in words."""

    name: str
    value: float
    unit: str
    meaning: str = ""


class IntrinsicsValue(_Model):
    """Pinhole matrix and OpenCV distortion of one camera, with standard deviations."""

    kind: Literal["intrinsics"] = "intrinsics"
    matrix: Matrix3
    distortion: list[float]
    matrix_sigma: Matrix3
    distortion_sigma: list[float]
    mirrored: bool = False


class ExtrinsicsValue(_Model):
    """Where each camera stands: camera name -> ``camera_from_world``; the first is ``world``."""

    kind: Literal["extrinsics"] = "extrinsics"
    camera_from_world: dict[str, TransformModel]


class BodyValue(_Model):
    """A marker body as measured."""

    kind: Literal["body"] = "body"
    body: BodyModel


class PointerValue(_Model):
    """The tip in the frame of the pointer's body."""

    kind: Literal["pointer"] = "pointer"
    pointer_tip: Vector3


class CoilValue(_Model):
    """Where the coil is on its marker body."""

    kind: Literal["coil"] = "coil"
    coil_body_from_coil: TransformModel


Value = Annotated[
    IntrinsicsValue | ExtrinsicsValue | BodyValue | PointerValue | CoilValue,
    Field(discriminator="kind"),
]


class CalibrationResult(_Model):
    """All that is known of one calibration.

    Attributes
    ----------
    subject
        The camera, the body or, for extrinsics, the cameras joined by a comma.
    made_utc
        ISO 8601, to the second.
    source
        The recording or cameras that it was made from.
    residual
        How well the fit fits. Never to be shown as accuracy.
    predicted_error
        What error to expect in use, by propagation or on pictures that the fit did not use.
    further
        Other figures: counts, standard deviations, held-out checks.
    faults
        Sentences: why it must not be used, and what is missing. Empty if it is good enough.
    warnings
        Sentences: what to know although it may be used.
    holds_for
        Camera name -> the settings under which it holds.
    value
        What was found; kept also if there are faults, to be looked at.
    decision
        A result with faults cannot be accepted.
    """

    schema_version: Literal[1] = 1
    subject: str
    made_utc: str
    source: str
    residual: Finding
    predicted_error: Finding
    further: tuple[Finding, ...] = ()
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    holds_for: dict[str, DeviceSettings] = {}
    value: Value
    decision: Literal["proposed", "accepted", "rejected"] = "proposed"
    decided_utc: str | None = None

    def decided(self, *, accepted: bool) -> CalibrationResult:
        """Give the result with the person's decision.

        Raises
        ------
        ValueError
            If it has faults and is to be accepted.
        """
        if accepted and self.faults:
            raise ValueError(
                f"The calibration of {self.subject} cannot be accepted: {self.faults[0]}"
            )
        return self.model_copy(
            update={
                "decision": "accepted" if accepted else "rejected",
                "decided_utc": utc_now(),
            }
        )


def utc_now() -> str:
    """Give the time of day as results state it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
