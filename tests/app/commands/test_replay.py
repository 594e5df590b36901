"""What ``coilpilot replay`` says of a feed."""

from __future__ import annotations

import pytest

from app.__main__ import main
from tests.tracking.making_feeds import make_feed


@pytest.mark.parametrize("has_truth", [True, False])
def test_a_feed_in_which_nothing_is_tracked_does_not_claim_that_its_truth_is_missing(
    has_truth, tmp_path, capfd
):
    feed = make_feed(tmp_path / "blank.feed", frames=2, blank=(0, 1))
    if not has_truth:
        (feed / "truth.csv").unlink()
    assert main(["replay", str(feed)]) == 0
    told = " ".join(capfd.readouterr().out.split())
    assert ("there is no truth.csv" in told) is not has_truth
    assert ("never tracked together" in told) is has_truth
