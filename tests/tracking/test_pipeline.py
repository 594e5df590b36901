"""Threads between cameras and poses: grouping, drops, silence, failure, clean end."""

import threading
import time

import numpy as np
import pytest

from tests.tracking import making_feeds
from tracking.feed import open_feed
from tracking.frame_groups import BACKLOG, STALE_S, FrameGroups
from tracking.frames import Frame, FrameSourceError
from tracking.pipeline import TrackingPipeline
from tracking.playback import Playback
from tracking.poses import TrackingState
from tracking.tracker import Tracker

MS = 1_000_000
BLACK = np.zeros((480, 640), np.uint8)


class ScriptedSource:
    """A camera that gives what it is handed."""

    def __init__(self, camera):
        self.camera = camera
        self._condition = threading.Condition()
        self._items = []
        self._closed = False

    def hand(self, *items):
        with self._condition:
            self._items += items
            self._condition.notify_all()

    def read(self):
        with self._condition:
            self._condition.wait_for(lambda: self._items or self._closed)
            if self._closed:
                return None
            item = self._items.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        with self._condition:
            self._closed = True
            self._condition.notify_all()


class Listener:
    def __init__(self):
        self._condition = threading.Condition()
        self.results, self.errors = [], []

    def tracked(self, result):
        with self._condition:
            self.results.append(result)
            self._condition.notify_all()

    def failed(self, error):
        with self._condition:
            self.errors.append(error)
            self._condition.notify_all()

    def wait_for(self, condition):
        with self._condition:
            assert self._condition.wait_for(lambda: condition(self), 20)


@pytest.fixture
def run(no_thread_left):
    pipelines = []

    def start(sources, tracker=None, lossless=False):
        listener = Listener()
        tracker = tracker or Tracker(
            [source.camera for source in sources], [making_feeds.HEAD, making_feeds.COIL]
        )
        pipeline = TrackingPipeline(
            sources, tracker, listener.tracked, on_error=listener.failed, lossless=lossless
        )
        pipelines.append(pipeline)
        pipeline.start()
        return pipeline, listener

    yield start
    for pipeline in pipelines:
        pipeline.stop()
        pipeline.stop()


def _frame(name, time_ns, sequence=0):
    return Frame(name, sequence, time_ns, BLACK)


def test_as_fast_as_possible_nothing_is_dropped_and_pairs_stay_together(run, whole_feed):
    playback = Playback(open_feed(whole_feed), speed=None)
    pipeline, listener = run(playback.sources, lossless=True)
    assert pipeline.wait_finished(30)
    counters = pipeline.counters
    assert (counters.captured, counters.processed, counters.dropped) == (12, 12, 0)
    seen = [result for result in listener.results if result.frames]
    assert [len(result.frames) for result in seen] == [2] * 6
    last = seen[-1].poses["coil_body"]
    assert last.state is TrackingState.TRACKED
    pose = pipeline.histories["coil_body"].at(seen[3].poses["coil_body"].time_ns)
    seconds = (playback.feed_time_ns(pose.time_ns) - playback.feed.start_ns) / 1e9
    truth = making_feeds.coil_at(seconds)
    assert np.linalg.norm(pose.world_from_body.translation - truth.translation) < 0.6


def test_live_whole_images_are_searched_beside_and_nothing_is_left_when_it_ends(run, whole_feed):
    playback = Playback(open_feed(whole_feed), speed=1.0)
    pipeline, listener = run(playback.sources)
    assert "whole-image search" in {thread.name for thread in threading.enumerate()}
    listener.wait_for(
        lambda seen: any(
            _is([one], "head", TrackingState.TRACKED)[0]
            and _is([one], "coil_body", TrackingState.TRACKED)[0]
            for one in seen.results
        )
    )
    pipeline.stop()
    assert "whole-image search" not in {thread.name for thread in threading.enumerate()}


def test_silence_turns_poses_into_predicted_and_lost(run, whole_feed):
    playback = Playback(open_feed(whole_feed), speed=2.0)
    _, listener = run(playback.sources)
    listener.wait_for(lambda seen: any(_is(seen.results, "head", TrackingState.TRACKED)))
    playback.pause()
    listener.wait_for(lambda seen: _is(seen.results[-1:], "head", TrackingState.LOST)[-1])
    lost = listener.results[-1]
    assert not lost.frames
    newest = max(time for result in listener.results for time in _capture_times(result))
    first_lost = next(
        r
        for r in listener.results
        if r.time_ns > newest and _is([r], "head", TrackingState.LOST)[0]
    )
    assert first_lost.time_ns - newest > 150 * MS


def _is(results, body, state):
    return [result.poses[body].state is state for result in results]


def _capture_times(result):
    return [frame.time_ns for frame in result.frames.values()]


