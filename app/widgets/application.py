"""The Qt application of this process, with the program's look."""

from __future__ import annotations

import sys

from PySide6.QtWidgets import QApplication

from app.identity import NAME
from app.widgets.qt_messages import log_qt_messages
from app.widgets.theme import apply_theme


def open_application() -> QApplication:
    """Give the application, made if there is none yet."""
    log_qt_messages()
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName(NAME)
    apply_theme(application)
    return application
