"""The button in the main window that opens the wizard.

The wizard and all that calibrates is loaded when it is opened first: the window opens without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QMessageBox, QPushButton, QWidget

from tracking.setups import SetupError

if TYPE_CHECKING:
    from app.calibrate.wizard_panel import Desk, Wizard

TIP = "Calibrate cameras, marker bodies, pointer and coil of this room"
ARMED = "The stimulator is armed: disarm it to calibrate"


class EntrancePanel(QWidget):
    """One quiet button, and the wizard while it is open.

    Parameters
    ----------
    open_desk
        Gives the room; SetupError if it cannot be read.
    """

    def __init__(self, open_desk: Callable[[], Desk]) -> None:
        super().__init__()
        self._open_desk = open_desk
        self._armed = False
        self._wizard: Wizard | None = None
        self._button = QPushButton("Calibrate…")
        self._button.setObjectName("calibrate")
        self._button.setToolTip(TIP)
        self._button.clicked.connect(self._open)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)

    @property
    def wizard(self) -> Wizard | None:
        """The wizard, if it was opened."""
        return self._wizard

    def show_armed(self, armed: bool) -> None:
        """Show whether the stimulator is armed: then there is no calibrating."""
        if armed == self._armed:
            return
        self._armed = armed
        self._button.setEnabled(not armed)
        self._button.setToolTip(ARMED if armed else TIP)
        if self._wizard is not None:
            self._wizard.hold(ARMED if armed else "")

    def close_wizard(self) -> None:
        """Close the wizard and end what it runs."""
        wizard, self._wizard = self._wizard, None
        if wizard is not None:
            wizard.close()
            wizard.deleteLater()

    def _open(self) -> None:
        if self._wizard is not None and self._wizard.isVisible():
            self._wizard.raise_()
            self._wizard.activateWindow()
            return
        self.close_wizard()
        from app.calibrate.wizard_panel import Wizard

        try:
            self._wizard = Wizard(self._open_desk())
        except SetupError as error:
            self._say(str(error))
        else:
            self._wizard.show()

    def _say(self, sentence: str) -> None:
        box = QMessageBox(self)
        box.setWindowTitle("Calibrate")
        box.setText(sentence)
        box.setStandardButtons(QMessageBox.StandardButton.Close)
        box.open()
