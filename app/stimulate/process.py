"""The stimulator process: owns the device, so that no trouble in the window can make it fire.

``python -m app.stimulate.process [--wire-log FILE]`` reads commands from stdin and writes events
to stdout, JSON lines as in :mod:`app.stimulate.messages`. When stdin ends, the window is gone: the
device is disarmed at once and the process ends. ``--wire-log`` makes the simulated stimulator
append every command that reaches it, with its time, to FILE.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from app.session.errors import SessionError
from app.session.store import NewEvent, SessionWriter
from app.stimulate.control import Control, MakeDriver
from app.stimulate.driver import StimulatorDriver
from app.stimulate.drivers import make_driver
from app.stimulate.messages import LINE_LIMIT, ErrorEvent, MessageError, parse_command
from app.stimulate.outbox import Outbox
from app.stimulate.recorder import Entry, PulseRecord, Recorder, RecordError

SWITCH_INTERVAL_S = 0.0005
"""How soon the control thread gets the interpreter from another one (default 5 ms)."""


class SessionRecord:
    """A session file as the recorder wants it."""

    def __init__(self, path: Path) -> None:
        try:
            self._writer = SessionWriter.attach(path)
        except (SessionError, OSError, ValueError) as error:
            raise RecordError(str(error)) from error

    def write(self, entries: Sequence[Entry]) -> None:
        """Write all or none; raises :class:`RecordError`."""
        try:
            self._writer.append_many(
                [NewEvent.of(entry.kind, entry.body, entry.time_ns) for entry in entries]
            )
        except (SessionError, ValueError, TypeError) as error:
            raise RecordError(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def open_record(path: Path) -> PulseRecord:
    """Open the session file at `path` to write to; raises :class:`RecordError`."""
    return SessionRecord(path)


def serve(stdin: BinaryIO, stdout: BinaryIO, arguments: Sequence[str] = ()) -> int:
    """Run until stdin ends or a shutdown is asked for; returns the exit status.

    Parameters
    ----------
    stdin, stdout
        Unbuffered binary streams.
    arguments
        Command line without the program's name.
    """
    parser = argparse.ArgumentParser(prog="app.stimulate.process")
    parser.add_argument("--wire-log", default=None)
    options = parser.parse_args(arguments)
    outbox = Outbox(stdout)
    recorder = Recorder(open_record)
    maker = _with_wire_log(options.wire_log)
    control = Control(recorder, outbox.put, maker, run_id=uuid.uuid4().hex[:8])
    reader = threading.Thread(
        target=read_commands, args=(stdin, control, outbox), name="reader", daemon=True
    )
    _leave_on_signals(control)
    reader.start()
    try:
        control.run()
    finally:
        recorder.close()
        outbox.close()
    return 0


def read_commands(stdin: BinaryIO, control: Control, outbox: Outbox) -> None:
    """Hand every line of `stdin` to `control` until it ends; what is no message is answered."""
    rest = b""
    try:
        while chunk := _read(stdin):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _submit(line, control, outbox)
            # What is kept of an endless line is enough to refuse it when it ends.
            rest = rest[: LINE_LIMIT + 1]
    finally:
        control.leave("The window is gone.")


def _submit(line: bytes, control: Control, outbox: Outbox) -> None:
    if len(line) > LINE_LIMIT:
        outbox.put(ErrorEvent(sentence="A line was too long and was ignored."))
        return
    try:
        control.submit(parse_command(line))
    except MessageError as error:
        outbox.put(ErrorEvent(sentence=str(error)))


def _read(stdin: BinaryIO) -> bytes:
    try:
        return stdin.read(65_536)
    except (OSError, ValueError):  # a broken or closed pipe is the end of the window as well
        return b""


def _with_wire_log(path: str | None) -> MakeDriver:
    def make(name: str, options: Mapping[str, Any]) -> StimulatorDriver:
        if path is not None and name == "simulated":
            options = {"wire_log": path, **options}
        return make_driver(name, options)

    return make


def _leave_on_signals(control: Control) -> None:
    """Disarm when the process is told to end; Ctrl-C in a terminal reaches the window as well."""
    if threading.current_thread() is not threading.main_thread():
        return

    def leave(number: int, frame: FrameType | None) -> None:
        # Not here: the interrupted thread may hold the very lock that disarming needs.
        reason = "The stimulator process was ended."
        threading.Thread(target=control.leave, args=(reason,), name="leave", daemon=True).start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)


def main(arguments: Sequence[str]) -> int:
    """Serve on this process's own stdin and stdout; prints of libraries go to stderr."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    sys.stdout = sys.stderr
    with (
        open(0, "rb", buffering=0, closefd=False) as stdin,
        open(1, "wb", buffering=0, closefd=False) as stdout,
    ):
        return serve(stdin, stdout, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
