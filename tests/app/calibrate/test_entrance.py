"""Ways to the wizard: by command, and from the main window, never while the stimulator is armed."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QPushButton

from app.__main__ import main
from app.calibrate.entrance import default_setup_folder, setup_folder
from app.calibrate.wizard_panel import Wizard
from tests.app.calibrate.fake_collector import a_result
from tests.app.test_window import arm, button, click, label, wait
from tracking.calibration.result import DeviceSettings
from tracking.setups import Setup, SetupCamera, SetupError, read_setup, write_setup


def a_room(folder):
    settings = DeviceSettings(width=1280, height=720)
    camera = SetupCamera(name="left", address="http://127.0.0.1:9/", settings=settings)
    write_setup(folder, Setup(name="Room 7", cameras=(camera,)))
    return folder


def test_this_machines_room_is_made_empty_and_then_kept():
    folder = setup_folder(None)
    assert folder == default_setup_folder()
    assert read_setup(folder).cameras == ()
    a_room(folder)
    assert read_setup(setup_folder(None)).name == "Room 7"


def test_a_room_that_is_named_is_not_made(tmp_path):
    assert setup_folder(tmp_path / "other.setup") == tmp_path / "other.setup"
    assert not (tmp_path / "other.setup").exists()


def test_a_room_that_cannot_be_made_is_told():
    default_setup_folder().parent.parent.mkdir(parents=True, exist_ok=True)
    default_setup_folder().parent.write_text("a file in its place")
    with pytest.raises(SetupError, match="cannot be made"):
        setup_folder(None)


def test_without_a_display_the_other_commands_are_named(capsys):
    assert main(["calibrate"]) == 1
    assert "calibrate cameras" in capsys.readouterr().err


@pytest.fixture
def with_display(monkeypatch):
    monkeypatch.setattr("app.commands.calibration_window.has_display", lambda: True)


@pytest.mark.usefixtures("with_display")
def test_a_setup_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["calibrate", "--setup", str(tmp_path / "none.setup")]) == 1
    assert "none.setup" in capsys.readouterr().err


@pytest.mark.usefixtures("with_display")
@pytest.mark.parametrize("named", [True, False])
def test_the_command_opens_the_wizard_on_the_room(qtbot, tmp_path, monkeypatch, named):
    folder = a_room(tmp_path / "seven.setup" if named else default_setup_folder())
    titles = []

    def look(*_):
        for window in QApplication.topLevelWidgets():
            if isinstance(window, Wizard) and window.isVisible():
                titles.append(window.windowTitle())
                qtbot.addWidget(window)
        return 0

    monkeypatch.setattr(QApplication, "exec", look)
    assert main(["calibrate", *(["--setup", str(folder)] if named else [])]) == 0
    (title,) = titles
    assert "Room 7" in title
    assert "Research use only" in title


def entrance_wizard(window) -> Wizard:
    (wizard,) = (one for one in QApplication.topLevelWidgets() if isinstance(one, Wizard))
    assert wizard.isVisible()
    return wizard


def test_not_while_the_stimulator_is_armed_and_the_button_says_why(qtbot, window):
    click(qtbot, window, "calibrate")
    wizard = entrance_wizard(window)
    assert wizard.findChild(QPushButton, "try").isVisible()
    arm(qtbot, window)
    wait(qtbot, lambda: not button(window, "calibrate").isEnabled())
    assert "armed" in button(window, "calibrate").toolTip()
    assert not wizard.findChild(QPushButton, "kind lens").isEnabled()
    assert any("disarm it to calibrate" in one.text() for one in wizard.findChildren(QLabel))
    window.findChild(QPushButton, "stop").pressed.emit()
    wait(qtbot, lambda: button(window, "calibrate").isEnabled())
    assert wizard.findChild(QPushButton, "kind lens").isEnabled()
    window.close()
    assert not wizard.isVisible()


def test_what_is_accepted_holds_from_the_next_start_and_the_window_says_so(qtbot, window):
    a_room(default_setup_folder())
    click(qtbot, window, "calibrate")
    wizard = entrance_wizard(window)
    click(qtbot, window, "calibrate")
    assert entrance_wizard(window) is wizard
    desk = window._desk()
    desk.decide(a_result(), accepted=False)
    assert not label(window, "Accepted calibration").isVisible()
    desk.decide(a_result(), accepted=True)
    assert "coilpilot --setup" in label(window, "Accepted calibration").text()
    assert label(window, "Accepted calibration").isVisible()


def test_a_damaged_room_is_told_and_nothing_opens(qtbot, window):
    (a_room(default_setup_folder()) / "setup.json").write_text("{")
    click(qtbot, window, "calibrate")
    wait(qtbot, lambda: len(window.findChildren(QMessageBox)) == 1)
    (box,) = window.findChildren(QMessageBox)
    assert "is not valid JSON" in box.text()
    box.close()
