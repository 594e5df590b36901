"""Feeds that the tracking tests share."""

from __future__ import annotations

import shutil
import threading

import pytest

from tests.tracking.making_feeds import make_feed


@pytest.fixture(scope="session")
def whole_feed(tmp_path_factory):
    return make_feed(tmp_path_factory.mktemp("feeds") / "small.feed")


@pytest.fixture
def feed_copy(whole_feed, tmp_path):
    return shutil.copytree(whole_feed, tmp_path / "copy.feed")


@pytest.fixture
def no_thread_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before
