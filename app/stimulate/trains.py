"""Pulse trains: parameters, their limits, and when each pulse is due.

In: frequency, pulses per train, number of trains, interval between them. Out: due times in
nanoseconds from the first pulse, computed from its index alone, so that nothing drifts.
The limits are those of the program; whether a dose is wise is the protocol's business.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_FREQUENCY_HZ = 50.0
MIN_FREQUENCY_HZ = 0.05
MAX_PULSES = 10_000
MAX_INTERVAL_S = 600.0


class TrainError(ValueError):
    """A train that cannot be given; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Train:
    """A course of equal trains.

    Attributes
    ----------
    frequency_hz
        Pulses per second inside a train.
    pulses_per_train, trains
        Counts, at least 1.
    interval_s
        Pause from the last pulse of a train to the first of the next; of no effect with one train.
    """

    frequency_hz: float
    pulses_per_train: int
    trains: int = 1
    interval_s: float = 0.0

    def __post_init__(self) -> None:
        if not MIN_FREQUENCY_HZ <= self.frequency_hz <= MAX_FREQUENCY_HZ:
            raise TrainError(
                f"The frequency {self.frequency_hz:g} Hz is outside "
                f"{MIN_FREQUENCY_HZ:g}-{MAX_FREQUENCY_HZ:g} Hz: choose one inside."
            )
        if self.pulses_per_train < 1 or self.trains < 1:
            raise TrainError("A train needs at least one pulse and one train: raise the count.")
        if self.pulses_total > MAX_PULSES:
            raise TrainError(
                f"{self.pulses_total} pulses are more than {MAX_PULSES} in one go: "
                "give them in several parts."
            )
        if not (math.isfinite(self.interval_s) and 0 <= self.interval_s <= MAX_INTERVAL_S):
            raise TrainError(
                f"The interval between trains must lie between 0 and {MAX_INTERVAL_S:g} s."
            )
        if self.trains > 1 and self.interval_s * self.frequency_hz < 1 - 1e-9:
            raise TrainError(
                f"The interval between trains is shorter than that between pulses "
                f"({1 / self.frequency_hz:.3g} s): lengthen it."
            )

    @property
    def period_s(self) -> float:
        """Time from pulse to pulse inside a train."""
        return 1.0 / self.frequency_hz

    @property
    def pulses_total(self) -> int:
        """Pulses in all trains together."""
        return self.pulses_per_train * self.trains

    @property
    def duration_s(self) -> float:
        """Time from the first pulse to the last."""
        return self.due_ns(self.pulses_total - 1) / 1e9

    def due_ns(self, index: int) -> int:
        """When pulse `index` (from 0) is due, nanoseconds after pulse 0."""
        train, pulse = divmod(index, self.pulses_per_train)
        per_train_s = (self.pulses_per_train - 1) * self.period_s + self.interval_s
        return round((train * per_train_s + pulse * self.period_s) * 1e9)


def check_device(train: Train, minimum_interval_s: float) -> None:
    """Raise :class:`TrainError` when a device needs more time between pulses than `train` has."""
    if train.pulses_total > 1 and train.period_s < minimum_interval_s - 1e-9:
        raise TrainError(
            f"This stimulator gives at most {1 / minimum_interval_s:.3g} pulses per second: "
            "lower the frequency."
        )
