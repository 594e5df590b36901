"""What a person reads of a calibration: progress and results in words.

In: a snapshot's progress, a result. Out: sentences and rows of text. A residual is named as what it
is: how well the fit fits, not how accurate the camera is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.calibrate.gathering import Snapshot, Stage
from tracking.calibration.result import CalibrationResult, Finding

KINDS = {
    "intrinsics": "Lens of camera {}",
    "extrinsics": "Places of cameras {}",
    "body": "Marker body {}",
    "pointer": "Tip of {}",
    "coil": "Coil on {}",
}


@dataclass(frozen=True, slots=True)
class ResultReading:
    """A result as it stands on the screen.

    Attributes
    ----------
    title
        What was calibrated.
    verdict
        One line: can it be used?
    acceptable
        Whether it may be accepted.
    rows
        (name, value, meaning) of every number.
    sentences
        Faults first, then warnings.
    """

    title: str
    verdict: str
    acceptable: bool
    rows: tuple[tuple[str, str, str], ...]
    sentences: tuple[str, ...]


def progress_sentence(snapshot: Snapshot, *, ended: bool) -> str:
    """Say what to do next, in one sentence."""
    if snapshot.stage is Stage.FAILED:
        return snapshot.fault
    if snapshot.stage is Stage.SOLVING:
        return "Solving. This can take a minute."
    if snapshot.sentence:
        return snapshot.sentence
    progress = snapshot.progress
    if progress is None:
        return "The recording has no pictures." if ended else "Waiting for the first picture."
    if ended and not progress.ready:
        return f"The recording has ended, and more is needed. {progress.hint}"
    if ended:
        return "The recording has ended: solve now."
    return progress.hint


def trouble_sentence(snapshot: Snapshot, source: str) -> str:
    """Say what is wrong with the pictures or with what gives them (`source`); empty if nothing."""
    fault = "" if snapshot.stage is Stage.FAILED else snapshot.fault
    return " ".join(filter(None, (source, fault)))


def result_reading(result: CalibrationResult) -> ResultReading:
    """Give `result` in words."""
    residual = result.residual
    error = result.predicted_error
    rows = [
        (f"Predicted error: {error.name}", _amount(error), error.meaning),
        (f"Residual: {residual.name}", _amount(residual), _of_the_fit(residual)),
        *(_row(one) for one in result.further),
        ("Made", _moment(result.made_utc), f"from {result.source}"),
    ]
    return ResultReading(
        title=KINDS[result.value.kind].format(result.subject),
        verdict=_verdict(result),
        acceptable=not result.faults,
        rows=tuple(rows),
        sentences=(*result.faults, *result.warnings),
    )


def overview(results: Sequence[CalibrationResult]) -> str:
    """Say of all results together what can be done with them."""
    refused = [result for result in results if result.faults]
    if not refused and any(result.warnings for result in results):
        return "Usable, with warnings: read them. Nothing is in force until you accept it."
    if not refused:
        return "Good enough. Nothing is in force until you accept it."
    if len(refused) == len(results):
        return "Not good enough: it cannot be accepted. Gather more, or start again."
    names = ", ".join(result.subject for result in refused)
    return f"Not good enough: {names}. The others can be accepted."


def undecided(count: int) -> str:
    """Say how many results still wait for a decision, once one was taken."""
    if count == 0:
        return "All is decided."
    which = "it" if count == 1 else "them"
    return f"{count} still to be decided: not in force until you accept {which}."


def _verdict(result: CalibrationResult) -> str:
    if result.faults:
        return "✗ NOT GOOD ENOUGH"
    return "! USABLE, READ THE WARNING" if result.warnings else "✓ GOOD ENOUGH"


def _of_the_fit(residual: Finding) -> str:
    return ": ".join(filter(None, ("of the fit, not an accuracy", residual.meaning)))


def _moment(utc: str) -> str:
    return utc[:16].replace("T", " ") + " UTC"


def _row(finding: Finding) -> tuple[str, str, str]:
    return finding.name[:1].upper() + finding.name[1:], _amount(finding), finding.meaning


def _amount(finding: Finding) -> str:
    value = finding.value
    if value == int(value) and abs(value) < 1e6:
        number = str(int(value))
    else:
        number = f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
    return f"{number} {finding.unit}".strip()
