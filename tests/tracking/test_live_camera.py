"""A live camera: frames while it is there, words while it is not, and back by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.tracking import making_feeds
from tracking.calibration.result import DeviceSettings, IntrinsicsValue
from tracking.image_stream import Image, StreamFault
from tracking.live_camera import DAMAGED, Connection, LiveCamera, open_live_camera
from tracking.picture_watch import BLACK_PICTURE, BRIGHT_PICTURE, FROZEN_PICTURE, PictureWatch
from tracking.setups import SetupCamera, SetupError

LEFT = making_feeds.cameras()[0]


class Stream:
    """A connected camera that gives `images`, then fails."""

    def __init__(self, images, notes=(), fault="Pulled out."):
        self.images, self.notes, self.fault = list(images), notes, fault
        self.settings = DeviceSettings(device="here", width=640, height=480)
        self.closed = 0

    def read(self):
        if not self.images:
            raise StreamFault(self.fault)
        made = self.images.pop(0)
        return made() if callable(made) else made

    def close(self):
        self.closed += 1


def picture(level=100, size=(480, 640), **times):
    rng = np.random.default_rng(level)
    pixels = np.clip(rng.normal(level, 9, size), 0, 255).astype(np.uint8)
    return Image(pixels, host_ns=time.monotonic_ns(), **times)


def live(*streams, **settings):
    """Make a camera that finds the given streams, or faults, one after another."""
    waiting = list(streams)

    def open_stream():
        found = waiting.pop(0) if waiting else StreamFault("It is not there.", absent=True)
        if isinstance(found, StreamFault):
            raise found
        return found

    return LiveCamera(LEFT, open_stream, back_off_s=(0.0, 0.01), **settings)


@contextmanager
def reading(camera) -> Iterator[list]:
    """Read `camera` in a thread of its own, as the pipeline does."""
    frames = []

    def run():
        while (frame := camera.read()) is not None:
            frames.append(frame)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield frames
    finally:
        camera.close()
        thread.join()


def until(condition, patience_s=10.0):
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.002)


def test_frames_are_counted_stamped_and_go_on_after_the_camera_was_away():
    first = Stream([picture(100), picture(101)])
    away = StreamFault("It is not there.", absent=True)
    camera = live(first, away, away, Stream([picture(102)]))
    with reading(camera) as frames:
        until(lambda: len(frames) == 3)
        assert [frame.sequence for frame in frames] == [0, 1, 2]
        assert first.closed == 1
        assert frames[0].time_ns < frames[1].time_ns < frames[2].time_ns
        until(lambda: camera.state.connection is Connection.ABSENT)
        assert camera.state.reconnections == 1
        assert camera.state.sentence == "It is not there."
        assert camera.state.last_frame_ns == frames[2].time_ns
    assert camera.state.connection is Connection.CLOSED


def test_while_it_is_away_the_state_says_since_when():
    camera = live(Stream([picture()]))
    with reading(camera) as frames:
        until(lambda: frames and camera.state.connection is Connection.ABSENT)
        since = camera.state.since_ns
        assert frames[0].time_ns < since
        time.sleep(0.05)
        assert camera.state.since_ns == since, "a vain attempt is no new absence"


def test_closing_ends_a_read_that_waits_for_the_camera():
    camera = LiveCamera(LEFT, lambda: Stream([]), back_off_s=(60.0,))
    with reading(camera):
        until(lambda: camera.state.connection is Connection.RECONNECTING)
        camera.close()
        camera.close()


def test_a_mirrored_camera_is_turned_back():
    image = picture()
    camera = live(Stream([image]), mirrored=True)
    assert np.array_equal(camera.read().image, image.pixels[:, ::-1])
    camera.close()


def test_the_drivers_time_of_capture_is_the_frames():
    image = picture(captured_ns=time.monotonic_ns() - 30_000_000)
    camera = live(Stream([image, image]))
    assert camera.read().time_ns == image.captured_ns
    assert camera.read().time_ns == image.captured_ns + 1, "times must not stand still"
    camera.close()


def given_times(stamps_and_arrivals):
    pixels = picture().pixels
    images = [Image(pixels, host_ns=host, driver_ns=stamp) for stamp, host in stamps_and_arrivals]
    camera = live(Stream(images))
    times = [camera.read().time_ns for _ in images]
    camera.close()
    return times


def test_delays_on_the_way_do_not_move_the_time_of_capture():
    true = [10**9 + k * 33_000_000 for k in range(60)]
    delays = [5_000_000 + (40_000_000 if k % 3 == 1 else 0) for k in range(60)]
    times = given_times([(t - 10**8, t + d) for t, d in zip(true, delays, strict=True)])
    assert max(abs(got - t - 5_000_000) for got, t in zip(times, true, strict=True)) < 100_000


@pytest.mark.parametrize(
    "stamp", [lambda _k: 7, lambda k: k * 5_000_000, lambda k: 10**9 - k * 33_000_000]
)
def test_stamps_that_are_made_up_are_not_believed(stamp):
    arrivals = [10**9 + k * 33_000_000 for k in range(90)]
    times = given_times([(stamp(k), host) for k, host in enumerate(arrivals)])
    assert times[-20:] == arrivals[-20:]


def test_another_size_is_left_out_and_named_and_the_next_is_taken():
    camera = live(Stream([picture(size=(720, 1280)), None, picture(77)], notes=("Note.",)))
    frame = camera.read()
    assert int(frame.image.mean()) == pytest.approx(77, abs=1)
    assert camera.state.damaged == 2
    assert camera.state.warnings == (DAMAGED,)
    assert camera.state.notes == ("Note.",)
    camera.close()


def test_a_lasting_wrong_size_is_said_with_both_sizes():
    camera = live(Stream([picture(size=(720, 1280))]))
    said = []
    camera._change = lambda **changes: said.append(changes)
    thread = threading.Thread(target=camera.read)
    thread.start()
    until(lambda: len(said) > 1)
    camera.close()
    thread.join()
    assert "1280 x 720 pixels but it is calibrated for 640 x 480" in said[0]["warnings"][0]


def test_the_rate_is_that_of_the_arrivals():
    images = [Image(picture(k).pixels, host_ns=k * 20_000_000) for k in range(1, 12)]
    camera = live(Stream(images))
    for _ in images:
        camera.read()
    assert camera.state.frames_per_s == pytest.approx(50)
    camera.close()


def test_pictures_that_show_nothing_are_named():
    def words(pictures):
        watch = PictureWatch()
        return [watch.look(one, k * 300_000_000) for k, one in enumerate(pictures, start=1)][-1]

    rng = np.random.default_rng(0)
    lively = [rng.integers(60, 180, (480, 640), np.uint8) for _ in range(6)]
    assert words(lively) == ()
    assert words([np.full((480, 640), 3, np.uint8)] * 6) == (BLACK_PICTURE,)
    bright = lively[0].copy()
    bright[:200] = 255
    assert words([bright]) == (BRIGHT_PICTURE,)
    assert words(lively[:1] * 3) == ()
    assert words(lively[:1] * 6) == (FROZEN_PICTURE,)


def test_a_camera_of_a_setup_must_be_calibrated_and_opens_only_when_read():
    settings = DeviceSettings(device="046d:0825@nowhere", width=640, height=480)
    bare = SetupCamera(name="left", address="0", settings=settings)
    with pytest.raises(SetupError, match="not calibrated"):
        open_live_camera(bare)
    nothing = ((0.0, 0.0, 0.0),) * 3
    value = IntrinsicsValue(
        matrix=LEFT.matrix.tolist(),
        distortion=[0.0] * 5,
        matrix_sigma=nothing,
        distortion_sigma=[0.0] * 5,
        mirrored=True,
    )
    camera = open_live_camera(bare.model_copy(update={"intrinsics": value}))
    assert camera.state.connection is Connection.CONNECTING
    with reading(camera):
        until(lambda: camera.state.connection is Connection.ABSENT)
        assert "046d:0825@nowhere is not there" in camera.state.sentence
