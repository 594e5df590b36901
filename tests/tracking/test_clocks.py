"""Capture times from a camera's own stamps: offset, drift, delays, drops, wraps and jumps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking.clocks import CameraClock

MS = 1_000_000
FRAME = 33_333_333


def _run(clock, *, count, offset=0, drift=0.0, seed=0, late_ms=8.0, start=0, wrap=None, drops=0.1):
    """Errors (ns) of the capture times: true times are the host's when the shutter opened."""
    rng = np.random.default_rng(seed)
    errors = []
    for step in range(count):
        true = start + step * FRAME
        if rng.uniform() < drops:
            continue
        driver = round(true * (1 - drift)) - offset
        driver = driver % wrap if wrap else driver
        delay = 0 if rng.uniform() < 0.15 else rng.exponential(late_ms * MS)
        errors.append(clock.capture_time_ns(driver, true + round(delay)) - true)
    return np.array(errors)


@settings(max_examples=10, deadline=None)
@given(
    st.integers(-(10**15), 10**15),
    st.floats(-100e-6, 100e-6),
    st.floats(0.1, 25.0),
    st.integers(0, 2**31),
)
def test_offset_and_drift_are_found_under_any_delays(offset, drift, late_ms, seed):
    clock = CameraClock()
    errors = _run(
        clock, count=1000, offset=offset, drift=drift, late_ms=late_ms, seed=seed, start=10**12
    )
    settled = np.abs(errors[500:])
    assert np.quantile(settled, 0.95) < 1.0 * MS
    assert settled.max() < 4 * MS
    assert clock.estimate.drift == pytest.approx(drift, abs=40e-6)
    assert clock.estimate.resets == 0


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(2**50), 2**50), st.integers(0, 200 * MS)), min_size=1, max_size=60
    )
)
def test_whatever_the_stamps_times_increase_and_none_lies_ahead_of_the_host(frames):
    clock, host, before = CameraClock(), 10**15, -1
    for driver, pause in frames:
        host += pause + 1
        taken = clock.capture_time_ns(driver, host)
        assert before < taken <= host
        before = taken


def test_a_wrapping_counter_goes_on():
    clock = CameraClock(wrap_ns=2**32 * 1000)
    wrap = 2**32 * 1000
    errors = _run(clock, count=900, offset=0, start=wrap - 15 * 10**9, wrap=wrap)
    assert np.abs(errors[300:]).max() < 1 * MS
    assert clock.estimate.resets == 0


def test_a_clock_set_anew_is_followed():
    clock = CameraClock()
    _run(clock, count=600, offset=0)
    back = _run(clock, count=600, offset=5 * 10**9, start=600 * FRAME)
    assert clock.estimate.resets == 1
    assert np.abs(back[300:]).max() < 1 * MS
    ahead = _run(clock, count=600, offset=-(10**9), start=1200 * FRAME)
    assert clock.estimate.resets == 2
    assert np.abs(ahead[300:]).max() < 1 * MS


def test_one_long_delay_is_no_jump():
    clock = CameraClock()
    _run(clock, count=300)
    true = 300 * FRAME
    assert abs(clock.capture_time_ns(true, true + 2_000 * MS) - true) < 1 * MS
    assert clock.estimate.resets == 0


def test_nothing_is_claimed_before_the_first_frame():
    assert CameraClock().estimate is None
