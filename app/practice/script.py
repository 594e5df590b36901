"""A scripted operator: works the real window by its buttons, as a person would.

In: an open window on the practice feed. Out: a session with single pulses, pulses fired when on
target and a train, and screenshots of the moments worth seeing.

The script is a generator: it does something, then yields what to wait for. The window's event
loop asks it again and again; nothing blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QPushButton, QSpinBox, QWidget

from app.rig import Rig
from app.stimulate.readings import StimulatorReading
from app.window import Window
from render.guidance_state import GuidanceState

POLL_MS = 20
PULSES_ON_TARGET = 2
TRAIN_HZ, TRAIN_PULSES = 10.0, 20

Condition = Callable[[], bool]
_Widget = TypeVar("_Widget", bound=QWidget)


class ScriptedOperator(QObject):
    """Runs the script on the window's event loop.

    Parameters
    ----------
    window, rig
        What is worked, and where to look.
    pictures
        Folder for screenshots.
    on_done
        Called once, when the feed has ended and all is put away.
    """

    def __init__(
        self, window: Window, rig: Rig, pictures: Path, on_done: Callable[[], None]
    ) -> None:
        super().__init__(window)
        self._window = window
        self._rig = rig
        self._pictures = pictures
        self._on_done = on_done
        self._steps = self._script()
        self._waiting_for: Condition = lambda: True
        self._taken: list[tuple[Path, QImage]] = []
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self._timer.start(POLL_MS)

    def _go_on(self) -> None:
        """Take the next step if what was waited for has come about, or the feed has ended."""
        if self._rig.finished:
            self._timer.stop()
            self._press("stop")
            self.screenshot("end")
            self._on_done()
        elif self._waiting_for():
            self._waiting_for = next(self._steps, _never)

    def _script(self) -> Iterator[Condition]:
        yield lambda: self._rig.navigator.newest_frames is not None
        yield self._can_press("connect")
        self._press("connect")
        yield self._can_press("set-intensity")
        self._press("set-intensity")
        yield self._in_state(GuidanceState.NEAR, GuidanceState.ON_TARGET)
        self.screenshot("near")
        self._press("armed")
        yield self._can_tick("fire-on-target")
        self._tick("fire-on-target", True)
        yield lambda: len(self._rig.pulse_log.rows) >= PULSES_ON_TARGET
        self._tick("fire-on-target", False)
        yield self._can_press("fire")
        self._press("fire")
        yield lambda: len(self._rig.pulse_log.rows) > PULSES_ON_TARGET
        yield from self._train("on-target")
        yield self._in_state(GuidanceState.OFF_TARGET)
        self.screenshot("off-target")
        yield self._in_state(GuidanceState.LOST)
        yield _after(0.5)
        self.screenshot("lost")
        # Tracking was lost, so the stimulator has disarmed itself.
        yield lambda: not self._reading().armed
        yield self._in_state(GuidanceState.ON_TARGET)
        self._press("armed")
        yield from self._train("again-on-target")

    def _train(self, picture: str) -> Iterator[Condition]:
        """Give a train, with a screenshot of its middle, once that is permitted."""
        self._find(QDoubleSpinBox, "Frequency").setValue(TRAIN_HZ)
        self._find(QSpinBox, "Pulses per train").setValue(TRAIN_PULSES)
        yield self._can_press("start-train")
        before = len(self._rig.pulse_log.rows)
        self._press("start-train")
        yield lambda: len(self._rig.pulse_log.rows) >= before + TRAIN_PULSES // 2
        self.screenshot(picture)
        yield lambda: self._reading().state != "TRAIN"

    def screenshot(self, name: str) -> None:
        """Keep the window as it looks now. Writing the file would hold the tracker up."""
        self._taken.append((self._pictures / f"{name}.png", self._window.grab().toImage()))

    def save_screenshots(self) -> list[Path]:
        """Write what was kept; the files."""
        for path, image in self._taken:
            image.save(str(path))
        return [path for path, _ in self._taken]

    def _reading(self) -> StimulatorReading:
        return self._rig.stimulator_reading(time.monotonic_ns())

    def _in_state(self, *states: GuidanceState) -> Condition:
        def reached() -> bool:
            navigation = self._rig.navigator.newest
            return navigation is not None and navigation.state(time.monotonic_ns()) in states

        return reached

    def _press(self, name: str) -> None:
        self._button(name).click()

    def _can_press(self, name: str) -> Condition:
        return lambda: self._button(name).isEnabled()

    def _button(self, name: str) -> QPushButton:
        button = self._window.findChild(QPushButton, name)
        assert isinstance(button, QPushButton), f"the window has no button {name}"
        return button

    def _tick(self, name: str, on: bool) -> None:
        box = self._box(name)
        if box.isChecked() != on:
            box.click()

    def _can_tick(self, name: str) -> Condition:
        return lambda: self._box(name).isEnabled()

    def _box(self, name: str) -> QCheckBox:
        box = self._window.findChild(QCheckBox, name)
        assert isinstance(box, QCheckBox), f"the window has no box {name}"
        return box

    def _find(self, kind: type[_Widget], name: str) -> _Widget:
        found = [box for box in self._window.findChildren(kind) if box.accessibleName() == name]
        assert len(found) == 1, f"the window has {len(found)} fields called {name}"
        return found[0]


def _never() -> bool:
    return False


def _after(seconds: float) -> Condition:
    due = time.monotonic() + seconds
    return lambda: time.monotonic() >= due
