"""A real window on the practice feed at real speed, for the benchmarks that need one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer

from app.practice.equipment import Practice, practice
from app.rig import Rig
from app.session.store import SessionWriter
from app.widgets.application import open_application
from app.window import Window
from render.guidance_state import GuidanceState

VIEW_SIZE = (900, 700)
POLL_MS = 5


@dataclass(frozen=True, eq=False)
class LiveWindow:
    """The window and what runs behind it."""

    window: Window
    rig: Rig
    practice: Practice

    def run(self, seconds: float) -> None:
        """Let the event loop run for so long."""
        self.run_until(lambda: False, seconds)

    def run_until(self, condition: Callable[[], bool], patience_s: float) -> bool:
        """Let the event loop run until `condition` holds; False if it never did."""
        end = time.monotonic() + patience_s
        loop, timer = QEventLoop(), QTimer()
        timer.timeout.connect(
            lambda: loop.quit() if condition() or time.monotonic() > end else None
        )
        timer.start(POLL_MS)
        loop.exec()
        timer.stop()
        return condition()

    def now_ns(self) -> int:
        """Give the present, ``time.monotonic_ns()``."""
        return time.monotonic_ns()

    def on_target(self) -> bool:
        """Whether the coil is on target now."""
        navigation = self.rig.navigator.newest
        return (
            navigation is not None
            and navigation.state(time.monotonic_ns()) is GuidanceState.ON_TARGET
        )

    def arm(self) -> None:
        """Connect, set an intensity and arm."""
        self.rig.stimulator.connect()
        self.rig.stimulator.set_intensity(50)
        # The window must be seen to answer before it may arm.
        self.run_until(self._may_arm, 10)
        self.rig.stimulator.arm()
        ready = self.run_until(lambda: self._state() == "ready", 10)
        assert ready, "the simulated stimulator never became ready"

    def _may_arm(self) -> bool:
        state = self.rig.stimulator.last_state
        return state is not None and state.why_not_arm is None

    def _state(self) -> str:
        state = self.rig.stimulator.last_state
        return "" if state is None else state.state


@contextmanager
def live_window(*, speed: float | None = 1.0) -> Iterator[LiveWindow]:
    """Open it with a 3-D view of 900 x 700, run the rig, and put all away at the end."""
    application = open_application()
    with tempfile.TemporaryDirectory() as folder:
        opened = practice(speed=speed, loop=False)
        rig = Rig(opened.equipment, SessionWriter.create(Path(folder) / "bench.session", {}))
        window = Window(rig)
        window.resize(1600, 1040)
        window.show()
        window.scene_view.setFixedSize(*VIEW_SIZE)
        rig.start()
        try:
            yield LiveWindow(window, rig, opened)
        finally:
            window.close()
            window.deleteLater()
            application.processEvents()
