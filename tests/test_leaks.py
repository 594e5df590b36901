"""The watch over leaked threads, processes, windows and timers sees each kind and names it."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from tests import leaks


def test_thread_is_named_and_forgotten_once_it_ends() -> None:
    before = leaks.snapshot(with_qt=False)
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="capture left")
    thread.start()
    found = leaks.left_behind(before, grace_s=0.05)
    end.set()
    thread.join()
    assert len(found) == 1
    assert "capture left" in found[0]
    assert leaks.left_behind(before) == []


def test_process_is_named_and_ended() -> None:
    before = leaks.snapshot(with_qt=False)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = leaks.left_behind(before, grace_s=0.05)
    leaks.end_children(before)
    child.communicate()
    assert len(found) == 1
    assert "input()" in found[0]
    assert leaks.left_behind(before) == []


@pytest.mark.usefixtures("qapp")
def test_window_is_named() -> None:
    before = leaks.snapshot(with_qt=True)
    window = QWidget()
    window.setObjectName("forgotten")
    found = leaks.left_behind(before, grace_s=0.05)
    window.deleteLater()
    assert found == ["window QWidget 'forgotten'"]
    assert leaks.left_behind(before) == []


@pytest.mark.usefixtures("qapp")
def test_running_timer_is_named() -> None:
    before = leaks.snapshot(with_qt=True)
    owner = QWidget()
    timer = QTimer(owner)
    timer.setObjectName("redraw")
    timer.start(50)
    found = leaks.left_behind(before, grace_s=0.05)
    owner.deleteLater()
    assert "timer 'redraw' every 50 ms, owned by QWidget" in found
    assert leaks.left_behind(before) == []
