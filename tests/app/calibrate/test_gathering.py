"""A calibration runs beside window and cameras: nothing waits for it, nothing of it gets lost."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from app.calibrate.gathering import Gathering, Stage
from app.calibrate.instants import LiveInstants, RecordedInstants
from tests.app.calibrate.fake_collector import FakeCollector, a_result, until
from tests.tracking.rendering import camera
from tracking.calibration.collector import CalibrationError
from tracking.frames import Frame, FrameSourceError


def frame(number, name="left"):
    return Frame(name, number, number * 1_000_000, np.zeros((8, 8), np.uint8))


@pytest.fixture
def collector():
    return FakeCollector(needed=3)


@pytest.fixture
def gathering(collector):
    made = Gathering(collector)
    yield made
    made.close()


def test_frames_of_a_recording_are_all_looked_at(gathering, collector):
    for number in range(20):
        assert gathering.offer([frame(number)], wait=True)
    assert [frames[0].sequence for frames in collector.seen] == list(range(20))
    assert gathering.snapshot.progress.ready
    assert gathering.snapshot.frames["left"].sequence == 19


def test_a_camera_is_not_kept_waiting_and_the_newest_frame_wins(gathering, collector):
    collector.gate.clear()
    gathering.offer([frame(0)])
    until(lambda: collector.looking.is_set())
    for number in range(1, 50):
        gathering.offer([frame(number)])
    collector.gate.set()
    until(lambda: collector.seen and collector.seen[-1][0].sequence == 49)
    assert [frames[0].sequence for frames in collector.seen] == [0, 49]


def test_results_come_and_gathering_ends(gathering):
    gathering.offer([frame(0)], wait=True)
    for number in range(3):
        gathering.offer([frame(number)], wait=True)
    gathering.solve()
    until(lambda: gathering.snapshot.stage is Stage.SOLVED)
    assert gathering.snapshot.results == (a_result(),)
    assert not gathering.offer([frame(9)])


def test_gathering_goes_on_when_it_is_too_early_to_solve(gathering):
    gathering.offer([frame(0)], wait=True)
    gathering.solve()
    until(lambda: gathering.snapshot.sentence)
    assert "Too few" in gathering.snapshot.sentence
    assert gathering.snapshot.stage is Stage.GATHERING
    assert gathering.offer([frame(1)], wait=True)


def test_more_can_be_gathered_after_a_result(gathering, collector):
    for number in range(3):
        gathering.offer([frame(number)], wait=True)
    gathering.solve()
    until(lambda: gathering.snapshot.stage is Stage.SOLVED)
    gathering.resume()
    assert gathering.offer([frame(3)], wait=True)
    assert gathering.snapshot.results == ()
    assert len(collector.seen) == 4


def test_who_waits_is_let_go_when_it_closes(gathering, collector):
    collector.gate.clear()
    gathering.offer([frame(0)])
    until(lambda: collector.looking.is_set())
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(gathering.offer([frame(1)], wait=True)), daemon=True
    )
    waiting.start()
    closing = threading.Thread(target=gathering.close, daemon=True)
    closing.start()
    collector.gate.set()
    waiting.join(10)
    closing.join(10)
    assert answers in ([False], [True])
    assert not gathering.offer([frame(2)])


def test_a_recording_is_given_whole_and_says_that_it_has_ended(gathering, collector):
    instants = RecordedInstants([frame(number)] for number in range(7))
    instants.start(gathering)
    until(lambda: instants.ended)
    assert len(collector.seen) == 7
    assert instants.trouble == ""
    instants.close()


def test_a_damaged_recording_is_named(gathering):
    def frames():
        yield [frame(0)]
        raise FrameSourceError("left.mp4 ends in the middle of frame 1. Record it anew.")

    instants = RecordedInstants(frames())
    instants.start(gathering)
    until(lambda: instants.ended)
    assert "left.mp4" in instants.trouble
    instants.close()


def test_a_picture_of_another_size_is_told_until_a_good_one_comes(gathering, collector):
    gathering.offer([frame(0)], wait=True)
    progress = gathering.snapshot.progress
    collector.fault = CalibrationError("Camera 'left' gives pictures of 8 x 8 pixels, not 9 x 9.")
    gathering.offer([frame(1)], wait=True)
    assert gathering.snapshot.fault == "Camera 'left' gives pictures of 8 x 8 pixels, not 9 x 9."
    assert gathering.snapshot.frames["left"].sequence == 1
    assert gathering.snapshot.progress is progress
    collector.fault = None
    gathering.offer([frame(2)], wait=True)
    assert gathering.snapshot.fault == ""


@pytest.mark.parametrize("where", ["add", "solve"])
def test_what_nobody_expected_is_told_and_lets_everybody_go(gathering, collector, capfd, where):
    collector.fault = ZeroDivisionError("division by zero")
    if where == "solve":
        gathering.solve()
    else:
        assert not gathering.offer([frame(0)], wait=True)
    until(lambda: gathering.snapshot.stage is Stage.FAILED)
    assert "has failed: ZeroDivisionError, division by zero" in gathering.snapshot.fault
    assert not gathering.offer([frame(1)], wait=True)
    until(lambda: "ZeroDivisionError" in capfd.readouterr().err)


def test_a_recording_pauses_while_a_result_is_looked_at(gathering, collector):
    released = threading.Event()

    def frames():
        for number in range(6):
            yield [frame(number)]
            if number == 3:
                released.wait(20)

    instants = RecordedInstants(frames())
    instants.start(gathering)
    until(lambda: len(collector.seen) == 4)
    gathering.solve()
    released.set()
    until(lambda: gathering.snapshot.stage is Stage.SOLVED)
    assert not instants.ended
    gathering.resume()
    until(lambda: instants.ended)
    assert [frames[0].sequence for frames in collector.seen] == list(range(6))
    instants.close()


class Source:
    """A camera that gives `count` frames and then waits to be closed."""

    def __init__(self, name, count, *, fault=""):
        self.camera = camera(name)
        self._count, self._fault, self._number = count, fault, 0
        self._closed = threading.Event()

    def read(self):
        if self._number == self._count:
            if self._fault:
                raise FrameSourceError(self._fault)
            self._closed.wait()
            return None
        self._number += 1
        return frame(self._number, self.camera.name)

    def close(self):
        self._closed.set()


def test_live_cameras_are_put_together_and_closed(gathering, collector):
    instants = LiveInstants([Source("left", 5), Source("right", 5)])
    instants.start(gathering)
    until(lambda: {"left", "right"} <= set(gathering.snapshot.frames))
    assert not instants.ended
    instants.close()
    assert instants.ended
    assert any(len(frames) == 2 for frames in collector.seen)


def test_a_camera_that_fails_is_named_and_the_others_go_on(gathering):
    instants = LiveInstants(
        [Source("left", 3), Source("right", 0, fault="Camera 'right' is gone. Plug it in.")]
    )
    instants.start(gathering)
    until(lambda: "left" in gathering.snapshot.frames and instants.trouble)
    assert instants.trouble == "Camera 'right' is gone. Plug it in."
    instants.close()
