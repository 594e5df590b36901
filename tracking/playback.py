"""A recorded feed that behaves like live cameras.

In: an open :class:`~tracking.feed.Feed`. Out: one :class:`FeedSource` per camera, released by one
common clock at real speed, at a multiple of it, or as fast as the frames are taken.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.cameras import Camera
from tracking.feed import Feed, FeedCamera
from tracking.frames import Frame, FrameSourceError
from tracking.video_file import VideoReader

PREFETCH = 3
"""Frames decoded ahead of their time, so that decoding does not count as latency."""

KEPT_RELEASES = 20_000
"""Released frames remembered for :meth:`Playback.feed_time_ns`: over five minutes."""

POLL_S = 0.1
"""How often a decoder that waits looks whether it was closed."""


class Playback:
    """The clock of a feed that plays, and its sources.

    The clock starts when the first frame is asked for. At speed X a frame of feed time t is
    released, and stamped, at ``start + (t - t0) / X``. Without a speed the frames of one instant
    are released as soon as one of them is asked for: stamped then, keeping the time between them.

    Parameters
    ----------
    feed
        The feed.
    speed
        Multiple of real speed; None for as fast as the frames are taken.
    loop
        Start again after the last frame.

    Raises
    ------
    ValueError
        If `speed` is not positive.
    """

    def __init__(self, feed: Feed, *, speed: float | None = 1.0, loop: bool = False) -> None:
        if speed is not None and not (math.isfinite(speed) and speed > 0):
            raise ValueError(f"The speed must be positive, not {speed:g}.")
        self.feed = feed
        self.speed = speed
        self.loop = loop
        self.period_ns = feed.duration_ns + feed.interval_ns
        self._condition = threading.Condition()
        self._origin_ns: int | None = None
        self._paused_ns: int | None = None
        self._closed = False
        self._releases: deque[tuple[int, int]] = deque(maxlen=KEPT_RELEASES)
        self._instants = _Instants(feed)
        self.sources = tuple(FeedSource(self, recording) for recording in feed.recordings)

    @property
    def lossless(self) -> bool:
        """Whether frames wait for their reader, so that none needs to be dropped."""
        return self.speed is None

    @property
    def paused(self) -> bool:
        """Whether the sources are silent for now."""
        with self._condition:
            return self._paused_ns is not None

    def pause(self) -> None:
        """Fall silent until :meth:`resume`; what was not yet released stays to come."""
        with self._condition:
            if self._paused_ns is None:
                self._paused_ns = time.monotonic_ns()
                self._condition.notify_all()

    def resume(self) -> None:
        """Go on where :meth:`pause` stopped."""
        with self._condition:
            if self._paused_ns is not None and self._origin_ns is not None:
                self._origin_ns += time.monotonic_ns() - self._paused_ns
            self._paused_ns = None
            self._condition.notify_all()

    def close(self) -> None:
        """End all sources. Safe to call twice."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        for source in self.sources:
            source.close()

    def feed_time_ns(self, monotonic_ns: int) -> int:
        """Time in the feed's clock at `monotonic_ns`, linear between released frames.

        Outside of the released frames it is the time of the nearest one.

        Raises
        ------
        ValueError
            If no frame was released yet.
        """
        with self._condition:
            releases = sorted(self._releases)
        if not releases:
            raise ValueError("The feed has not started: no frame was released yet.")
        index = bisect_left(releases, (monotonic_ns, -1))
        before = releases[max(index - 1, 0)]
        after = releases[min(index, len(releases) - 1)]
        unwrapped = after[1] if index == 0 else before[1]
        if index > 0 and after[0] > before[0]:
            share = min(1.0, (monotonic_ns - before[0]) / (after[0] - before[0]))
            unwrapped += round(share * (after[1] - before[1]))
        return self.feed.start_ns + (unwrapped - self.feed.start_ns) % self.period_ns

    def wait_release(self, source: FeedSource, unwrapped_ns: int) -> int | None:
        """Wait until a source's frame is due; its stamp, or None once closed.

        Parameters
        ----------
        source
            Who asks.
        unwrapped_ns
            Time of the frame in the feed's clock, counted on through repetitions.
        """
        with self._condition:
            while not (self._closed or source.closed):
                wait_s: float | None = None
                if self._paused_ns is None:
                    stamp = self._stamp_ns(unwrapped_ns)
                    wait_s = (stamp - time.monotonic_ns()) / 1e9
                    if wait_s <= 0:
                        self._releases.append((stamp, unwrapped_ns))
                        return stamp
                self._condition.wait(wait_s)
        return None

    def wake(self) -> None:
        """Let waiting sources look again whether they were closed."""
        with self._condition:
            self._condition.notify_all()

    def _stamp_ns(self, unwrapped_ns: int) -> int:
        if self.speed is None:
            return self._instants.stamp_ns(unwrapped_ns)
        if self._origin_ns is None:
            self._origin_ns = time.monotonic_ns()
        return self._origin_ns + round((unwrapped_ns - self.feed.start_ns) / self.speed)


