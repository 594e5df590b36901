"""Leases: permissions that run out by themselves.

A lease names the moment that it rests on, and its end follows from that moment, so that no sender
can make one that lasts longer than it may. Nothing has to notice a failure: silence is the failure.

All times are ``time.monotonic_ns()``, one clock for all processes of a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OPERATOR_LEASE_NS = 500_000_000
"""How long the window's event loop may stay silent before pulses stop."""
POSE_LEASE_NS = 100_000_000
"""Greatest age of the images on which a navigated pulse may rest."""
DISARM_AFTER_NS = 500_000_000
"""An armed device is disarmed so long after a lease ran out (the promise is 1 s)."""


class LeaseRefused(ValueError):
    """A lease that claims to rest on a moment that has not been yet, or on none."""


@dataclass(frozen=True, slots=True)
class OperatorLease:
    """The window answers: given by its event loop at `given_ns`."""

    given_ns: int

    @property
    def valid_until_ns(self) -> int:
        """Last moment of the lease."""
        return self.given_ns + OPERATOR_LEASE_NS


@dataclass(frozen=True, slots=True)
class PoseLease:
    """Head and coil were both seen in the images captured at `pose_time_ns`.

    A lease with `on_target` permits pulses. One without says only that tracking is alive, which
    keeps an armed device armed while the operator moves the coil to the target: **silence disarms,
    off target only blocks**.

    Attributes
    ----------
    pose_time_ns
        Capture time of the older of the two poses.
    on_target
        The coil is inside every tolerance.
    target_id
        Target that the errors refer to; None when none is chosen (then never on target).
    errors
        Guidance errors at that pose by name, mm and degrees: the evidence that is recorded.
    """

    pose_time_ns: int
    on_target: bool
    target_id: str | None = None
    errors: Mapping[str, float] = field(default_factory=dict)

    @property
    def valid_until_ns(self) -> int:
        """Last moment of the lease."""
        return self.pose_time_ns + POSE_LEASE_NS


Lease = OperatorLease | PoseLease


def is_valid(lease: Lease | None, now_ns: int) -> bool:
    """Whether `lease` holds at `now_ns`."""
    return lease is not None and now_ns <= lease.valid_until_ns


def check_not_from_future(lease: Lease, now_ns: int) -> None:
    """Raise :class:`LeaseRefused` when `lease` rests on a moment after `now_ns`."""
    rests_on = lease.given_ns if isinstance(lease, OperatorLease) else lease.pose_time_ns
    if rests_on > now_ns:
        ahead_ms = (rests_on - now_ns) / 1e6
        raise LeaseRefused(
            f"A lease from {ahead_ms:.1f} ms in the future was refused: "
            "the window and the stimulator process must run on the same machine."
        )
