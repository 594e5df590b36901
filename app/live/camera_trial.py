"""A camera that is tried before it is added: its picture, and what it really gives.

In: the camera with the settings that are asked for. Out: a :class:`TrialState`, read whenever the
window draws. All that can take long is done on a thread of its own.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.live.adding_camera import Settled, settled
from tracking.image_stream import Image, ImageStream, StreamFault
from tracking.picture_watch import PictureWatch
from tracking.setups import SetupCamera

RATE_PICTURES = 31


class TrialStage(StrEnum):
    """How far a trial is."""

    SETTLING = "settling"
    SHOWING = "showing"
    FAILED = "failed"


@dataclass(frozen=True, eq=False, slots=True)
class TrialState:
    """A tried camera at one moment.

    Attributes
    ----------
    stage
        See :class:`TrialStage`.
    pixels
        (height, width) uint8, its newest picture; None before the first.
    settled
        What it really does; None before it has settled.
    frames_per_s
        As pictures come; None while too few have come to tell.
    warnings
        Sentences: what is wrong with its pictures.
    sentence
        Why it failed.
    """

    stage: TrialStage = TrialStage.SETTLING
    pixels: NDArray[np.uint8] | None = None
    settled: Settled | None = None
    frames_per_s: float | None = None
    warnings: tuple[str, ...] = ()
    sentence: str = ""


class CameraTrial:
    """Opens `camera` and watches it until closed."""

    def __init__(self, camera: SetupCamera) -> None:
        self.camera = camera
        self.state = TrialState()
        self._watch = PictureWatch()
        self._arrivals: deque[int] = deque(maxlen=RATE_PICTURES)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._stream: ImageStream | None = None
        self._thread = threading.Thread(target=self._run, name="try camera", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let the camera go and wait for that. Safe to call twice."""
        self._closing.set()
        with self._lock:
            stream = self._stream
        if stream is not None:
            stream.close()
        self._thread.join()

    def abandon(self) -> None:
        """Let :meth:`close` happen by itself: for whoever must not wait, such as the window."""
        threading.Thread(target=self.close, name="trial ends", daemon=True).start()

    def _run(self) -> None:
        try:
            stream, found = settled(self.camera, self._look, self._closing)
            with self._lock:
                self._stream = stream
            self._arrivals.clear()
            self.state = replace(self.state, stage=TrialStage.SHOWING, settled=found)
            try:
                while not self._closing.is_set():
                    image = stream.read()
                    if image is not None:
                        self._look(image)
            finally:
                stream.close()
        except StreamFault as fault:
            if not self._closing.is_set():
                self.state = replace(
                    self.state, stage=TrialStage.FAILED, frames_per_s=None, sentence=str(fault)
                )

    def _look(self, image: Image) -> None:
        self._arrivals.append(image.host_ns)
        self.state = replace(
            self.state,
            pixels=image.pixels,
            frames_per_s=self._rate(),
            warnings=self._watch.look(image.pixels, time.monotonic_ns()),
        )

    def _rate(self) -> float | None:
        if len(self._arrivals) < 3 or self._arrivals[-1] <= self._arrivals[0]:
            return None
        return (len(self._arrivals) - 1) * 1e9 / (self._arrivals[-1] - self._arrivals[0])
