"""Results on screen: each number with its meaning, and the decision, which only a person takes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.calibrate.readings import ResultReading, overview, result_reading, undecided
from app.widgets import theme
from render import palette
from tracking.calibration.result import CalibrationResult

Decide = Callable[[CalibrationResult, bool], str]


class ResultPanel(QWidget):
    """Shows results and asks for each whether it is accepted.

    Parameters
    ----------
    decide
        Called with a result and whether it is accepted; answers with a sentence.
    gather_more
        Called when the person goes on gathering.
    leave
        Called when the person is done.
    """

    def __init__(
        self, decide: Decide, gather_more: Callable[[], None], leave: Callable[[], None]
    ) -> None:
        super().__init__()
        self._decide = decide
        self._results: tuple[CalibrationResult, ...] = ()
        self._open = 0
        self._overview = QLabel("")
        self._overview.setFont(theme.number_font(20))
        self._overview.setWordWrap(True)
        self._overview.setAccessibleName("Overview")
        self._column = QVBoxLayout()
        self._column.setSpacing(14)
        self._more = QPushButton("Gather more")
        self._more.setObjectName("more")
        self._more.clicked.connect(gather_more)
        self._leave = QPushButton("Done")
        self._leave.setObjectName("done")
        self._leave.setToolTip("What was not accepted is not in force")
        self._leave.clicked.connect(leave)
        self._build()

    def show_results(self, results: tuple[CalibrationResult, ...]) -> None:
        """Show `results`, undecided, unless they are shown already."""
        if self._results is results:
            return
        self._results = results
        self._open = len(results)
        self._overview.setText(overview(results))
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for result in results:
            self._column.addWidget(_OneResult(result, self._decided))
        self._column.addStretch(1)

    def _decided(self, result: CalibrationResult, accepted: bool) -> str:
        answer = self._decide(result, accepted)
        self._open -= 1
        self._overview.setText(undecided(self._open))
        return answer

    def _build(self) -> None:
        inside = QWidget()
        inside.setLayout(self._column)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(inside)
        buttons = QHBoxLayout()
        buttons.addWidget(self._more)
        buttons.addStretch(1)
        buttons.addWidget(self._leave)
        layout = QVBoxLayout(self)
        layout.addWidget(self._overview)
        layout.addWidget(scroll, 1)
        layout.addLayout(buttons)


class _OneResult(QWidget):
    """One result with its two buttons."""

    def __init__(self, result: CalibrationResult, decide: Decide) -> None:
        super().__init__()
        self._result = result
        self._decide = decide
        reading = result_reading(result)
        self._accept = QPushButton("Accept")
        self._accept.setObjectName(f"accept {result.subject}")
        self._accept.setEnabled(reading.acceptable)
        self._accept.setToolTip(
            "Use it from now on"
            if reading.acceptable
            else "It is not good enough to be used: see why below"
        )
        self._accept.clicked.connect(lambda: self._decided(accepted=True))
        self._reject = QPushButton("Reject")
        self._reject.setObjectName(f"reject {result.subject}")
        self._reject.clicked.connect(lambda: self._decided(accepted=False))
        self._answer = QLabel("")
        self._answer.setWordWrap(True)
        self._answer.setAccessibleName(f"Decision on {result.subject}")
        self._answer.setFont(theme.number_font(13))
        self._answer.setVisible(False)
        self._build(reading)

    def _decided(self, *, accepted: bool) -> None:
        self._answer.setText(self._decide(self._result, accepted))
        self._answer.setVisible(True)
        self._accept.setEnabled(False)
        self._reject.setEnabled(False)

    def _build(self, reading: ResultReading) -> None:
        title = QLabel(reading.title)
        title.setFont(theme.number_font(16))
        verdict = QLabel(reading.verdict)
        verdict.setFont(theme.number_font(16))
        colour = palette.GREEN if reading.acceptable else palette.VERMILION
        theme.set_colour(verdict, palette.YELLOW if reading.verdict.startswith("!") else colour)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addSpacing(12)
        head.addWidget(verdict)
        head.addStretch(1)
        head.addWidget(self._reject)
        head.addWidget(self._accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self._answer)
        for number, sentence in enumerate(reading.sentences):
            label = QLabel(sentence)
            label.setWordWrap(True)
            fault = number < len(self._result.faults)
            theme.set_colour(label, palette.VERMILION if fault else palette.YELLOW)
            layout.addWidget(label)
        layout.addLayout(_numbers(reading))


def _numbers(reading: ResultReading) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setColumnStretch(2, 1)
    for row, (name, value, meaning) in enumerate(reading.rows):
        called = theme.caption(name)
        called.setAlignment(Qt.AlignmentFlag.AlignTop)
        grid.addWidget(called, row, 0)
        number = QLabel(value)
        number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        number.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(number, row, 1)
        told = theme.caption(meaning)
        told.setAlignment(Qt.AlignmentFlag.AlignTop)
        told.setWordWrap(True)
        grid.addWidget(told, row, 2)
    return grid