class FeedSource:
    """One camera of a feed that plays: a :class:`~tracking.frames.FrameSource`."""

    def __init__(self, playback: Playback, recording: FeedCamera) -> None:
        self._playback = playback
        self._recording = recording
        self._closing = threading.Event()
        self._decoded: queue.Queue[_Decoded | FrameSourceError | None] = queue.Queue(PREFETCH)
        self._decoder = threading.Thread(
            target=self._decode, name=f"decode {recording.camera.name}", daemon=True
        )

    @property
    def camera(self) -> Camera:
        """The calibrated camera that the frames come from."""
        return self._recording.camera

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closing.is_set()

    def read(self) -> Frame | None:
        """Wait for the next frame; None at the end of the feed or once closed.

        Raises
        ------
        FrameSourceError
            If the video is damaged, naming file and frame.
        """
        if not self.closed and self._decoder.ident is None:
            self._decoder.start()
        while not self.closed:
            try:
                decoded = self._decoded.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if decoded is None:
                return None
            if isinstance(decoded, FrameSourceError):
                raise decoded
            stamp = self._playback.wait_release(self, decoded.unwrapped_ns)
            if stamp is None:
                return None
            return Frame(self.camera.name, decoded.sequence, stamp, decoded.image)
        return None

    def close(self) -> None:
        """End the source. Safe to call twice and from another thread."""
        self._closing.set()
        self._playback.wake()
        if self._decoder.ident is not None:
            self._decoder.join()

    def _decode(self) -> None:
        last: FrameSourceError | None = None
        try:
            reader = VideoReader(self._recording.video)
            try:
                self._decode_laps(reader)
            finally:
                reader.close()
        except FrameSourceError as error:
            last = error
        self._hand_over(last)

    def _decode_laps(self, reader: VideoReader) -> None:
        sequence, lap = 0, 0
        while lap == 0 or self._playback.loop:
            if lap > 0:
                reader.rewind()
            for time_ns in self._recording.times_ns.tolist():
                unwrapped = time_ns + lap * self._playback.period_ns
                if not self._hand_over(_Decoded(sequence, unwrapped, reader.read())):
                    return
                sequence += 1
            lap += 1

    def _hand_over(self, item: _Decoded | FrameSourceError | None) -> bool:
        while not self.closed:
            try:
                self._decoded.put(item, timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False


@dataclass(frozen=True, eq=False, slots=True)
class _Decoded:
    sequence: int
    unwrapped_ns: int
    image: NDArray[np.uint8]


class _Instants:
    """Stamps for frames released as fast as they are taken.

    Frames of several cameras less than half an interval apart belong to one instant. It is
    stamped as a whole when the first of its frames is asked for: the last of them with the time
    of asking, the others as much earlier as they were taken.
    """

    def __init__(self, feed: Feed) -> None:
        instants = feed.instants()
        self._starts = [instant.start_ns for instant in instants]
        self._ends = [instant.end_ns for instant in instants]
        self._spread_ns = max(instant.end_ns - instant.start_ns for instant in instants)
        self._start_ns = feed.start_ns
        self._period_ns = feed.duration_ns + feed.interval_ns
        self._recent: deque[tuple[int, int, int]] = deque(maxlen=16)

    def stamp_ns(self, unwrapped_ns: int) -> int:
        """Stamp of the frame at `unwrapped_ns`; it may lie a little ahead of now."""
        for first, last, shift in self._recent:
            if first <= unwrapped_ns <= last:
                return unwrapped_ns + shift
        lap = (unwrapped_ns - self._start_ns) // self._period_ns
        index = bisect_left(self._ends, unwrapped_ns - lap * self._period_ns)
        first = self._starts[index] + lap * self._period_ns
        last = self._ends[index] + lap * self._period_ns
        stamp_of_last = time.monotonic_ns()
        if self._recent:
            # Two instants stay further apart than the frames of one, so that they can be told
            # apart by time alone.
            before = self._recent[-1]
            apart = 2 * self._spread_ns + 1_000_000
            stamp_of_last = max(stamp_of_last, before[1] + before[2] + apart)
        self._recent.append((first, last, stamp_of_last - last))
        return unwrapped_ns + stamp_of_last - last
