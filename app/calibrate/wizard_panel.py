"""The wizard: choose a calibration, gather pictures, look at the result, decide.

In: a :class:`Desk`, which knows the room. Out: nothing but what the desk was told to keep.
"""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QLabel, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.calibrate.cameras_panel import CamerasPanel
from app.calibrate.choose_panel import ChoosePanel
from app.calibrate.gather_panel import GatherPanel
from app.calibrate.gathering import Stage
from app.calibrate.offers import Offer, Order
from app.calibrate.result_panel import ResultPanel
from app.calibrate.run import CannotBegin, Run
from app.identity import NAME, RESEARCH_USE
from app.live.room_cameras import RoomCameras
from app.widgets import theme
from render import palette
from tracking.calibration.result import CalibrationResult

REFRESH_MS = 66


class Desk(Protocol):
    """What the wizard asks of the room."""

    @property
    def title(self) -> str:
        """Which room, in words."""
        ...

    @property
    def live(self) -> bool:
        """Whether there are cameras."""
        ...

    @property
    def cameras(self) -> RoomCameras:
        """The room's cameras."""
        ...

    def offers(self) -> tuple[Offer, ...]:
        """List what can be calibrated now."""
        ...

    def begin(self, order: Order) -> Run:
        """Begin a calibration; :class:`CannotBegin` says why not."""
        ...

    def decide(self, result: CalibrationResult, accepted: bool) -> str:
        """Keep the decision; a sentence that says what was done."""
        ...


class Wizard(QMainWindow):
    """The window in which a person calibrates."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._run: Run | None = None
        self._choose = ChoosePanel(self._begin, CamerasPanel(desk.cameras))
        self._gather = GatherPanel(self._solve, self._leave)
        self._result = ResultPanel(desk.decide, self._gather_more, self._leave)
        self._pages = QStackedWidget()
        for page in (self._choose, self._gather, self._result):
            self._pages.addWidget(page)
        self._held = QLabel("")
        self._held.setFont(theme.number_font(20))
        self._held.setAccessibleName("Why nothing can be done now")
        theme.set_colour(self._held, palette.ORANGE)
        self._held.setVisible(False)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._build()
        self._offer()
        desk.cameras.changed.connect(self._offer)

    def hold(self, reason: str) -> None:
        """Let nothing be done for `reason`, a sentence, which is shown; empty: go on."""
        self._held.setText(reason)
        self._held.setVisible(bool(reason))
        self._pages.setEnabled(not reason)

    def closeEvent(self, event: QCloseEvent) -> None:
        """End what runs."""
        self._desk.cameras.changed.disconnect(self._offer)
        self._choose.leave()
        self._end_run()
        super().closeEvent(event)

    def _begin(self, order: Order) -> str:
        try:
            self._run = self._desk.begin(order)
        except CannotBegin as reason:
            return str(reason)
        self._choose.leave()
        self._gather.forget()
        self._pages.setCurrentWidget(self._gather)
        self._timer.start(REFRESH_MS)
        self._refresh()
        return ""

    def _refresh(self) -> None:
        run = self._run
        if run is None:
            return
        snapshot = run.snapshot
        if snapshot.stage is Stage.SOLVED:
            self._result.show_results(snapshot.results)
            self._pages.setCurrentWidget(self._result)
        else:
            self._pages.setCurrentWidget(self._gather)
            self._gather.show_snapshot(snapshot, trouble=run.trouble, ended=run.ended)

    def _solve(self) -> None:
        if self._run is not None:
            self._run.solve()

    def _gather_more(self) -> None:
        if self._run is not None:
            self._run.resume()

    def _leave(self) -> None:
        self._end_run()
        self._offer()

    def _end_run(self) -> None:
        self._timer.stop()
        run, self._run = self._run, None
        if run is not None:
            run.abandon()

    def _offer(self) -> None:
        self._choose.show_offers(self._desk.offers(), live=self._desk.live)
        self._pages.setCurrentWidget(self._choose)

    def _build(self) -> None:
        self.setWindowTitle(f"Calibrate – {self._desk.title} – {NAME} – {RESEARCH_USE}")
        title = QLabel(f"Calibrate: {self._desk.title}")
        title.setFont(theme.number_font(15))
        theme.set_colour(title, palette.PURPLE)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.addWidget(title)
        layout.addWidget(self._held)
        layout.addWidget(self._pages, 1)
        self.setCentralWidget(centre)
        self.resize(1100, 720)
