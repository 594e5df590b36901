"""Leases run out by themselves and cannot be stretched, whatever is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stimulate.leases import (
    LeaseRefused,
    OperatorLease,
    PoseLease,
    check_not_from_future,
    is_valid,
)

MS = 1_000_000
times = st.integers(0, 2**62)


@given(times, times)
def test_no_accepted_lease_lasts_longer_than_its_maximum_from_now(rests_on, now):
    for lease, most_ns in (
        (OperatorLease(rests_on), 500 * MS),
        (PoseLease(rests_on, True), 100 * MS),
    ):
        try:
            check_not_from_future(lease, now)
        except LeaseRefused:
            assert rests_on > now
        else:
            assert lease.valid_until_ns <= now + most_ns


@pytest.mark.parametrize(("age_ms", "valid"), [(0, True), (100, True), (100.001, False)])
def test_a_pose_counts_for_100_ms_from_its_capture(age_ms, valid):
    assert is_valid(PoseLease(0, True), round(age_ms * MS)) is valid


def test_nothing_is_no_lease():
    assert not is_valid(None, 0)
