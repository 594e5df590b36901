"""A session in numbers: the one place where they are computed.

In: a :class:`~app.session.reading.Session`. Out: a :class:`SessionSummary`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.session.events import Outcome
from app.session.reading import Pulse, Session


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """What became of the pulses, and how far from the target the coil was at those that fired.

    Attributes
    ----------
    pulses
        Intended pulses: ``fired + refused + unknown``.
    fired, refused, unknown
        By outcome. A pulse without a recorded outcome is unknown.
    hits, misses, unjudged
        Of those fired: within tolerance, out of it, and without a pose or target to judge by.
    without_pose
        Of those fired: recorded without a coil pose.
    not_navigated
        Of those fired: sent while navigation was waived.
    error_median_mm, error_p95_mm
        Median and 95th percentile (linear between ranks) of the distance to target over the
        fired pulses that have one; None if none has.
    tilt_median_deg, twist_median_deg
        Median angular error and median size of the twist error over the same pulses.
    duration_s
        From opening to the last event, seconds.
    """

    pulses: int
    fired: int
    refused: int
    unknown: int
    hits: int
    misses: int
    unjudged: int
    without_pose: int
    not_navigated: int
    error_median_mm: float | None
    error_p95_mm: float | None
    tilt_median_deg: float | None
    twist_median_deg: float | None
    duration_s: float


def summarise(session: Session) -> SessionSummary:
    """Count and measure the pulses of `session`."""
    fired = [pulse for pulse in session.pulses if pulse.outcome is Outcome.FIRED]
    hits = [hit(pulse) for pulse in fired]
    outcomes = [pulse.outcome for pulse in session.pulses]
    distance = _errors(fired, "distance_to_target")
    last_ns = max(event.time_ns for event in session.events)
    return SessionSummary(
        pulses=len(session.pulses),
        fired=len(fired),
        refused=outcomes.count(Outcome.REFUSED),
        unknown=outcomes.count(Outcome.UNKNOWN),
        hits=hits.count(True),
        misses=hits.count(False),
        unjudged=hits.count(None),
        without_pose=sum(p.pose is None or p.pose.mri_from_coil is None for p in fired),
        not_navigated=sum(not p.intended.navigated for p in fired),
        error_median_mm=_percentile(distance, 50),
        error_p95_mm=_percentile(distance, 95),
        tilt_median_deg=_percentile(_errors(fired, "angular_error"), 50),
        twist_median_deg=_percentile([abs(v) for v in _errors(fired, "twist_error")], 50),
        duration_s=max(0, last_ns - session.start_ns) / 1e9,
    )


def hit(pulse: Pulse) -> bool | None:
    """Whether `pulse` met its target; None if it did not surely fire or that cannot be known."""
    if pulse.outcome is not Outcome.FIRED or pulse.pose is None:
        return None
    return pulse.pose.hit


def _errors(pulses: Sequence[Pulse], name: str) -> list[float]:
    errors = (pulse.pose.errors for pulse in pulses if pulse.pose is not None)
    values = (getattr(error, name) for error in errors if error is not None)
    return [float(value) for value in values if value is not None]


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values else None
