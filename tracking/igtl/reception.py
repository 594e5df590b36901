"""What the messages of one connection say of our bodies. Pure: no sockets, no clock.

In: whole messages with the time at which they arrived. Out: poses, tracked or lost; and, in a few
words, what the sender is to be told off for.

A STATUS that is not well counts until one of the same name is well again: for a body, if it names
the body's transform; for nobody, if it names another transform; else it is of the tracker and
counts for all. Metadata of a transform whose key ends in "status" (PLUS
sends such) counts for that one message.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tracking.foreign_poses import PoseWatch, TransformNames, frames_of, lost
from tracking.igtl.contents import Position, Status, TrackingData, Transform
from tracking.igtl.messages import Message
from tracking.igtl.sender_clock import SenderClock
from tracking.poses import BodyPose

FloatArray = NDArray[np.float64]

BEHIND_NS = 1_000_000_000
"""A message that took this much longer than the quickest is not of this moment: it is lost."""
BEHIND_FOR_NS = 2_000_000_000
"""If all messages of so long are behind, they will not catch up."""
UNKNOWN_FOR_NS = 2_000_000_000
MOST_NAMES = 32
"""So many names of a sender are remembered at most."""
GOOD_WORDS = {"ok", "valid", "1", "true"}
NO_POSE = np.full((4, 4), np.nan)


class Reception:
    """Follows one connection. For one thread; `complaint` may be read from any."""

    def __init__(self, names: TransformNames) -> None:
        self._names = names
        self._clock = SenderClock()
        self._watches: dict[str, PoseWatch] = {}
        self._givers: dict[str, str] = {}
        self._unwell: dict[str, str] = {}
        self._behind_since_ns: int | None = None
        self._began_ns: int | None = None
        self._strangers: list[str] = []
        self.behind = False
        """Whether all messages of a while were much too late."""
        self.complaint: str | None = None
        """What is wrong with what comes, after "The tracker at ..."; None if nothing is."""

    def take(self, message: Message, arrival_ns: int) -> tuple[BodyPose, ...]:
        """Give the poses that `message` brings; none if it repeats, or is of something else."""
        if isinstance(message.content, Status):
            return self._take_status(message.device, message.content, arrival_ns)
        found = list(_matrices(message))
        if not found:
            return ()
        time_ns, stamp_ns = self._clock.place(message.time_ns, arrival_ns)
        self._judge_delay(arrival_ns)
        # Dated back as it is, it would still be called tracked by whoever only looks at the state.
        stale = self._clock.late_ns > BEHIND_NS
        well = _well(message) and not stale
        poses = []
        for name, matrix in found:
            body = self._body(name, arrival_ns)
            if body is None:
                continue
            if not well or self._is_unwell(name):
                poses.append(lost(body, arrival_ns if stale else time_ns))
                continue
            watch = self._watches.setdefault(name, PoseWatch(body))
            inverted = self._names.inverted(name)
            pose = watch.judge(matrix, inverted=inverted, stamp_ns=stamp_ns, time_ns=time_ns)
            if pose is not None:
                poses.append(pose)
        self._complain(arrival_ns)
        return tuple(poses)

    def _take_status(self, device: str, status: Status, arrival_ns: int) -> tuple[BodyPose, ...]:
        others = not self._is_ours(device) and frames_of(device) is not None
        if status.ok or others:
            self._unwell.pop(device, None)
            self._complain(arrival_ns)
            return ()
        if len(self._unwell) >= MOST_NAMES and device not in self._unwell:
            # Whoever has so many devices that are not well is not to be believed at all.
            device = ""
        self._unwell[device] = _readable(f"{status.name} {status.text}") or f"code {status.code}"
        self._complain(arrival_ns)
        if self._is_ours(device):
            bodies = [self._names.body(device) or device]
        else:
            bodies = [*self._names.bodies.values(), *self._givers]
        return tuple(lost(body, arrival_ns) for body in dict.fromkeys(bodies))

    def _is_unwell(self, name: str) -> bool:
        return any(device == name or not self._is_ours(device) for device in self._unwell)

    def _is_ours(self, device: str) -> bool:
        """Whether `device` is a body's transform, so that its status is that body's alone."""
        return device in self._names.bodies or device in self._watches

    def _body(self, name: str, arrival_ns: int) -> str | None:
        body = self._names.body(name)
        if self._began_ns is None:
            self._began_ns = arrival_ns
        if body is None:
            if name not in self._strangers and len(self._strangers) < MOST_NAMES:
                self._strangers.append(name)
            return None
        if name not in self._watches and len(self._watches) >= MOST_NAMES:
            return None
        # One body, two transforms: the one that came first, or the body would jump between them.
        return body if self._givers.setdefault(body, name) == name else None

    def _judge_delay(self, arrival_ns: int) -> None:
        if self._clock.late_ns < BEHIND_NS:
            self._behind_since_ns = None
        elif self._behind_since_ns is None:
            self._behind_since_ns = arrival_ns
        elif arrival_ns - self._behind_since_ns > BEHIND_FOR_NS:
            self.behind = True

    def _complain(self, arrival_ns: int) -> None:
        if self._unwell:
            device, words = next(reversed(self._unwell.items()))
            self.complaint = f"says that '{_readable(device)}' is not well: {words}."
        elif (
            self._strangers
            and not self._watches
            and self._began_ns is not None
            and arrival_ns - self._began_ns > UNKNOWN_FOR_NS
        ):
            sent = ", ".join(_readable(name) for name in self._strangers[:8])
            self.complaint = (
                f"sends none of the transforms {', '.join(self._names.bodies)} but {sent}. "
                "Say which of them belongs to which body."
            )
        else:
            self.complaint = None


def _matrices(message: Message) -> Iterator[tuple[str, FloatArray]]:
    """Name and matrix of each pose in `message`; a matrix of NaN where there is no whole pose."""
    match message.content:
        case Transform(matrix=matrix):
            yield message.device, matrix
        case Position(position=position, quaternion=quaternion):
            yield message.device, _matrix_of(position, quaternion)
        case TrackingData(tools=tools):
            for tool in tools:
                # Kinds 3 and 4 have no or only part of a rotation.
                yield tool.name, tool.matrix if tool.kind in (1, 2) else NO_POSE
        case _:
            return


def _matrix_of(position: FloatArray, quaternion: FloatArray | None) -> FloatArray:
    if quaternion is None or not abs(float(np.linalg.norm(quaternion)) - 1.0) < 1e-3:
        return NO_POSE
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    matrix[:3, 3] = position
    return matrix


def _well(message: Message) -> bool:
    return all(
        value.strip().lower() in GOOD_WORDS
        for key, value in message.metadata.items()
        if key.lower().endswith("status")
    )


def _readable(words: str) -> str:
    """Words of a stranger on one line of bounded length."""
    plain = "".join(character if character.isprintable() else " " for character in words)
    return " ".join(plain.split())[:80]
