"""What a test can leave behind: threads, child processes, Qt windows and running Qt timers.

In: a snapshot taken before the test. Out: one line for each thing that is there now and was not
then, naming it so that its owner is found. Qt is asked only where a test has made a QApplication.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

GRACE_S = 3.0
POLL_S = 0.01


@dataclass(frozen=True)
class Snapshot:
    """What was there before the test."""

    threads: frozenset[int]
    children: frozenset[int]
    windows: frozenset[int]
    timers: frozenset[int]
    with_qt: bool


def snapshot(*, with_qt: bool) -> Snapshot:
    """Take note of all that a test could leave behind, windows and timers only `with_qt`."""
    return Snapshot(
        threads=frozenset(thread.ident or 0 for thread in threading.enumerate()),
        children=frozenset(child.pid for child in _children()),
        windows=frozenset(address for address, _ in _windows()) if with_qt else frozenset(),
        timers=frozenset(address for address, _ in _timers()) if with_qt else frozenset(),
        with_qt=with_qt,
    )


def left_behind(before: Snapshot, grace_s: float = GRACE_S) -> list[str]:
    """Name what was not there `before` and is still there after `grace_s` seconds."""
    deadline = time.monotonic() + grace_s
    collected = False
    while True:
        found = _found(before)
        if not found or time.monotonic() > deadline:
            return found
        if not collected:
            # Cycles keep windows, timers and threads alive for a while without being leaks.
            gc.collect()
            collected = True
        time.sleep(POLL_S)


def end_children(before: Snapshot) -> None:
    """Kill the child processes that were not there `before`, so that later tests are spared."""
    new = [child for child in _children() if child.pid not in before.children]
    for child in new:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(new, timeout=GRACE_S)


def _found(before: Snapshot) -> list[str]:
    kinds: list[tuple[frozenset[int], Callable[[], list[tuple[int, str]]]]] = [
        (before.threads, _threads),
        (before.children, lambda: [(child.pid, _describe(child)) for child in _children()]),
    ]
    if before.with_qt:
        kinds += [(before.windows, _windows), (before.timers, _timers)]
    return [words for known, look in kinds for key, words in look() if key not in known]


def _threads() -> list[tuple[int, str]]:
    return [
        (thread.ident or 0, f"thread '{thread.name}' running {_target(thread)}")
        for thread in threading.enumerate()
        # Threads that Python did not start have no end that it would notice.
        if not isinstance(thread, threading._DummyThread)
        and not thread.name.startswith("pytest_timeout")
    ]


def _target(thread: threading.Thread) -> str:
    target = getattr(thread, "_target", None)
    if target is None:
        return type(thread).__qualname__
    return f"{target.__module__}.{getattr(target, '__qualname__', target)}"


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _describe(child: psutil.Process) -> str:
    try:
        command = " ".join(child.cmdline()) or child.name()
        return f"process {child.pid} ({child.status()}): {command}"
    except psutil.NoSuchProcess:
        return f"process {child.pid}, which has just ended"


def _application() -> Any:
    """Give the QApplication, None if Qt is not loaded or has no application."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    return None if widgets is None else widgets.QApplication.instance()


def _address(thing: Any) -> int:
    return int(sys.modules["shiboken6"].getCppPointer(thing)[0])


def _windows() -> list[tuple[int, str]]:
    """Give the windows that are nobody's child, after Qt has deleted what it was told to."""
    application = _application()
    if application is None:
        return []
    core = sys.modules["PySide6.QtCore"]
    core.QCoreApplication.sendPostedEvents(None, core.QEvent.Type.DeferredDelete)
    return [
        (
            _address(widget),
            f"window {type(widget).__name__} '{widget.objectName() or widget.windowTitle()}'",
        )
        for widget in application.topLevelWidgets()
        if widget.parent() is None and widget.metaObject().className() != "QTipLabel"
    ]


def _timers() -> list[tuple[int, str]]:
    """Give the running timers that Python made; it looks through all objects for them."""
    if _application() is None:
        return []
    timer_type = sys.modules["PySide6.QtCore"].QTimer
    valid = sys.modules["shiboken6"].isValid
    return [
        (
            _address(thing),
            f"timer '{thing.objectName()}' every {thing.interval()} ms, owned by "
            f"{type(thing.parent()).__name__}",
        )
        for thing in gc.get_objects()
        if isinstance(thing, timer_type) and valid(thing) and thing.isActive()
    ]
