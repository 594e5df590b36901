"""Qt's own messages go where the program's messages go, instead of onto the error stream."""

from __future__ import annotations

import logging

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

_log = logging.getLogger(__name__)
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
_OFFSCREEN = "This plugin does not support"
"""Said by the offscreen platform of things that only a real screen has."""


def log_qt_messages() -> None:
    """Send Qt's messages to the log of this module."""
    qInstallMessageHandler(_take)


def _take(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    level = logging.DEBUG if message.startswith(_OFFSCREEN) else _LEVELS[kind]
    _log.log(level, message)
