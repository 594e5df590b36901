"""The sender's time on our clock: the quickest messages count, old ones show their age."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tracking.making_sequences import head_at
from tracking.foreign_poses import TransformNames
from tracking.igtl.contents import Transform
from tracking.igtl.messages import Message
from tracking.igtl.reception import Reception
from tracking.igtl.sender_clock import PATIENCE, SenderClock
from tracking.poses import TrackingState

MS, S = 1_000_000, 1_000_000_000
EPOCH = 1_790_000_000 * S


def messages(count, *, delay=lambda k: 0, drift=0.0, every=10 * MS):
    """Stamp, arrival and true time of messages, ours being 0 at the start."""
    for k in range(count):
        true_ns = k * every
        yield EPOCH + round(true_ns * (1 + drift)), true_ns + 2 * MS + delay(k), true_ns


@pytest.mark.parametrize("drift", [0.0, 50e-6, -50e-6])
def test_jitter_is_taken_out_and_drift_followed(drift):
    random = np.random.default_rng(3)
    delays = random.exponential(8 * MS, 12_000).astype(int) * (random.random(12_000) < 0.8)
    clock, errors = SenderClock(), []
    for stamp, arrival, true_ns in messages(12_000, delay=lambda k: int(delays[k]), drift=drift):
        time_ns, believed = clock.place(stamp, arrival)
        assert believed == stamp
        assert time_ns <= arrival
        errors.append(time_ns - true_ns)
    late = np.array(errors[500:])
    assert np.abs(late - 2 * MS).max() < 2 * MS, "the quickest way and half a minute's drift"


def test_without_a_stamp_the_arrival_counts():
    assert SenderClock().place(None, 77) == (77, None)


def test_a_stamp_far_in_the_future_is_not_believed_until_it_goes_on():
    clock = SenderClock()
    clock.place(EPOCH, 0)
    assert clock.place(EPOCH + 3600 * S, 10 * MS) == (10 * MS, None)
    assert clock.place(EPOCH + 20 * MS, 20 * MS) == (20 * MS, EPOCH + 20 * MS)
    for k in range(PATIENCE - 1):
        assert clock.place(EPOCH + 3600 * S + k * MS, 30 * MS + k * MS)[1] is None
    assert clock.place(EPOCH + 3600 * S + 9 * MS, 50 * MS) == (50 * MS, EPOCH + 3600 * S + 9 * MS)


def head(k, stamp_ns):
    return Message("HeadToTracker", Transform(head_at(k).as_matrix()), stamp_ns)


def test_poses_that_waited_long_are_lost_and_a_lasting_backlog_is_given_up():
    reception = Reception(TransformNames({"HeadToTracker": "head"}))
    for k in range(10):
        (pose,) = reception.take(head(k, EPOCH + k * 20 * MS), k * 20 * MS)
        assert pose.time_ns == k * 20 * MS
    # From here on everything comes three seconds late.
    for k in range(10, 200):
        arrival = 3 * S + k * 20 * MS
        (pose,) = reception.take(head(k, EPOCH + k * 20 * MS), arrival)
        assert pose.state is TrackingState.LOST
        assert pose.time_ns == arrival
        if reception.behind:
            break
    assert 2 * S < (k - 10) * 20 * MS < 2.1 * S


def test_a_pose_that_waited_a_little_is_tracked_and_shows_its_age():
    reception = Reception(TransformNames({"HeadToTracker": "head"}))
    reception.take(head(0, EPOCH), 0)
    (pose,) = reception.take(head(1, EPOCH + 20 * MS), 420 * MS)
    assert pose.state is TrackingState.TRACKED
    assert pose.time_ns == 20 * MS


def test_a_stamp_of_another_age_is_lost_now_and_not_a_pose_of_then():
    reception = Reception(TransformNames({"HeadToTracker": "head", "CoilToTracker": "coil_body"}))
    reception.take(head(0, EPOCH), 0)
    old = Message("CoilToTracker", Transform(head_at(3).as_matrix()), 1000 * S)
    (pose,) = reception.take(old, 20 * MS)
    assert pose.state is TrackingState.LOST
    assert pose.time_ns == 20 * MS
    (pose,) = reception.take(head(1, EPOCH + 40 * MS), 40 * MS)
    assert pose.state is TrackingState.TRACKED, "the others go on"


def test_a_second_transform_of_the_same_body_is_left_out():
    reception = Reception(TransformNames())
    assert reception.take(head(0, None), 0)
    other = Message("ReferenceToTracker", Transform(head_at(5).as_matrix()))
    assert reception.take(other, 1) == ()
    assert reception.take(head(1, None), 2)
