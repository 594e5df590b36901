"""A rig on pictures that stand still: the coil rests where the practice feed had it at a time.

The pictures go through the whole real pipeline, thirty times a second with fresh capture times,
until a test changes the scene or cuts the cameras off.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import av
import numpy as np

from app.practice.equipment import practice_feed_folder
from app.rig import Equipment, Rig
from app.session.store import SessionWriter
from app.subject.head import load_head
from render.coil_model import read_coil_model
from tracking.feed import open_feed
from tracking.frames import Frame

ON_TARGET_S = 22.0
OFF_TARGET_S = 34.0
HIDDEN_S = 40.0

PERIOD_NS = 33_333_333


class StillScene:
    """What all cameras of a test look at."""

    def __init__(self, pictures: dict[str, dict[float, np.ndarray]]) -> None:
        self._pictures = pictures
        self.at = ON_TARGET_S
        self.cut = False

    def picture(self, camera: str) -> np.ndarray:
        return self._pictures[camera][self.at]


class StillSource:
    """A :class:`tracking.frames.FrameSource` that looks at a scene."""

    def __init__(self, camera, scene: StillScene) -> None:
        self.camera = camera
        self._scene = scene
        self._closed = threading.Event()
        self._sequence = 0

    def read(self) -> Frame | None:
        while not self._closed.is_set():
            # Both cameras look at the same moments.
            due = (time.monotonic_ns() // PERIOD_NS + 1) * PERIOD_NS
            self._closed.wait((due - time.monotonic_ns()) / 1e9)
            if self._scene.cut:
                continue
            self._sequence += 1
            return Frame(
                self.camera.name, self._sequence, due, self._scene.picture(self.camera.name)
            )
        return None

    def close(self) -> None:
        self._closed.set()


def read_pictures(times_s=(ON_TARGET_S, OFF_TARGET_S, HIDDEN_S)) -> dict:
    """Decode the pictures of the practice feed at `times_s`, for every camera."""
    feed = open_feed(practice_feed_folder())
    pictures: dict[str, dict[float, np.ndarray]] = {}
    for recording in feed.recordings:
        seconds = (recording.times_ns - recording.times_ns[0]) / 1e9
        numbers = {t: int(np.argmin(np.abs(seconds - t))) for t in times_s}
        pictures[recording.camera.name] = _read_frames(recording.video, numbers)
    return pictures


def _read_frames(video: Path, numbers: dict[float, int]) -> dict[float, np.ndarray]:
    """Decode only the frames wanted, without all that comes before them."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        found = {}
        for wanted, number in numbers.items():
            seconds = number / stream.average_rate
            container.seek(round(seconds / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if round(frame.pts * stream.time_base * stream.average_rate) == number:
                    # The first plane is the luma.
                    found[wanted] = frame.reformat(format="yuv420p").to_ndarray()[: frame.height]
                    break
    return found


def still_rig(pictures: dict, session_path: Path, arguments: tuple[str, ...] = ()):
    """Make a rig on `pictures`, with its scene; not started."""
    feed = open_feed(practice_feed_folder())
    head = load_head()
    scene = StillScene(pictures)
    description = feed.description
    coil_file = practice_feed_folder().parent / "coils" / "figure8_70mm.json"
    equipment = Equipment(
        head=head,
        coil=read_coil_model(coil_file),
        cameras=feed.cameras,
        bodies=feed.bodies,
        sources=[StillSource(camera, scene) for camera in feed.cameras],
        lossless=False,
        mri_from_head=description.mri_from_head.transform(),
        coil_body_from_coil=description.coil_body_from_coil.transform(),
        target=head.target("M1 hand left"),
        mode="TEST · still pictures · simulated stimulator",
    )
    session = SessionWriter.create(session_path, {"feed": "still"})
    return Rig(equipment, session, stimulator_arguments=arguments), scene
