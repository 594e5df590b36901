"""The real window, worked by clicks and keys, with the whole pipeline behind it."""

from __future__ import annotations

import sqlite3
import time
from itertools import pairwise
from statistics import median

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QSpinBox,
    QTableView,
)

from app.navigate.bullseye_panel import BullseyePanel
from app.session.reading import read_session
from tests.app.still_feed import HIDDEN_S, OFF_TARGET_S, ON_TARGET_S

PATIENCE_MS = 20_000


def button(window, name) -> QPushButton:
    return window.findChild(QPushButton, name)


def click(qtbot, window, name) -> None:
    qtbot.mouseClick(button(window, name), Qt.MouseButton.LeftButton)


def label(window, name) -> QLabel:
    found = [one for one in window.findChildren(QLabel) if one.accessibleName() == name]
    assert len(found) == 1, name
    return found[0]


def wait(qtbot, condition) -> None:
    qtbot.waitUntil(condition, timeout=PATIENCE_MS)


def permission(window) -> str:
    return label(window, "Why a pulse cannot be sent now").text()


def coil_state(window) -> str:
    (bullseye,) = window.findChildren(BullseyePanel)
    return bullseye.accessibleDescription().split(".")[0]


def arm(qtbot, window) -> None:
    click(qtbot, window, "connect")
    wait(qtbot, lambda: "STANDBY" in label(window, "Stimulator state").text())
    click(qtbot, window, "set-intensity")
    wait(qtbot, lambda: "not armed" in permission(window))
    click(qtbot, window, "armed")
    wait(qtbot, lambda: "READY" in label(window, "Stimulator state").text())


def test_a_pulse_on_target_is_sent_shown_and_recorded(qtbot, window, rig_and_scene):
    rig, _ = rig_and_scene
    wait(qtbot, lambda: "ON TARGET" in coil_state(window))
    wait(qtbot, lambda: permission(window) == "No pulse: No stimulator is connected: connect one.")
    assert not button(window, "fire").isEnabled()
    arm(qtbot, window)
    wait(qtbot, lambda: permission(window) == "A pulse can be sent now")
    click(qtbot, window, "fire")
    wait(qtbot, lambda: label(window, "Totals of pulses").text() == "1 fired · 1 hit · 0 missed")
    table = window.findChild(QTableView).model()
    assert [table.index(0, column).data() for column in (0, 2, 3, 4)] == [
        "1",
        "50",
        "single",
        "✓ hit",
    ]
    window.close()
    session = read_session(rig.session_path)
    (pulse,) = session.pulses
    assert pulse.outcome.value == "fired"
    assert pulse.pose.hit is True
    assert pulse.intended_time_ns < pulse.time_ns
    assert pulse.target.name == "M1 hand left"
    assert session.closed is not None


def test_every_instrument_is_on_screen_and_says_what_it_shows(qtbot, window):
    wait(qtbot, lambda: "ON TARGET" in coil_state(window))
    for name in ("Dist. to target", "Target error", "Angular error", "Twist error"):
        assert any(digit.isdigit() for digit in label(window, name).text()), name
    assert label(window, "Dist. to target").text().endswith(" mm")
    for body in ("head", "coil_body"):
        assert "TRACKED" in label(window, f"Tracking of {body}").text()
    assert "TEST" in label(window, "Mode").text()
    assert button(window, "stop").isVisible()
    assert "Research use only" in window.windowTitle()
    picture = window.grab().toImage()
    view = window.scene_view
    centre = view.mapTo(window, view.rect().center())
    assert picture.pixelColor(centre).lightness() > 30, "the 3-D view has drawn nothing"


def test_a_hidden_coil_is_lost_on_screen_and_in_the_permission(qtbot, window, rig_and_scene):
    _, scene = rig_and_scene
    arm(qtbot, window)
    wait(qtbot, lambda: permission(window) == "A pulse can be sent now")
    scene.at = HIDDEN_S
    wait(qtbot, lambda: "LOST" in coil_state(window))
    assert label(window, "Dist. to target").text() == "–"
    wait(
        qtbot, lambda: "The coil is LOST" in permission(window) or "not armed" in permission(window)
    )
    assert not button(window, "fire").isEnabled()
    wait(qtbot, lambda: "STANDBY" in label(window, "Stimulator state").text())


def test_cameras_that_fall_silent_disarm(qtbot, window, rig_and_scene):
    rig, scene = rig_and_scene
    arm(qtbot, window)
    wait(qtbot, lambda: permission(window) == "A pulse can be sent now")
    scene.cut = True
    wait(qtbot, lambda: not rig.stimulator.last_state.armed)
    wait(qtbot, lambda: "LOST" in coil_state(window))
    wait(qtbot, lambda: "LOST" in label(window, "Tracking of head").text())
    wait(qtbot, lambda: any("1 s ago" in one.text() for one in window.findChildren(QLabel)))


@pytest.mark.parametrize("way", ["key", "button"])
def test_stop_disarms(qtbot, window, way):
    arm(qtbot, window)
    if way == "key":
        qtbot.keyClick(window, Qt.Key.Key_Escape)
    else:
        click(qtbot, window, "stop")
    wait(qtbot, lambda: "STANDBY" in label(window, "Stimulator state").text())
    assert not button(window, "fire").isEnabled()


