"""The button that records a feed, and how the recording is doing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.live.feed_recording import RecordingReading
from app.widgets.theme import set_colour
from render import palette

RECORD = "Record the cameras  (Ctrl+R)"
FINISH = "Stop recording the cameras  (Ctrl+R)"


class RecordingPanel(QWidget):
    """One button and one line."""

    def __init__(self, start: Callable[[], None], stop: Callable[[], None]) -> None:
        super().__init__()
        self._start, self._stop = start, stop
        self._recording = False
        self._button = QPushButton(RECORD)
        self._button.setObjectName("record-feed")
        self._button.setToolTip("Records what the cameras see, to be replayed later")
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._button.clicked.connect(self._toggle)
        self._text = QLabel("")
        self._text.setAccessibleName("Recording of the cameras")
        self._text.setWordWrap(True)
        self._text.setVisible(False)
        shortcut = QShortcut(QKeySequence("Ctrl+R"), self)
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.activated.connect(self._toggle)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._button)
        layout.addWidget(self._text)

    def show_reading(self, reading: RecordingReading) -> None:
        """Show how the recording is doing."""
        self._recording = reading.recording
        self._button.setText(FINISH if reading.recording else RECORD)
        self._text.setText(reading.text)
        self._text.setVisible(bool(reading.text))
        calm = palette.TEXT if reading.recording else palette.MUTED
        set_colour(self._text, palette.VERMILION if reading.fault else calm)

    def _toggle(self) -> None:
        (self._stop if self._recording else self._start)()
