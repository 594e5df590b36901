"""Searching whole images for bodies that are out of sight, in step or beside the tracking.

In: a frame and the tag families to look for. Out: the tags found, with the frame that they were
found in. A whole image takes several times as long as all else that is done with it: live, a
thread of its own searches while tracking goes on (OpenCV releases the interpreter meanwhile).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from tracking.detection import TagDetector, TagObservation
from tracking.frames import Frame


@dataclass(frozen=True, eq=False, slots=True)
class Sighted:
    """Tags of one family found in a whole image, corners to about a pixel."""

    frame: Frame
    family: str
    tags: Sequence[TagObservation]


class WholeSearch:
    """Searches whole images, alternately at full and at half resolution.

    Half the resolution is quick but misses small tags.
    """

    def __init__(self, families: Sequence[str]) -> None:
        self._detectors = {family: TagDetector(family) for family in families}
        self._counts: dict[str, int] = {}

    def search(self, frame: Frame, family: str) -> Sighted:
        """Search `frame` now."""
        count = self._counts[frame.camera] = self._counts.get(frame.camera, 0) + 1
        detector = self._detectors[family]
        tags = detector.detect(frame.image) if count % 2 else detector.acquire(frame.image)
        return Sighted(frame, family, tags)


class SearchThread:
    """Searches whole images on a thread of its own, one at a time, until it is closed."""

    def __init__(self, families: Sequence[str]) -> None:
        self._search = WholeSearch(families)
        self._condition = threading.Condition()
        self._asked: tuple[Frame, tuple[str, ...]] | None = None
        self._busy = False
        self._closed = False
        self._found: list[Sighted] = []
        self._thread = threading.Thread(target=self._work, name="whole-image search", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a search is going on; another one is not taken then."""
        with self._condition:
            return self._busy

    def ask(self, frame: Frame, families: Sequence[str]) -> bool:
        """Have `frame` searched; False if another search is still going on."""
        with self._condition:
            if self._busy or self._closed:
                return False
            self._asked, self._busy = (frame, tuple(families)), True
            self._condition.notify_all()
            return True

    def found(self) -> list[Sighted]:
        """Give what was found since the last call."""
        with self._condition:
            found, self._found = self._found, []
            return found

    def close(self) -> None:
        """End the thread and wait for it. Safe to call twice."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._asked is not None or self._closed)
                if self._asked is None or self._closed:
                    return
                (frame, families), self._asked = self._asked, None
            found = [self._search.search(frame, family) for family in families]
            with self._condition:
                self._found += found
                self._busy = False
