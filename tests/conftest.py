"""What holds for every test: no display, a home of its own, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

# Before Qt is imported, which reads it once.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest

import tracking  # noqa: F401 - sets what numpy reads when it is loaded
from tests import leaks


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each test an empty home, so that it neither reads nor leaves a person's settings."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(home))
        for name, folder in (
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_STATE_HOME", ".local/state"),
            ("XDG_CACHE_HOME", ".cache"),
            ("APPDATA", "AppData/Roaming"),
            ("LOCALAPPDATA", "AppData/Local"),
        ):
            patch.setenv(name, str(home / folder))
        yield


@pytest.fixture(autouse=True)
def nothing_left_behind(own_home: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread, a child process, a window or a running timer."""
    # Looking through all objects for timers takes long enough to spare the tests without Qt.
    before = leaks.snapshot(with_qt="qapp" in request.fixturenames)
    yield
    found = leaks.left_behind(before)
    if found:
        leaks.end_children(before)
        pytest.fail("the test left behind:\n  " + "\n  ".join(found), pytrace=False)
