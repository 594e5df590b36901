"""No pose that is given is ever wrong: the short form, and the long one."""

import pytest

from tests.rendered.flip_trial import FlipTrial
from tracking.poses import TrackingState


def _hold(frames, seed):
    tally = FlipTrial(seed).run(range(frames))
    assert tally.wrong == []
    assert tally.frames == frames
    # The frames must be hard, and still most bodies that can be seen must be found.
    assert tally.states[TrackingState.TRACKED] > 0.3 * frames
    assert tally.states[TrackingState.AMBIGUOUS] > 0.02 * frames


def test_no_pose_is_wrong_and_tracked():
    _hold(60, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_no_pose_of_thousands_is_wrong_and_tracked():
    _hold(10_000, seed=2)