def test_a_camera_that_fails_is_reported_and_the_other_goes_on(run):
    left, right = (ScriptedSource(camera) for camera in making_feeds.cameras())
    pipeline, listener = run([left, right])
    right.hand(FrameSourceError("Camera 'right' gives no more images. Check its cable."))
    listener.wait_for(lambda seen: seen.errors)
    left.hand(_frame("left", 5 * MS))
    listener.wait_for(lambda seen: any("left" in result.frames for result in seen.results))
    assert "right" in str(listener.errors[0])
    assert pipeline.counters.processed == 1
    assert not pipeline.finished


def test_a_late_camera_delays_the_other_only_briefly(run):
    left, right = (ScriptedSource(camera) for camera in making_feeds.cameras())
    _, listener = run([left, right])
    began = time.monotonic()
    left.hand(_frame("left", 5 * MS))
    listener.wait_for(lambda seen: any("left" in result.frames for result in seen.results))
    assert time.monotonic() - began < 5
    right.hand(_frame("right", 6 * MS))
    listener.wait_for(lambda seen: any("right" in result.frames for result in seen.results))


def test_a_short_backlog_is_worked_off_in_order():
    groups = FrameGroups(["left", "right"], lossless=False)
    for instant in (0, 33):
        groups.put(_frame("left", instant * MS))
        groups.put(_frame("right", (instant + 1) * MS))
    assert sorted(frame.time_ns for frame in groups.take(1)) == [0, 1 * MS]
    assert sorted(frame.time_ns for frame in groups.take(1)) == [33 * MS, 34 * MS]
    assert groups.counts() == (4, 0)


def test_a_frame_that_has_waited_long_is_passed_over_for_a_newer_one(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tracking.frame_groups.time.monotonic", lambda: now[0])
    groups = FrameGroups(["left"], lossless=False)
    groups.put(_frame("left", 0))
    now[0] += 2 * STALE_S
    groups.put(_frame("left", 33 * MS))
    assert [frame.time_ns for frame in groups.take(0)] == [33 * MS]
    assert groups.counts() == (2, 1)
    groups.put(_frame("left", 66 * MS))
    now[0] += 2 * STALE_S
    assert [frame.time_ns for frame in groups.take(0)] == [66 * MS], "the only one is kept"


def test_beyond_the_backlog_the_oldest_frame_goes_and_is_counted():
    groups = FrameGroups(["left"], lossless=False)
    for step in range(5):
        groups.put(_frame("left", step * 33 * MS))
    taken = [groups.take(1)[0].time_ns for _ in range(BACKLOG)]
    assert taken == [step * 33 * MS for step in range(5 - BACKLOG, 5)]
    assert groups.counts() == (5, 5 - BACKLOG)


def test_frames_of_different_instants_are_not_joined():
    groups = FrameGroups(["left", "right"], lossless=False)
    groups.put(_frame("left", 0))
    groups.put(_frame("right", 33 * MS))
    assert [frame.camera for frame in groups.take(1)] == ["left"]
    assert [frame.camera for frame in groups.take(1)] == ["right"]
    assert groups.take(0.0) == []


def test_cameras_that_take_turns_do_not_wait_for_each_other(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tracking.frame_groups.time.monotonic", lambda: now[0])
    groups = FrameGroups(["left", "right"], lossless=False)
    for step in range(10):
        for name, late in (("left", 0), ("right", 15)):
            now[0] += 0.0165
            groups.put(_frame(name, (33 * step + late) * MS))
            taken = groups.take(0.0)
            if step >= 5:
                assert [frame.camera for frame in taken] == [name], "at once"
            now[0] += 0.016 if not taken else 0.0
            while groups.take(0.0):
                pass


def test_a_companion_that_is_due_is_waited_for(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tracking.frame_groups.time.monotonic", lambda: now[0])
    groups = FrameGroups(["left", "right"], lossless=False)
    for step in range(8):
        groups.put(_frame("left", 33 * step * MS))
        assert groups.take(0.0) == []
        now[0] += 0.005
        groups.put(_frame("right", (33 * step + 1) * MS))
        assert len(groups.take(0.0)) == 2
        now[0] += 0.028


def test_without_loss_a_writer_waits_until_the_taker_is_back_for_more(no_thread_left):
    groups = FrameGroups(["left"], lossless=True)
    returned = threading.Semaphore(0)

    def write():
        for step in range(2):
            groups.put(_frame("left", step * 33 * MS))
            returned.release()

    writer = threading.Thread(target=write)
    writer.start()
    assert not returned.acquire(timeout=0.05), "the frame was not taken yet"
    assert [frame.time_ns for frame in groups.take(10)] == [0]
    assert not returned.acquire(timeout=0.05), "the taker is still at work on it"
    assert [frame.time_ns for frame in groups.take(10)] == [33 * MS]
    assert returned.acquire(timeout=10)
    assert groups.take(0.0) == []
    assert returned.acquire(timeout=10)
    writer.join(10)
    assert groups.counts() == (2, 0)
    groups.end("left")
    assert groups.exhausted()
    groups.close()
    assert not groups.put(_frame("left", 66 * MS))
