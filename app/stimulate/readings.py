"""What the stimulation panel says at one moment.

In: the stimulator's standing and the permits. Out: words and colours, ready to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.stimulate.gate import GateState
from app.stimulate.messages import StateEvent
from app.stimulate.permission import Permit, why_not
from render import palette


@dataclass(frozen=True, slots=True)
class StimulatorReading:
    """The stimulation panel at one moment.

    Attributes
    ----------
    symbol, state, colour
        A shape, the state in capitals, and their colour.
    device
        What is connected, with intensity, temperature and progress of a train.
    connected, armed, permitted, navigated, firing_on_target
        What the buttons follow.
    permission
        The one line: that a pulse can be sent, or why not.
    """

    symbol: str
    state: str
    colour: str
    device: str
    connected: bool
    armed: bool
    permitted: bool
    permission: str
    navigated: bool
    firing_on_target: bool


_STATES = {
    GateState.OFFLINE: ("○", palette.MUTED),
    GateState.STANDBY: ("◇", palette.SKY_BLUE),
    GateState.ARMING: ("◈", palette.YELLOW),
    GateState.READY: ("◆", palette.ORANGE),
    GateState.FIRING: ("⚡", palette.ORANGE),
    GateState.RECHARGING: ("◆", palette.ORANGE),
    GateState.TRAIN: ("⚡", palette.ORANGE),
    GateState.FAULT: ("✕", palette.VERMILION),
}


def stimulator_reading(state: StateEvent | None, permits: Sequence[Permit]) -> StimulatorReading:
    """Put the stimulator's standing into words; `state` is None before its process has spoken."""
    reason = why_not(permits)
    permission = "A pulse can be sent now" if reason is None else f"No pulse: {_stop(reason)}"
    if state is None:
        return StimulatorReading(
            symbol="○",
            state="STARTING",
            colour=palette.MUTED,
            device="",
            connected=False,
            armed=False,
            permitted=False,
            permission=permission,
            navigated=True,
            firing_on_target=False,
        )
    gate = GateState(state.state)
    symbol, colour = _STATES[gate]
    return StimulatorReading(
        symbol=symbol,
        state=gate.value.upper(),
        colour=colour,
        device=_device(state),
        connected=gate not in (GateState.OFFLINE, GateState.FAULT),
        armed=state.armed,
        permitted=reason is None,
        permission=permission,
        navigated=not state.waived,
        firing_on_target=state.fire_on_target,
    )


def _stop(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."


def _device(state: StateEvent) -> str:
    if state.device is None:
        return "no stimulator connected"
    parts = [state.device]
    if state.intensity is not None:
        parts.append(f"{state.intensity} %MSO")
    if state.temperature_c is not None:
        parts.append(f"coil {state.temperature_c:.0f} °C")
    if state.train is not None:
        parts.append(f"train {state.train.sent} of {state.train.total}")
    return " · ".join(parts)
