"""What a rig on a feed is made of: the shipped feed and head, or what is missing, in words."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from app.practice.equipment import practice, practice_feed_folder
from app.rig import RigError
from app.subject.distance import SurfaceDistance


@pytest.fixture
def feed(tmp_path):
    copy = tmp_path / "other.feed"
    shutil.copytree(practice_feed_folder(), copy)
    return copy


def edit(feed, change):
    path = feed / "feed.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_the_practice_feeds_target_is_the_default_heads():
    opened = practice()
    opened.playback.close()
    assert opened.equipment.target is opened.equipment.head.target("M1 hand left")
    assert "PRACTICE" in opened.equipment.mode


def test_a_target_of_the_feeds_own_gets_its_point_on_this_heads_cortex(feed):
    edit(feed, lambda data: data["target"].update(name="somewhere else"))
    opened = practice(feed)
    opened.playback.close()
    target = opened.equipment.target
    assert target.name == "somewhere else"
    nearest, _ = SurfaceDistance(opened.equipment.head.cortex).nearest(target.cortex_point)
    assert nearest < 0.05
    assert 5 < target.depth < 40
    assert "Unverified" in target.description


@pytest.mark.parametrize("missing", ["mri_from_head", "coil_body_from_coil"])
def test_without_registration_or_calibration_no_coil_is_placed_on_a_head(feed, missing):
    edit(feed, lambda data: data.pop(missing))
    with pytest.raises(RigError, match="no registration or no coil calibration"):
        practice(feed)


def test_a_feed_without_a_target_starts_with_the_heads_first(feed):
    edit(feed, lambda data: data.pop("target"))
    opened = practice(feed)
    opened.playback.close()
    assert np.array_equal(
        opened.equipment.target.cortex_point, opened.equipment.head.targets[0].cortex_point
    )
