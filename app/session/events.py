"""What a session file holds: the kinds of events and what the body of each says.

In: values to record, or bodies as read. Out: checked, frozen models. Lengths are mm, angles
degrees, times ``time.monotonic_ns()`` of the recording machine; transforms are named by direction.

================== =============================================================================
kind               written
================== =============================================================================
session_opened     first row of the file: :class:`SessionOpened`
registration       head registered to the image: :class:`Registration`
calibration        coil calibrated against its marker body: :class:`Calibration`
target_chosen      :class:`TargetChosen`
tolerance_changed  :class:`ToleranceChanged`
stimulator_*       ``stimulator_connected``, ``stimulator_state``: as the stimulator said
intensity_set      :class:`IntensitySet`
navigation_waived  the operator allowed or ended un-navigated pulses: :class:`NavigationWaived`
pulse_intended     before the trigger goes out: :class:`PulseIntended`
pulse_outcome      after it, or instead of it: :class:`PulseOutcome`
pulse_pose         once the images around the pulse are tracked: :class:`PulsePose`
poses              a batch of thinned-out poses: :class:`Poses`
note               what the operator typed: :class:`Note`
session_closed     last row of a session that ended in order: :class:`SessionClosed`
================== =============================================================================

Programs may record other kinds too; a reader keeps them as they are.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, model_validator

SESSION_OPENED: Final = "session_opened"
REGISTRATION: Final = "registration"
CALIBRATION: Final = "calibration"
TARGET_CHOSEN: Final = "target_chosen"
TOLERANCE_CHANGED: Final = "tolerance_changed"
STIMULATOR_CONNECTED: Final = "stimulator_connected"
STIMULATOR_STATE: Final = "stimulator_state"
INTENSITY_SET: Final = "intensity_set"
NAVIGATION_WAIVED: Final = "navigation_waived"
PULSE_INTENDED: Final = "pulse_intended"
PULSE_OUTCOME: Final = "pulse_outcome"
PULSE_POSE: Final = "pulse_pose"
POSES: Final = "poses"
NOTE: Final = "note"
SESSION_CLOSED: Final = "session_closed"


class Outcome(StrEnum):
    """What became of an intended pulse."""

    FIRED = "fired"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """Sent, but nobody can say whether it went off; also an intent that has no outcome at all."""


class EventBody(BaseModel):
    """The body of one kind of event. Fields that a later program adds are passed over."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )

    def body(self) -> dict[str, Any]:
        """Give the body as JSON values."""
        return self.model_dump(mode="json")


class RigidPose(EventBody):
    """A rigid transform: translation in mm and a unit quaternion in the order x, y, z, w."""

    translation: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]

    @model_validator(mode="after")
    def _is_a_rotation(self) -> Self:
        norm = sum(q * q for q in self.quaternion)
        if abs(norm - 1.0) > 1e-6:
            raise ValueError(f"the quaternion has squared length {norm:g} instead of 1")
        return self


class Anchor(EventBody):
    """One moment on two clocks."""

    monotonic_ns: int
    utc: str


class SessionOpened(EventBody):
    """Who recorded what, with what, and how to read its times."""

    session_id: str
    anchor: Anchor
    program_version: str
    library_versions: dict[str, str]
    platform: str
    units: dict[str, str]
    frames: dict[str, str]
    subject: str | None = None


class Registration(EventBody):
    """Where the head's marker body sits on the head. `rms` is a fit residual, not an accuracy."""

    mri_from_head: RigidPose
    method: str = ""
    rms: float | None = None


class Calibration(EventBody):
    """Where the coil sits in its marker body."""

    coil_body_from_coil: RigidPose
    method: str = ""
    coil: str = ""


class TargetChosen(EventBody):
    """The coil pose that is steered for from here on. A changed target is a new version."""

    target_id: str
    name: str
    mri_from_target: RigidPose
    cortex_point: tuple[float, float, float] | None = None
    version: int = 1


class ToleranceChanged(EventBody):
    """How far off still counts as a hit: mm, degrees, degrees."""

    position: float
    tilt: float
    twist: float


class IntensitySet(EventBody):
    """Stimulator output, % of its maximum."""

    intensity: float


class NavigationWaived(EventBody):
    """Whether pulses may be sent without a pose from here on."""

    waived: bool


class GuidanceErrors(EventBody):
    """Deviation of the coil from the target, with Brainsight's names and definitions.

    mm and degrees; `scalp_distance` is from the coil's face to the scalp along the coil's z.
    Further numbers of the same kind are kept.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    distance_to_target: float | None = None
    target_error: float | None = None
    angular_error: float | None = None
    twist_error: float | None = None
    scalp_distance: float | None = None


class Lease(EventBody):
    """The pose by which a pulse is permitted or not, as it is known before the pulse."""

    pose_time_ns: int | None = None
    age_ms: float | None = None
    on_target: bool | None = None
    target_id: str | None = None
    errors: GuidanceErrors | None = None


class PulseIntended(EventBody):
    """A pulse about to be sent; `source` is single, train or on_target.

    `number` counts from 1 within its train.
    """

    pulse_id: str
    number: int = 1
    train_id: str | None = None
    source: str = "single"
    intensity: float | None = None
    navigated: bool = False
    lease: Lease | None = None
    target_id: str | None = None


class PulseOutcome(EventBody):
    """What became of an intended pulse. `time_ns` is that of the trigger, if there was one.

    `lease` is the pose as known when it was decided.
    """

    pulse_id: str
    outcome: Outcome
    time_ns: int | None = None
    reason: str | None = None
    lease: Lease | None = None


class PulsePose(EventBody):
    """Where the coil was at a pulse, with the quality of that knowledge.

    `state` is ``tracked`` or says why there is no pose; `age_ms` is the time from the last image
    before the pulse; sigmas are tracking noise, not accuracy. `hit` is None if it cannot be known.
    """

    pulse_id: str
    time_ns: int
    state: str
    mri_from_coil: RigidPose | None = None
    reason: str | None = None
    age_ms: float | None = None
    rms_px: float | None = None
    sigma_mm: float | None = None
    sigma_deg: float | None = None
    errors: GuidanceErrors | None = None
    hit: bool | None = None


PoseRow = tuple[
    int,
    str,
    str,
    tuple[float, float, float, float, float, float, float] | None,
    float | None,
    float | None,
    float | None,
]
"""time_ns, body, state, (x, y, z, qx, qy, qz, qw) in ``world``, rms_px, sigma_mm, sigma_deg."""

POSE_COLUMNS = ("time_ns", "body", "state", "world_from_body", "rms_px", "sigma_mm", "sigma_deg")


class Poses(EventBody):
    """Poses of marker bodies in ``world``, thinned out. `rows` are :data:`PoseRow`."""

    columns: tuple[str, ...] = POSE_COLUMNS
    rows: tuple[PoseRow, ...]


class Note(EventBody):
    """Free text of the operator."""

    text: str


class SessionClosed(EventBody):
    """The session ended in order."""

    reason: str = ""
