"""Pictures of the practice feed and a window on them."""

from __future__ import annotations

import pytest

from tests.app.still_feed import read_pictures, still_rig


@pytest.fixture(scope="session")
def pictures():
    return read_pictures()


@pytest.fixture
def rig_and_scene(pictures, tmp_path):
    rig, scene = still_rig(pictures, tmp_path / "test.session")
    yield rig, scene
    rig.close()


@pytest.fixture
def window(qtbot, rig_and_scene):
    from app.widgets.application import open_application
    from app.window import Window

    rig, _ = rig_and_scene
    open_application()
    shown = Window(rig)
    qtbot.addWidget(shown)
    rig.start()
    shown.show()
    yield shown
    shown.close()
