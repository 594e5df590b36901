"""What tracking costs: processor time for each camera frame, and frames lost at 60 frames/s."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from tests.benchmarks.report import Figure, at_most
from tests.rendered import scenes
from tests.rendered.renderer import Renderer
from tests.rendered.scenes import COIL, HEAD
from tracking.bodies import bent_plate
from tracking.cameras import Camera
from tracking.frames import Frame
from tracking.pipeline import TrackingPipeline
from tracking.poses import TrackingState
from tracking.tracker import Tracker

POINTER = bent_plate("pointer", 12)
BODIES = (HEAD, COIL, POINTER)
PLACES = {
    "head": ([330.0, 60.0, 900.0], [0.2, 0.25, 0.1]),
    "coil_body": ([170.0, -60.0, 850.0], [-0.2, 0.1, 0.3]),
    "pointer": ([20.0, 80.0, 880.0], [0.1, 0.3, -0.2]),
}
PICTURES = 24
"""Pictures of each camera; they are shown forwards and backwards, so that nothing jumps."""

SETTLED = 20
LIVE_RATE, LIVE_SECONDS = 60, 20


def measure() -> list[Figure]:
    """Count processor time in the tracker's own thread, then run two cameras at full rate."""
    small = _pair(920.0, (1280, 720))
    large = _pair(1380.0, (1920, 1080))
    small_pictures = _pictures(small)
    return [
        *_cost("720p", small, small_pictures, 5.0),
        *_cost("1080p", large, _pictures(large), 8.0),
        *_live(small, small_pictures),
    ]


def _pair(focal: float, size: tuple[int, int]) -> list[Camera]:
    angle = float(np.rad2deg(np.arctan2(400.0, 900.0)))
    return [
        scenes.camera("left", focal=focal, size=size),
        scenes.camera("right", x=400.0, toe_in_deg=-angle, focal=focal, size=size),
    ]


def _pictures(cameras: Sequence[Camera]) -> dict[str, list[NDArray[np.uint8]]]:
    """Three bodies, of which coil and pointer move at up to 60 mm/s seen at 30 frames/s."""
    pictures: dict[str, list[NDArray[np.uint8]]] = {}
    for camera in cameras:
        renderer = Renderer(camera, BODIES)
        pictures[camera.name] = [
            renderer.picture(_poses(step), seed=step) for step in range(PICTURES)
        ]
    return pictures


def _poses(step: int) -> dict[str, RigidTransform]:
    sway = 24.0 * np.sin(0.08 * step)
    moving = {"head": 0.0, "coil_body": sway, "pointer": -sway}
    return {
        name: RigidTransform.from_components(
            np.array(place) + np.array([moving[name], 0.4 * moving[name], 0.0]),
            Rotation.from_rotvec(turn),
        )
        for name, (place, turn) in PLACES.items()
    }


def _shown(step: int) -> int:
    """Index of the picture shown at `step`: to and fro."""
    return PICTURES - 1 - abs(step % (2 * PICTURES - 2) - (PICTURES - 1))


def _cost(
    name: str, cameras: Sequence[Camera], pictures: dict[str, list[NDArray[np.uint8]]], goal: float
) -> list[Figure]:
    tracker = Tracker(cameras, BODIES)
    costs, tracked = [], 0
    for step in range(SETTLED + 150):
        time_ns = 10**9 + step * 33_333_333
        frames = [
            Frame(camera.name, step, time_ns, pictures[camera.name][_shown(step)])
            for camera in cameras
        ]
        began = time.thread_time()
        result = tracker.process(frames)
        costs.append((time.thread_time() - began) / len(frames) * 1e3)
        tracked += all(pose.state is TrackingState.TRACKED for pose in result.poses.values())
    steady = np.array(costs[SETTLED:])
    where = f"processor time of the tracker's thread, two cameras, 3 bodies of 6 tags, {tracked} of"
    where += f" {len(costs)} instants with all tracked, no dense refinement"
    return [
        at_most(
            f"cost of a camera frame at {name}, median", float(np.median(steady)), goal, "ms", where
        ),
        Figure(f"the same at {name}, least", float(steady.min()), "ms"),
        Figure(f"the same at {name}, p95", float(np.quantile(steady, 0.95)), "ms"),
    ]


class _FilmedCamera:
    """A camera that gives pictures from memory at its own pace, whether or not anybody is ready."""

    def __init__(
        self, camera: Camera, pictures: Sequence[NDArray[np.uint8]], start: float, count: int
    ) -> None:
        self.camera = camera
        self._pictures, self._start, self._count = pictures, start, count
        self._sequence = 0
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        due = self._start + self._sequence / LIVE_RATE
        if self._sequence >= self._count or self._closed.wait(max(0.0, due - time.monotonic())):
            return None
        # Twice the rate of the pictures: each is shown twice.
        image = self._pictures[_shown(self._sequence // 2)]
        frame = Frame(self.camera.name, self._sequence, round(due * 1e9), image)
        self._sequence += 1
        return frame

    def close(self) -> None:
        self._closed.set()


def _live(cameras: Sequence[Camera], pictures: dict[str, list[NDArray[np.uint8]]]) -> list[Figure]:
    start, count = time.monotonic() + 0.5, LIVE_RATE * LIVE_SECONDS
    sources = [_FilmedCamera(one, pictures[one.name], start, count) for one in cameras]
    delays: list[float] = []

    def note(result) -> None:  # type: ignore[no-untyped-def]
        if result.frames:
            delays.append((time.monotonic_ns() - result.time_ns) / 1e6)

    def fail(error: Exception) -> None:
        raise error

    pipeline = TrackingPipeline(sources, Tracker(cameras, BODIES), note, on_error=fail)
    began = time.process_time()
    pipeline.start()
    finished = pipeline.wait_finished(LIVE_SECONDS + 30)
    used = (time.process_time() - began) / LIVE_SECONDS
    pipeline.stop()
    counters = pipeline.counters
    assert finished, "the cameras did not come to their end"
    where = f"of {counters.captured}, two 720p cameras at {LIVE_RATE} frames/s for {LIVE_SECONDS} s"
    return [
        at_most("frames dropped at full rate", counters.dropped, 0, "", where),
        Figure("processors busy meanwhile", used, "", conditions="all threads of the process"),
        Figure("capture to pose, p95", float(np.quantile(delays, 0.95)), "ms", conditions=where),
    ]
