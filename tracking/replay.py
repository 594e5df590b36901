"""A whole feed through the tracker, frame by frame, without threads and without waiting.

In: an open feed. Out: a call with every result, and a :class:`ReplaySummary`. All times are the
feed's own capture times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tracking.dense_stage import Dense
from tracking.feed import Feed
from tracking.frame_groups import taken_together
from tracking.frames import Frame
from tracking.poses import TrackingState
from tracking.tracker import TrackedFrames, Tracker
from tracking.truth import (
    ErrorSummary,
    PointError,
    Truth,
    point_error,
    read_truth,
    summarise_errors,
)
from tracking.video_file import VideoReader

HEAD, COIL_BODY = "head", "coil_body"


@dataclass(frozen=True, slots=True)
class BodySummary:
    """How often a body was in which state, and the median residual while tracked, pixels."""

    tracked: int
    predicted: int
    ambiguous: int
    lost: int
    median_rms_px: float | None


@dataclass(frozen=True, eq=False, slots=True)
class ReplaySummary:
    """What came out of a feed.

    Attributes
    ----------
    name
        The feed's name.
    instants, frames
        How many groups of frames taken together and how many frames there were.
    duration_s
        Length of the feed.
    bodies
        Body name -> counts over the instants.
    processing_median_ms, processing_p95_ms
        Time to process the frames of one instant, decoding not included.
    errors
        Of the coil as seen from the head, against the truth; None without one.
    """

    name: str
    instants: int
    frames: int
    duration_s: float
    bodies: Mapping[str, BodySummary]
    processing_median_ms: float
    processing_p95_ms: float
    errors: ErrorSummary | None


def replay_feed(
    feed: Feed,
    on_tracked: Callable[[TrackedFrames], None] | None = None,
    *,
    dense: Dense | str = Dense.ALWAYS,
) -> ReplaySummary:
    """Run the tracker on every frame of `feed`, as fast as it goes.

    The same feed always gives the same poses.

    Parameters
    ----------
    feed
        The feed.
    on_tracked
        Called with every result.
    dense
        When to refine poses by all pixels of their tags.

    Raises
    ------
    FrameSourceError
        If a video is damaged, naming file and frame.
    """
    tracker = Tracker(feed.cameras, feed.bodies, dense=dense)
    truth = None if feed.truth_path is None else read_truth(feed.truth_path)
    tally = _Tally(feed, truth)
    readers = [VideoReader(recording.video) for recording in feed.recordings]
    try:
        for instant in feed.instants():
            frames = []
            for recording, index in instant.frames:
                source = feed.recordings[recording]
                image = readers[recording].read()
                frames.append(Frame(source.camera.name, index, int(source.times_ns[index]), image))
            for group in taken_together(frames):
                tracked = tracker.process(group)
                tally.count(tracked)
                if on_tracked is not None:
                    on_tracked(tracked)
    finally:
        tracker.close()
        for reader in readers:
            reader.close()
    return tally.summary()


class _Tally:
    """Counts results on their way and sums them up."""

    def __init__(self, feed: Feed, truth: Truth | None) -> None:
        self._feed = feed
        self._truth = truth
        coil = feed.description.coil_body_from_coil
        self._point: NDArray[np.float64] = np.zeros(3)
        if coil is not None:
            self._point = np.array(coil.translation, dtype=np.float64)
        names = [body.name for body in feed.bodies]
        self._states = {name: dict.fromkeys(TrackingState, 0) for name in names}
        self._residuals: dict[str, list[float]] = {name: [] for name in names}
        self._processing: list[float] = []
        self._errors: list[PointError] = []
        self._frames = 0

    def count(self, tracked: TrackedFrames) -> None:
        """Add one result."""
        self._frames += len(tracked.frames)
        self._processing.append(tracked.processing_ns / 1e6)
        for name, pose in tracked.poses.items():
            self._states[name][pose.state] += 1
            if pose.state is TrackingState.TRACKED and pose.quality is not None:
                self._residuals[name].append(pose.quality.rms_px)
        error = (
            None if self._truth is None else head_relative_error(tracked, self._truth, self._point)
        )
        if error is not None:
            self._errors.append(error)

    def summary(self) -> ReplaySummary:
        """Sum up."""
        bodies = {
            name: BodySummary(
                tracked=states[TrackingState.TRACKED],
                predicted=states[TrackingState.PREDICTED],
                ambiguous=states[TrackingState.AMBIGUOUS],
                lost=states[TrackingState.LOST],
                median_rms_px=_median(self._residuals[name]),
            )
            for name, states in self._states.items()
        }
        return ReplaySummary(
            name=self._feed.description.name,
            instants=len(self._processing),
            frames=self._frames,
            duration_s=self._feed.duration_ns / 1e9,
            bodies=MappingProxyType(bodies),
            processing_median_ms=float(np.median(self._processing)),
            processing_p95_ms=float(np.quantile(self._processing, 0.95)),
            errors=summarise_errors(self._errors),
        )


def head_relative_error(
    tracked: TrackedFrames, truth: Truth, point: NDArray[np.float64]
) -> PointError | None:
    """Error of `point` (3,), in the coil body's frame in mm, as seen from the head.

    None unless head and coil body are both tracked and both have a truth. The times of the poses
    must be the feed's.
    """
    head, coil = tracked.poses.get(HEAD), tracked.poses.get(COIL_BODY)
    if head is None or coil is None or HEAD not in truth or COIL_BODY not in truth:
        return None
    if not head.state is coil.state is TrackingState.TRACKED:
        return None
    if head.world_from_body is None or coil.world_from_body is None:
        return None
    return point_error(
        (head.world_from_body, coil.world_from_body),
        (truth[HEAD].at(head.time_ns), truth[COIL_BODY].at(coil.time_ns)),
        point,
    )


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None
