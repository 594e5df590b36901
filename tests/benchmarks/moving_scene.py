"""A coil moved by hand before a resting head, filmed by two cameras that take turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from tests.rendered import scenes
from tests.rendered.light import GOOD
from tracking.frames import Frame
from tracking.truth import point_error

FOCAL_POINT = np.array([0.0, 0.0, 100.0])
"""Of the coil in its body's frame, mm: 100 mm from the body."""

INTERVAL_NS = 33_333_333
SPEED = 100.0
RADIUS = 60.0
TURN_RAD = 0.15


FoundPoses = tuple[int, RigidTransform, RigidTransform]
"""A time (ns), and the poses of head and coil body found for it."""


@dataclass(frozen=True)
class MovingScene:
    """Where both bodies are at any time.

    The coil's body runs along a closed curve in space at about `speed` mm/s, so that its direction
    changes all the time, and turns to and fro; the head rests.
    """

    speed: float

    def head(self) -> RigidTransform:
        """``world_from_head``."""
        return RigidTransform.from_components(
            np.array([290.0, 70.0, 880.0]), Rotation.from_rotvec([0.25, 0.2, 0.1])
        )

    def coil(self, time_ns: int) -> RigidTransform:
        """``world_from_coil_body`` at `time_ns`."""
        phase = self.speed / RADIUS * time_ns / 1e9
        middle = np.array([90.0, -60.0, 820.0])
        way = RADIUS * np.array([np.sin(phase), 0.8 * np.cos(phase), 0.6 * np.sin(phase + 0.7)])
        turn = (
            TURN_RAD
            * min(self.speed / 100.0, 1.0)
            * np.array([np.sin(phase), np.cos(0.8 * phase), np.sin(0.6 * phase)])
        )
        return RigidTransform.from_components(
            middle + way, Rotation.from_rotvec(turn) * Rotation.from_rotvec([-0.2, 0.25, 0.3])
        )

    def frames(self, count: int, late_ns: int) -> Iterator[Frame]:
        """`count` frames of each camera, those of the second `late_ns` later, in order of time."""
        cameras = scenes.pair()
        renderers = scenes.renderers(cameras)
        times = sorted(
            (1_000_000_000 + step * INTERVAL_NS + index * late_ns, step, index)
            for step in range(count)
            for index in range(len(cameras))
        )
        for time_ns, step, index in times:
            name = cameras[index].name
            poses = {"head": self.head(), "coil_body": self.coil(time_ns)}
            image = renderers[name].picture(poses, GOOD, seed=2 * step + index)
            yield Frame(name, step, time_ns, image)

    def rms_mm(self, found: Sequence[FoundPoses]) -> float:
        """RMS error of the focal point in the head's frame."""
        errors = [
            point_error((head, coil), (self.head(), self.coil(time_ns)), FOCAL_POINT)
            for time_ns, head, coil in found
        ]
        return float(np.sqrt(np.mean([error.distance_mm**2 for error in errors])))
