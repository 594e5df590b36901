"""``coilpilot poses``: what another tracker sends over OpenIGTLink, shown and recorded."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.progress import Progress

from app.commands.output import Failure, show_json, show_table
from app.commands.pose_names import address_from_words, names_from_words
from tracking.igtl.client import IgtlClient
from tracking.pose_source import Poses
from tracking.poses import BodyPose, TrackingState
from tracking.poses_file import PosesFile, PosesFileError, pose_row
from tracking.tracker import TrackedFrames

LONGEST_S = 86_400.0
STEP_S = 0.1


@dataclass
class _Heard:
    """What was heard of one body."""

    tracked: int = 0
    lost: int = 0
    times_ns: list[int] = field(default_factory=list)
    last: BodyPose | None = None

    def add(self, pose: BodyPose) -> None:
        if pose.state is TrackingState.TRACKED:
            self.tracked += 1
            # First and newest: enough for the rate.
            self.times_ns[1:] = [pose.time_ns]
            self.last = pose
        else:
            self.lost += 1

    @property
    def per_second(self) -> float | None:
        """Mean rate of tracked poses; None for fewer than two."""
        if len(self.times_ns) < 2:
            return None
        return (self.tracked - 1) / max((self.times_ns[1] - self.times_ns[0]) / 1e9, 1e-9)


def run_poses(
    source: str, *, names: Sequence[str] | None, out: Path | None, seconds: float, as_json: bool
) -> int:
    """Listen for `seconds` and sum up; exit status 1 if no pose came."""
    if not (math.isfinite(seconds) and 0 < seconds <= LONGEST_S):
        raise Failure(f"--seconds {seconds:g} is not between 0 and {LONGEST_S:.0f}.", status=2)
    client = IgtlClient(address_from_words(source), names_from_words(names))
    heard: dict[str, _Heard] = {}
    try:
        with ExitStack() as stack:
            file = None if out is None else stack.enter_context(PosesFile(out))
            _listen(client, seconds, heard, file)
    except PosesFileError as error:
        raise Failure(str(error)) from error
    finally:
        client.close()
    if not heard:
        raise Failure(client.fault or f"{client.name} has sent no poses. Let it send transforms.")
    (_show_json if as_json else _show)(client, heard)
    return 0


def _listen(
    client: IgtlClient, seconds: float, heard: dict[str, _Heard], file: PosesFile | None
) -> None:
    """Read until the time is over, or the person has seen enough and presses Ctrl-C."""
    ended = threading.Event()
    began_s = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Listening", total=seconds)

        def watch() -> None:
            while (past_s := time.monotonic() - began_s) < seconds and not ended.wait(STEP_S):
                fault = client.fault
                progress.update(task, completed=past_s, description=fault or "Listening")
            client.close()

        watcher = threading.Thread(target=watch, name="end of listening")
        watcher.start()
        try:
            with suppress(KeyboardInterrupt):
                while (poses := client.read()) is not None:
                    _take(poses, heard, file)
        finally:
            ended.set()
            watcher.join()


def _take(poses: Poses, heard: dict[str, _Heard], file: PosesFile | None) -> None:
    for pose in poses:
        heard.setdefault(pose.body, _Heard()).add(pose)
    if file is not None:
        empty: MappingProxyType[str, Any] = MappingProxyType({})
        by_body = MappingProxyType({pose.body: pose for pose in poses})
        file.write(TrackedFrames(max(pose.time_ns for pose in poses), empty, empty, by_body, 0))


def _show_json(client: IgtlClient, heard: dict[str, _Heard]) -> None:
    show_json(
        {
            "from": client.name,
            "fault": client.fault,
            "bodies": {
                body: {
                    "tracked": one.tracked,
                    "lost": one.lost,
                    "per_second": one.per_second,
                    "last": None if one.last is None else pose_row(one.last, one.last.time_ns),
                }
                for body, one in heard.items()
            },
        }
    )


def _show(client: IgtlClient, heard: dict[str, _Heard]) -> None:
    rows = []
    for body, one in heard.items():
        text = f"tracked {one.tracked}, lost {one.lost}"
        if one.per_second is not None:
            text += f", {one.per_second:.1f} per s"
        if one.last is not None and one.last.world_from_body is not None:
            x, y, z = one.last.world_from_body.translation
            text += f", last at {x:.1f} {y:.1f} {z:.1f} mm"
        rows.append((body, text))
    if client.fault is not None:
        rows.append(("Fault", client.fault))
    show_table(client.name, rows)
