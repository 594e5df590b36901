"""What the window and the stimulator process say to each other: JSON, one object per line.

Commands go in on stdin, events come out on stdout. Both are frozen dataclasses, told apart by
``type``. Reading is strict: an unknown key, a missing one, a number of the wrong kind or outside
its bounds makes a :class:`MessageError`, never a guess.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

LINE_LIMIT = 16_384
"""Longest line in bytes that is read."""

_STRICT = ConfigDict(strict=True, extra="forbid")

RequestId = Annotated[str, Field(min_length=1, max_length=64)]
TimeNs = Annotated[int, Field(ge=0, lt=2**63)]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=4096)]
PulseSource = Literal["single", "train", "on_target"]


class MessageError(ValueError):
    """A line that is no message; says what is wrong with it."""


@dataclass(frozen=True, config=_STRICT)
class OpenSession:
    """Record into the session file at `path`, which the window has created."""

    path: Text
    type: Literal["open_session"] = "open_session"


@dataclass(frozen=True, config=_STRICT)
class Connect:
    """Connect the driver called `driver`; also acknowledges a fault."""

    driver: Text
    options: dict[str, str | int | float | bool] = Field(default_factory=dict, max_length=16)
    type: Literal["connect"] = "connect"


@dataclass(frozen=True, config=_STRICT)
class Disconnect:
    """Disarm and let go of the device."""

    type: Literal["disconnect"] = "disconnect"


@dataclass(frozen=True, config=_STRICT)
class SetIntensity:
    """Set the output, %MSO."""

    percent: Annotated[int, Field(ge=0, le=100)]
    type: Literal["set_intensity"] = "set_intensity"


@dataclass(frozen=True, config=_STRICT)
class Arm:
    """Arm the device."""

    type: Literal["arm"] = "arm"


@dataclass(frozen=True, config=_STRICT)
class Disarm:
    """Disarm the device."""

    type: Literal["disarm"] = "disarm"


@dataclass(frozen=True, config=_STRICT)
class Stop:
    """STOP: disarm from any state; nothing asked before is done after."""

    type: Literal["stop"] = "stop"


@dataclass(frozen=True, config=_STRICT)
class Fire:
    """Send one pulse now. A `request_id` counts once, whatever becomes of it."""

    request_id: RequestId
    type: Literal["fire"] = "fire"


@dataclass(frozen=True, config=_STRICT)
class StartTrain:
    """Start a course of trains; see :class:`app.stimulate.trains.Train`."""

    request_id: RequestId
    frequency_hz: FiniteFloat
    pulses_per_train: Annotated[int, Field(ge=0, lt=2**31)]
    trains: Annotated[int, Field(ge=0, lt=2**31)] = 1
    interval_s: FiniteFloat = 0.0
    type: Literal["start_train"] = "start_train"


@dataclass(frozen=True, config=_STRICT)
class FireOnTarget:
    """Fire by itself while the coil is on target, or stop doing so."""

    enabled: bool
    dwell_s: Seconds = 0.5
    interval_s: Seconds = 4.0
    type: Literal["fire_on_target"] = "fire_on_target"


@dataclass(frozen=True, config=_STRICT)
class WaivePoseLease:
    """Work without navigation, or with it again."""

    waived: bool
    type: Literal["waive_pose_lease"] = "waive_pose_lease"


@dataclass(frozen=True, config=_STRICT)
class RenewPoseLease:
    """See :class:`app.stimulate.leases.PoseLease`."""

    pose_time_ns: TimeNs
    on_target: bool
    target_id: Text | None = None
    errors: dict[str, FiniteFloat] = Field(default_factory=dict, max_length=32)
    type: Literal["pose_lease"] = "pose_lease"


@dataclass(frozen=True, config=_STRICT)
class RenewOperatorLease:
    """See :class:`app.stimulate.leases.OperatorLease`."""

    given_ns: TimeNs
    type: Literal["operator_lease"] = "operator_lease"


@dataclass(frozen=True, config=_STRICT)
class Shutdown:
    """Disarm, close the device and the session file, and end the process."""

    type: Literal["shutdown"] = "shutdown"


Command = (
    OpenSession
    | Connect
    | Disconnect
    | SetIntensity
    | Arm
    | Disarm
    | Stop
    | Fire
    | StartTrain
    | FireOnTarget
    | WaivePoseLease
    | RenewPoseLease
    | RenewOperatorLease
    | Shutdown
)


@dataclass(frozen=True, config=_STRICT)
class TrainProgress:
    """Pulses of the running train: sent, and in all."""

    sent: int
    total: int


@dataclass(frozen=True, config=_STRICT)
class StateEvent:
    """The whole standing of the stimulator at `time_ns`, sent on change and ten times a second.

    Attributes
    ----------
    state
        A :class:`app.stimulate.gate.GateState`.
    device, simulated, capabilities
        What is connected; None, False and empty when nothing is.
    intensity
        %MSO as read back; None when nothing is connected.
    why_not_arm, why_not
        Sentence that says why arming, or a pulse, is not permitted now; None when it is.
    note
        Why the device was disarmed or is at fault.
    operator_lease_left_ms, pose_lease_left_ms
        Time left, negative when run out; None when there never was one.
    """

    time_ns: int
    state: str
    device: str | None
    simulated: bool
    capabilities: list[str]
    intensity: int | None
    temperature_c: float | None
    coil_present: bool | None
    session_open: bool
    armed: bool
    waived: bool
    on_target: bool
    fire_on_target: bool
    train: TrainProgress | None
    why_not_arm: str | None
    why_not: str | None
    note: str | None
    operator_lease_left_ms: float | None
    pose_lease_left_ms: float | None
    type: Literal["state"] = "state"


@dataclass(frozen=True, config=_STRICT)
class PulseEvent:
    """One pulse, told after its outcome is on the disk.

    Attributes
    ----------
    number
        Place within its train from 1; for other pulses their running number.
    intensity, navigated, target_id
        %MSO; False when navigation was waived; the target of the newest pose lease.
    outcome
        fired, refused (surely not sent) or unknown (may have fired).
    time_ns
        Time of the trigger; of the refusal when refused.
    recorded
        False when the session file would not take it.
    """

    pulse_id: str
    source: PulseSource
    train_id: str | None
    number: int
    intensity: int
    navigated: bool
    target_id: str | None
    outcome: Literal["fired", "refused", "unknown"]
    time_ns: int
    reason: str | None
    recorded: bool
    type: Literal["pulse"] = "pulse"


@dataclass(frozen=True, config=_STRICT)
class ErrorEvent:
    """A command that was not carried out, as a sentence. `command` is its type, if it had one."""

    sentence: str
    command: str | None = None
    type: Literal["error"] = "error"


Event = StateEvent | PulseEvent | ErrorEvent

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
_EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def encode_command(command: Command) -> bytes:
    """One line, with its newline."""
    return _COMMANDS.dump_json(command) + b"\n"


def encode_event(event: Event) -> bytes:
    """One line, with its newline."""
    return _EVENTS.dump_json(event) + b"\n"


def parse_command(line: bytes) -> Command:
    """Read one line; raises :class:`MessageError`."""
    return _parse(_COMMANDS, line)


def parse_event(line: bytes) -> Event:
    """Read one line; raises :class:`MessageError`."""
    return _parse(_EVENTS, line)


_M = TypeVar("_M")


def _parse(adapter: TypeAdapter[_M], line: bytes) -> _M:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        raise MessageError(f"Not a message ({where}: {first['msg']}).") from None