def test_off_target_nothing_is_sent_and_the_reason_is_named(qtbot, window, rig_and_scene):
    rig, scene = rig_and_scene
    scene.at = OFF_TARGET_S
    arm(qtbot, window)
    wait(qtbot, lambda: "mm from the target" in permission(window))
    rig.stimulator.fire()  # past the greyed-out button: the stimulator's process refuses by itself
    wait(qtbot, lambda: "1 refused" in label(window, "Totals of pulses").text())
    assert "READY" in label(window, "Stimulator state").text()
    window.close()
    (pulse,) = read_session(rig.session_path).pulses
    assert pulse.outcome.value == "refused"


def test_fires_by_itself_when_the_coil_comes_onto_the_target(qtbot, window, rig_and_scene):
    rig, scene = rig_and_scene
    scene.at = OFF_TARGET_S
    arm(qtbot, window)
    box = window.findChild(QCheckBox, "fire-on-target")
    wait(qtbot, box.isEnabled)
    box.click()
    wait(qtbot, lambda: rig.stimulator.last_state.fire_on_target)
    assert not rig.pulse_log.rows
    scene.at = ON_TARGET_S
    wait(qtbot, lambda: "1 hit" in label(window, "Totals of pulses").text())
    assert rig.pulse_log.rows[0].source == "on_target"


def test_a_train_runs_to_its_end(qtbot, window, rig_and_scene):
    rig, _ = rig_and_scene
    arm(qtbot, window)
    boxes = {box.accessibleName(): box for box in window.findChildren(QDoubleSpinBox)}
    boxes["Frequency"].setValue(20.0)
    wait(qtbot, lambda: permission(window) == "A pulse can be sent now")
    counts = {box.accessibleName(): box for box in window.findChildren(QSpinBox)}

    def all_fired() -> bool:
        """On a machine that is too busy a train ends early, as it must: give the rest then."""
        fired = rig.pulse_log.counts()[0]
        if fired < 10 and button(window, "start-train").isEnabled():
            counts["Pulses per train"].setValue(10 - fired)
            click(qtbot, window, "start-train")
        return fired >= 10

    wait(qtbot, all_fired)
    wait(qtbot, lambda: rig.pulse_log.counts()[0] == rig.pulse_log.counts()[1])
    fired = rig.pulse_log.counts()[0]
    wait(qtbot, lambda: f"{fired} fired · {fired} hit" in label(window, "Totals of pulses").text())
    times = [row.time_ns for row in rig.pulse_log.rows if row.outcome == "fired"]
    gaps = [(b - a) / 1e6 for a, b in pairwise(times)]
    assert median(gaps) == pytest.approx(50, abs=2)


def test_without_navigation_is_written_large_and_recorded(qtbot, window, rig_and_scene):
    rig, scene = rig_and_scene
    scene.cut = True
    arm(qtbot, window)
    box = window.findChild(QCheckBox, "waive-navigation")
    box.click()
    warning = next(one for one in window.findChildren(QLabel) if one.text() == "NOT NAVIGATED")
    wait(qtbot, warning.isVisible)
    wait(qtbot, lambda: permission(window) == "A pulse can be sent now")
    click(qtbot, window, "fire")
    wait(qtbot, lambda: "1 fired" in label(window, "Totals of pulses").text())
    window.close()
    (pulse,) = read_session(rig.session_path).pulses
    assert pulse.intended.navigated is False


def test_tolerance_and_target_take_effect_and_are_recorded(qtbot, window, rig_and_scene):
    rig, _ = rig_and_scene
    wait(qtbot, lambda: "ON TARGET" in coil_state(window))
    boxes = {box.accessibleName(): box for box in window.findChildren(QDoubleSpinBox)}
    boxes["Tilt tolerance"].setValue(7.5)
    targets = window.findChild(QComboBox)
    targets.setCurrentText("M1 hand right")
    wait(qtbot, lambda: "OFF TARGET" in coil_state(window))
    window.close()
    session = read_session(rig.session_path)
    assert [target.name for target in session.targets] == ["M1 hand left", "M1 hand right"]
    tilts = [e.body["tilt"] for e in session.events if e.kind == "tolerance_changed"]
    assert tilts == [5.0, 7.5]


def test_views_turn_the_picture(qtbot, window):
    wait(qtbot, lambda: "ON TARGET" in coil_state(window))
    view = window.scene_view
    seen = set()
    for name in ("view-over_coil", "view-left", "view-right", "view-top", "view-front"):
        click(qtbot, window, name)
        drawn = window.frames_drawn
        wait(qtbot, lambda drawn=drawn: window.frames_drawn > drawn)
        seen.add(bytes(view.grab().toImage().constBits())[::997])
    assert len(seen) == 5


def test_a_session_that_cannot_be_written_stops_the_stimulator_and_says_so(
    qtbot, window, rig_and_scene
):
    rig, _ = rig_and_scene
    arm(qtbot, window)
    other = sqlite3.connect(rig.session_path)
    other.execute("DROP TABLE event")
    other.commit()
    other.close()
    wait(qtbot, lambda: "NOT RECORDED" in _where(window))
    wait(qtbot, lambda: not rig.stimulator.last_state.armed)
    assert label(window, "Fault").isVisible()


def _where(window) -> str:
    return " ".join(one.text() for one in window.findChildren(QLabel))


def test_the_about_box_says_research_use_only(qtbot, window):
    from PySide6.QtWidgets import QMessageBox

    click(qtbot, window, "about")
    box = window.findChild(QMessageBox)
    wait(qtbot, box.isVisible)
    assert "Research use only" in box.text()
    box.close()


def test_latency_is_measured_from_capture_to_painted(qtbot, window):
    start = time.monotonic()
    wait(qtbot, lambda: len(window.latency) > 20)
    spent_ms = (time.monotonic() - start) * 1e3
    assert 1 < window.latency.percentile_ms(50) < spent_ms
