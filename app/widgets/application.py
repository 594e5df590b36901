"""The Qt application of this process, with the program's look."""

from __future__ import annotations

import sys

from PySide6.QtWidgets import QApplication

from app.identity import NAME
from app.widgets.qt_messages import log_qt_messages
from app.widgets.theme import apply_theme

SWITCH_INTERVAL_S = 0.0001
"""How long one thread may run Python while another waits to. With Python's own 5 ms the tracker
would stand still for that long several times in each frame while the window draws. Measured with
still pictures: median delay from capture to picture 94 ms with 5 ms, 60 with 1 ms, 48 with 0.2 ms;
between 0.2 and 0.01 ms no difference beyond the noise."""


def open_application() -> QApplication:
    """Give the application, made if there is none yet."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    log_qt_messages()
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName(NAME)
    apply_theme(application)
    return application
