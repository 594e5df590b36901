"""A short feed, rendered for the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

FRAMES = 12


@pytest.fixture(scope="session")
def short_feed(tmp_path_factory) -> Path:
    """A sound feed of a dozen frames."""
    from tracking.practice_feed.generate import generate_feed
    from tracking.practice_feed.scene import practice_scene
    from tracking.practice_feed.target import default_head_file, read_target

    folder = tmp_path_factory.mktemp("feeds") / "short.feed"
    scene = practice_scene(3, read_target(default_head_file(), "M1 hand left"))
    generate_feed(folder, scene, FRAMES / 30, lambda _frames: None)
    return folder


@pytest.fixture
def feed(short_feed, tmp_path) -> Path:
    """A copy of it that a test may spoil."""
    copy = tmp_path / "spoilt.feed"
    shutil.copytree(short_feed, copy)
    return copy
