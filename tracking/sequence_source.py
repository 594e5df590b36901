"""A recorded sequence of PLUS played as a source of poses, or replayed as a whole.

In: a :class:`~tracking.plus_sequence.PlusSequence`, and which transforms are which bodies. Out: a
:class:`~tracking.pose_source.PoseSource` in real time, or every instant in the sequence's own time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import MappingProxyType

from tracking.foreign_poses import PoseWatch, TransformNames, lost
from tracking.plus_sequence import PlusSequence, SequenceFrame
from tracking.pose_source import PoseBoard, Poses, PoseSourceError
from tracking.poses import BodyPose, TrackingState
from tracking.replay import BodySummary, ReplaySummary
from tracking.tracker import TrackedFrames


class SequencePoses:
    """The bodies of a sequence, and what each frame says of them.

    Parameters
    ----------
    sequence
        The recording.
    names
        Which transforms are poses of which bodies; by default the usual names, and every other
        transform as a body of its own name.

    Raises
    ------
    PoseSourceError
        If the sequence holds none of the transforms.
    """

    def __init__(self, sequence: PlusSequence, names: TransformNames | None = None) -> None:
        self.sequence = sequence
        self._names = TransformNames(others=True) if names is None else names
        found = [(name, self._names.body(name)) for name in sequence.transform_names]
        # One body, two transforms: the first, or the body would jump between them.
        givers: dict[str, str] = {}
        for name, body in found:
            if body is not None:
                givers.setdefault(body, name)
        if not givers:
            raise PoseSourceError(
                f"{sequence.path} holds none of the transforms {', '.join(self._names.bodies)} "
                f"but {', '.join(sequence.transform_names[:8])}. Say which of them belongs to "
                "which body."
            )
        self._givers = givers
        self._watches = {body: PoseWatch(body) for body in givers}

    @property
    def bodies(self) -> tuple[str, ...]:
        """Names of the bodies."""
        return tuple(self._givers)

    def of(self, frame: SequenceFrame, time_ns: int) -> Poses:
        """Give what `frame` says, with `time_ns` as its time; repeats say nothing."""
        poses = (self._judge(body, frame, time_ns) for body in self._givers)
        return tuple(pose for pose in poses if pose is not None)

    def _judge(self, body: str, frame: SequenceFrame, time_ns: int) -> BodyPose | None:
        name = self._givers[body]
        transform = frame.transforms.get(name)
        if transform is None or not transform.ok:
            return lost(body, time_ns)
        return self._watches[body].judge(
            transform.matrix,
            inverted=self._names.inverted(name),
            stamp_ns=None,
            time_ns=time_ns,
        )


class SequenceSource:
    """Plays a sequence: a :class:`~tracking.pose_source.PoseSource`.

    Parameters
    ----------
    poses
        The sequence and its bodies.
    speed
        Multiple of real speed.
    loop
        Start again after the last frame.
    """

    def __init__(self, poses: SequencePoses, *, speed: float = 1.0, loop: bool = False) -> None:
        self._poses = poses
        self._frames = self._stamped(speed, loop)
        self._closing = threading.Event()

    @property
    def name(self) -> str:
        """What it is, for a person."""
        return self._poses.sequence.name

    @property
    def bodies(self) -> tuple[str, ...]:
        """Names of the bodies."""
        return self._poses.bodies

    @property
    def fault(self) -> str | None:
        """Nothing: a sequence was checked as a whole when it was read."""
        return None

    def read(self) -> Poses | None:
        """Wait for the next frame with poses; None at the end or once closed."""
        for frame, time_ns in self._frames:
            if self._closing.wait(max(0.0, (time_ns - time.monotonic_ns()) / 1e9)):
                return None
            if poses := self._poses.of(frame, time_ns):
                return poses
        return None

    def close(self) -> None:
        """End the source. Safe to call twice and from another thread."""
        self._closing.set()

    def _stamped(self, speed: float, loop: bool) -> Iterator[tuple[SequenceFrame, int]]:
        """Frames with the times at which they are due, on this machine's clock."""
        sequence = self._poses.sequence
        interval_ns = sequence.duration_ns // max(1, len(sequence.frames) - 1)
        begin_ns = time.monotonic_ns()
        while True:
            for frame in sequence.frames:
                yield frame, begin_ns + round((frame.time_ns - sequence.start_ns) / speed)
            if not loop:
                return
            begin_ns += round((sequence.duration_ns + max(interval_ns, 1_000_000)) / speed)


def replay_sequence(
    poses: SequencePoses, on_tracked: Callable[[TrackedFrames], None] | None = None
) -> ReplaySummary:
    """Give every instant of a sequence in its own time, as fast as it goes."""
    sequence = poses.sequence
    board = PoseBoard(poses.bodies)
    counts = {body: dict.fromkeys(TrackingState, 0) for body in poses.bodies}
    for frame in sequence.frames:
        board.put(poses.of(frame, frame.time_ns))
        tracked = board.tracked_frames(frame.time_ns, frame.time_ns)
        for body, pose in tracked.poses.items():
            counts[body][pose.state] += 1
        if on_tracked is not None:
            on_tracked(tracked)
    bodies = {
        body: BodySummary(
            tracked=states[TrackingState.TRACKED],
            predicted=states[TrackingState.PREDICTED],
            ambiguous=states[TrackingState.AMBIGUOUS],
            lost=states[TrackingState.LOST],
            median_rms_px=None,
        )
        for body, states in counts.items()
    }
    return ReplaySummary(
        name=sequence.name,
        instants=len(sequence.frames),
        frames=0,
        duration_s=sequence.duration_ns / 1e9,
        bodies=MappingProxyType(bodies),
        processing_median_ms=0.0,
        processing_p95_ms=0.0,
        errors=None,
    )
