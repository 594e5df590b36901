"""Live cameras over loopback at full rate: served, received, tracked, with and without recording.

Two network cameras, served by a process of their own, send the practice feed's pictures at 720p.
The times that the tracker takes hang on the machine; what recording costs it is the difference.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import cv2

from app.practice.equipment import practice_feed_folder
from tests.benchmarks.report import Figure, at_most
from tests.tracking.mjpeg_server import MjpegServer
from tracking.feed import Feed, open_feed
from tracking.feed_recorder import FeedRecorder, feed_of
from tracking.frame_tap import TappedSource
from tracking.live_camera import LiveCamera
from tracking.network_camera import MjpegStream
from tracking.pipeline import TrackingPipeline
from tracking.poses import TrackingState
from tracking.tracker import Tracker
from tracking.video_file import VideoReader

SECONDS = 10.0
PICTURES = 60
FIRST = 600
"""From here on both bodies are in the pictures and move."""


@dataclass(frozen=True)
class Run:
    """What became of the pictures."""

    served: int
    received: int
    processed: int
    tracked: int
    left_out: int
    cpu_s: float
    seconds: float


def measure() -> list[Figure]:
    """Run 2 x 30 and 2 x 60 frames/s, without and with a recording."""
    feed = open_feed(practice_feed_folder())
    jpegs = {recording.camera.name: _jpegs(recording.video) for recording in feed.recordings}
    figures: list[Figure] = []
    for rate in (30.0, 60.0):
        plain = _run(feed, jpegs, rate, recording=False)
        recorded = _run(feed, jpegs, rate, recording=True)
        name = f"2 x {rate:.0f} frames/s 720p"
        figures += [
            _share(f"{name}: served but not received", plain.served, plain.received),
            _share(f"{name}: received but not tracked", plain.received, plain.processed),
            _share(
                f"{name}: received but not tracked while recording",
                recorded.received,
                recorded.processed,
            ),
            at_most(
                f"{name}: tracked frames lost by recording",
                max(0, _lost(recorded) - _lost(plain)),
                0,
                "",
                f"of {recorded.received}; {_lost(plain)} lost without recording; "
                f"{recorded.left_out} left out of the recording",
            ),
            Figure(
                f"{name}: processor time of recording",
                1e3 * (recorded.cpu_s / recorded.received - plain.cpu_s / plain.received),
                "ms/frame",
                conditions=f"of {1e3 * recorded.cpu_s / recorded.received:.1f} in all: receiving, "
                "decoding, tracking two bodies, recording",
            ),
        ]
    return figures


def _share(name: str, before: int, after: int) -> Figure:
    return at_most(name, before - after, 0, "", f"of {before}, {SECONDS:.0f} s")


def _lost(run: Run) -> int:
    return run.received - run.processed


def _jpegs(video: Path) -> list[bytes]:
    reader = VideoReader(video)
    for _ in range(FIRST):
        reader.read()
    pictures = [reader.read() for _ in range(PICTURES)]
    reader.close()
    # There and back again, so that nothing jumps.
    return [
        cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        for one in (*pictures, *reversed(pictures))
    ]


def _serve(jpegs: list[bytes], rate: float, most: int, pipe: Connection) -> None:
    """In a process of its own: the camera shares no interpreter with the tracker."""
    with MjpegServer(jpegs, rate, most=most) as server:
        pipe.send(server.address)
        pipe.recv()
        pipe.send(server.served)


def _run(feed: Feed, jpegs: dict[str, list[bytes]], rate: float, *, recording: bool) -> Run:
    context = multiprocessing.get_context("spawn")
    most = int(rate * SECONDS)
    pipes, processes = [], []
    for camera in feed.cameras:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(jpegs[camera.name], rate, most, theirs))
        process.start()
        pipes.append(ours)
        processes.append(process)
    addresses = [pipe.recv() for pipe in pipes]
    with tempfile.TemporaryDirectory() as folder:
        run = _follow(feed, addresses, most, Path(folder) / "a.feed" if recording else None)
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(None)
        run.served.append(pipe.recv())
        process.join()
    return Run(sum(run.served), *run.rest)


@dataclass(frozen=True)
class _Followed:
    served: list[int]
    rest: tuple[int, int, int, int, float, float]


def _follow(feed: Feed, addresses: list[str], most: int, folder: Path | None) -> _Followed:
    cameras = [
        LiveCamera(camera, lambda address=address: MjpegStream(address))
        for camera, address in zip(feed.cameras, addresses, strict=True)
    ]
    sources = [TappedSource(camera) for camera in cameras]
    tracked = [0]

    def count(frames) -> None:
        if frames.poses["head"].state is TrackingState.TRACKED:
            tracked[0] += len(frames.frames)

    pipeline = TrackingPipeline(sources, Tracker(feed.cameras, feed.bodies), count, on_error=print)
    recorder = None
    if folder is not None:
        recorder = FeedRecorder(folder, feed_of("bench", feed.cameras))
        for source in sources:
            source.tap = recorder.put
    began, cpu = time.monotonic(), time.process_time()
    pipeline.start()
    while time.monotonic() - began < 3 * SECONDS:
        if all(camera.state.frames >= most for camera in cameras):
            break
        time.sleep(0.05)
    time.sleep(0.3)
    counters = pipeline.counters
    pipeline.stop()
    left_out = 0 if recorder is None else recorder.close().dropped
    spent = time.process_time() - cpu
    rest = (counters.captured, counters.processed, tracked[0], left_out, spent)
    return _Followed([], (*rest, time.monotonic() - began))
