"""A feed plays at its speed, stamped like a camera, paused, looped and cut off."""

import threading
import time

import numpy as np
import pytest

from tests.tracking.making_feeds import INTERVAL_NS, SKEW_NS
from tracking.feed import open_feed
from tracking.frames import FrameSourceError
from tracking.playback import Playback

MS = 1_000_000


@pytest.fixture
def play(whole_feed, no_thread_left):
    playbacks = []

    def start(**settings):
        playbacks.append(Playback(open_feed(whole_feed), **settings))
        return playbacks[-1]

    yield start
    for playback in playbacks:
        playback.close()


def _in_turn(playback, rounds):
    return [[source.read() for source in playback.sources] for _ in range(rounds)]


def test_real_speed_keeps_the_recorded_intervals_and_never_comes_early(play):
    playback = play(speed=2.0)
    stamps, late = [], []
    for frames in _in_turn(playback, 6):
        late.append(time.monotonic_ns() - frames[-1].time_ns)
        stamps.append([frame.time_ns for frame in frames])
    assert min(late) >= 0
    assert np.diff(stamps, axis=0).tolist() == [[INTERVAL_NS // 2] * 2] * 5
    assert np.diff(stamps, axis=1).ravel().tolist() == [SKEW_NS // 2] * 6
    assert [source.read() for source in playback.sources] == [None, None]


def test_frames_are_decoded_in_order_and_grey(play, whole_feed):
    frames = [frames[0] for frames in _in_turn(play(speed=None), 6)]
    assert [frame.sequence for frame in frames] == list(range(6))
    assert frames[0].camera == "left"
    assert frames[0].image.shape == (480, 640)
    assert frames[0].image.dtype == np.uint8


def test_as_fast_as_taken_keeps_the_offsets_of_an_instant_and_keeps_instants_apart(play):
    playback = play(speed=None)
    assert playback.lossless
    stamps = np.array([[f.time_ns for f in frames] for frames in _in_turn(playback, 6)])
    assert (np.diff(stamps, axis=1) == SKEW_NS).all()
    assert (np.diff(stamps, axis=0) > 2 * SKEW_NS).all()


def test_time_runs_back_to_the_feeds_own_clock(play):
    playback = play(speed=4.0)
    with pytest.raises(ValueError, match="has not started"):
        playback.feed_time_ns(time.monotonic_ns())
    frames = _in_turn(playback, 6)
    times = playback.feed.recordings[0].times_ns
    for taken, expected in zip(frames, times, strict=True):
        assert playback.feed_time_ns(taken[0].time_ns) == expected
        assert playback.feed_time_ns(taken[1].time_ns) == expected + SKEW_NS
    middle = (frames[2][1].time_ns + frames[3][0].time_ns) // 2
    exact = (times[2] + SKEW_NS + times[3]) / 2
    assert playback.feed_time_ns(middle) == pytest.approx(exact, abs=10)
    assert playback.feed_time_ns(0) == playback.feed.start_ns
    assert playback.feed_time_ns(2**62) == playback.feed.end_ns


def test_a_loop_goes_on_with_new_times_and_old_feed_times(play):
    playback = play(speed=8.0, loop=True)
    frames = _in_turn(playback, 13)
    assert [taken[0].sequence for taken in frames] == list(range(13))
    stamps = [taken[0].time_ns for taken in frames]
    assert min(np.diff(stamps)) > 0
    assert playback.feed_time_ns(stamps[6]) == playback.feed.start_ns
    assert playback.feed_time_ns(stamps[12]) == playback.feed.start_ns
    assert np.array_equal(frames[0][0].image, frames[6][0].image)


def test_a_pause_is_silence_and_shifts_what_follows(play):
    playback = play(speed=1.0)
    first = playback.sources[0].read()
    playback.pause()
    assert playback.paused
    got = []
    reader = threading.Thread(target=lambda: got.append(playback.sources[0].read()))
    reader.start()
    reader.join(0.15)
    assert reader.is_alive()
    playback.resume()
    reader.join(10)
    assert not playback.paused
    assert got[0].time_ns - first.time_ns > 120 * MS
    assert playback.feed_time_ns(got[0].time_ns) == playback.feed.start_ns + INTERVAL_NS


def test_closing_ends_a_waiting_reader(play):
    playback = play(speed=0.01)
    playback.sources[0].read()
    got = []
    reader = threading.Thread(target=lambda: got.append(playback.sources[0].read()))
    reader.start()
    playback.close()
    playback.close()
    reader.join(10)
    assert got == [None]
    assert playback.sources[0].read() is None


def test_damage_in_the_middle_names_file_and_frame(feed_copy, no_thread_left):
    feed = open_feed(feed_copy)
    video = feed_copy / "left.mp4"
    content = bytearray(video.read_bytes())
    half = len(content) * 2 // 5
    content[half:] = b"\x00" * (len(content) - half)
    video.write_bytes(bytes(content))
    playback = Playback(feed, speed=None)
    with pytest.raises(FrameSourceError, match=r"left\.mp4: frame \d cannot be decoded"):
        _in_turn(playback, 7)
    playback.close()


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_must_be_positive(whole_feed, speed):
    with pytest.raises(ValueError, match="must be positive"):
        Playback(open_feed(whole_feed), speed=speed)
