"""Instants of live cameras that take turns: paired by nearness, the newest, no long waiting."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tracking import nearest_frames
from tracking.frames import Frame
from tracking.nearest_frames import NearestFrames

INTERVAL = 33_000_000
IMAGE = np.zeros((2, 2), np.uint8)


def run(phases, instants=12):
    """Let cameras take pictures by turns with `phases` (shares of the interval); what came."""
    names = [f"c{number}" for number in range(len(phases))]
    frames = sorted(
        (
            Frame(name, k, round((k + phase) * INTERVAL), IMAGE)
            for name, phase in zip(names, phases, strict=True)
            for k in range(instants)
        ),
        key=lambda frame: frame.time_ns,
    )
    nearest, taken = NearestFrames(names), []
    for frame in frames:
        nearest.put(frame)
        while group := nearest.take(0.0):
            taken.append(group)
    return taken


@pytest.mark.parametrize("phase", [0.0, 0.1, 0.45, 0.55, 0.9])
def test_two_cameras_are_paired_by_less_than_half_an_interval(phase):
    groups = run([0.0, phase])
    pairs = [group for group in groups if len(group) == 2]
    assert len(pairs) >= 10
    for one, other in pairs:
        assert abs(one.time_ns - other.time_ns) <= INTERVAL / 2 + 1
    assert len(groups) - len(pairs) <= 1


def test_three_cameras_that_take_turns_are_paired_two_by_two():
    groups = run([0.0, 1 / 3, 2 / 3])
    assert sum(len(group) >= 2 for group in groups) >= 10
    for group in groups:
        times = [frame.time_ns for frame in group]
        assert max(times) - min(times) <= INTERVAL / 2 + 1


def test_an_older_frame_gives_way_to_a_newer_one():
    nearest = NearestFrames(["left", "right"])
    for number in range(3):
        nearest.put(Frame("left", number, number * INTERVAL, IMAGE))
    nearest.put(Frame("right", 0, 2 * INTERVAL + 1, IMAGE))
    assert sorted((one.camera, one.sequence) for one in nearest.take(0.0)) == [
        ("left", 2),
        ("right", 0),
    ]
    assert nearest.take(0.0) == []


def test_a_camera_that_is_silent_or_has_ended_is_not_waited_for(monkeypatch):
    nearest = NearestFrames(["left", "right"])
    nearest.put(Frame("left", 0, 0, IMAGE))
    assert nearest.take(0.0) == []
    monkeypatch.setattr(nearest_frames, "SILENT_S", 0.0)
    assert len(nearest.take(1.0)) == 1
    monkeypatch.undo()
    nearest.end("right")
    nearest.put(Frame("left", 1, 1, IMAGE))
    assert len(nearest.take(0.0)) == 1
    assert not nearest.exhausted()
    nearest.end("left")
    assert nearest.exhausted()


def test_who_waits_is_let_go_when_it_closes():
    nearest, taken = NearestFrames(["left"]), []
    waiting = threading.Thread(target=lambda: taken.append(nearest.take(60.0)))
    waiting.start()
    nearest.close()
    waiting.join(20)
    assert taken == [[]]
    assert not nearest.put(Frame("left", 0, 0, IMAGE))
