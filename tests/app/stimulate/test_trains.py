"""Trains: due times without drift, limits in words."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stimulate.trains import Train, TrainError, check_device


def test_a_course_of_trains_is_due_when_the_protocol_says():
    train = Train(10.0, 3, trains=2, interval_s=5.0)
    due_s = [train.due_ns(index) / 1e9 for index in range(train.pulses_total)]
    assert due_s == pytest.approx([0, 0.1, 0.2, 5.2, 5.3, 5.4])
    assert train.duration_s == pytest.approx(5.4)
    assert train.pulses_total == 6


@settings(max_examples=50)
@given(st.floats(0.1, 50), st.integers(1, 20), st.integers(1, 10), st.floats(10, 600))
def test_pulses_never_drift_nor_crowd(frequency, pulses, trains, interval):
    train = Train(frequency, pulses, trains, interval)
    due = [train.due_ns(index) for index in range(train.pulses_total)]
    gaps = {round((b - a) / 1e9, 6) for a, b in pairwise(due)}
    assert due[0] == 0
    assert all(gap >= 1 / frequency - 1e-6 or gap == round(interval, 6) for gap in gaps)
    expected = trains * (pulses - 1) / frequency + (trains - 1) * interval
    assert due[-1] / 1e9 == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        (50.1, 1, 1, 0.0),
        (0.0, 1, 1, 0.0),
        (-1.0, 1, 1, 0.0),
        (math.nan, 1, 1, 0.0),
        (math.inf, 1, 1, 0.0),
        (10.0, 0, 1, 0.0),
        (10.0, 1, 0, 0.0),
        (10.0, 101, 100, 1.0),
        (10.0, 2, 2, 0.05),
        (10.0, 2, 2, -1.0),
        (10.0, 2, 2, math.nan),
    ],
)
def test_a_train_that_cannot_be_given_is_refused_in_a_sentence(wrong):
    with pytest.raises(TrainError, match=r"\.$"):
        Train(*wrong)


def test_a_device_that_is_too_slow_refuses_the_train():
    check_device(Train(20.0, 2), 0.05)
    with pytest.raises(TrainError, match="at most 10 pulses per second"):
        check_device(Train(20.0, 2), 0.1)
