"""The stimulators that can be connected, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from app.stimulate.driver import StimulatorDriver, StimulatorError
from app.stimulate.simulated import SimulatedFault, SimulatedStimulator, WireLog

Options = Mapping[str, str | int | float | bool]


def make_driver(name: str, options: Options) -> StimulatorDriver:
    """Make the driver called `name`; raises :class:`StimulatorError` for what is not known."""
    maker = _MAKERS.get(name)
    if maker is None:
        known = ", ".join(sorted(_MAKERS))
        raise StimulatorError(f"There is no stimulator called {name!r}: choose one of {known}.")
    return maker(options)


def _simulated(options: Options) -> StimulatorDriver:
    """Options: fault (a :class:`SimulatedFault`), after_pulses, wire_log (a file to append to)."""
    unknown = set(options) - {"fault", "after_pulses", "wire_log"}
    if unknown:
        raise StimulatorError(f"The simulated stimulator has no option {min(unknown)!r}.")
    try:
        fault = SimulatedFault(str(options.get("fault", "none")))
        after_pulses = int(options.get("after_pulses", 0))
        log = file_wire_log(Path(str(options["wire_log"]))) if "wire_log" in options else None
    except (ValueError, OSError) as error:
        raise StimulatorError(f"The simulated stimulator cannot be made: {error}") from error
    return SimulatedStimulator(fault, after_pulses, wire_log=log)


def file_wire_log(path: Path) -> WireLog:
    """Append each command to `path` as a line ``time_ns command``, at once."""
    path.touch()

    def log(command: str, time_ns: int) -> None:
        with path.open("ab", buffering=0) as stream:
            stream.write(f"{time_ns} {command}\n".encode())

    return log


_MAKERS: dict[str, Callable[[Options], StimulatorDriver]] = {"simulated": _simulated}
