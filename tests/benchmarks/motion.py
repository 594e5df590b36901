"""A coil that moves at 100 mm/s, filmed by two cameras that take turns.

Beside the tracker, which takes each image at its own time, frames are paired with the nearest of
the other camera, as trackers do that know no time: the same corners, the same solver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.benchmarks.moving_scene import SPEED, FoundPoses, MovingScene
from tests.benchmarks.report import Figure, at_most
from tests.rendered import scenes
from tests.rendered.scenes import COIL, HEAD
from tracking.frames import Frame
from tracking.pose_solver import solve_body_pose
from tracking.poses import TrackingState
from tracking.tracker import TrackedFrames, Tracker

FRAMES = 120
LATE_NS = 15_000_000
SETTLED = 10
"""Results that are passed over while the tracker learns how fast the coil goes."""


def measure() -> list[Figure]:
    """Track the moving and the resting coil; pair the same corners by nearest frame."""
    where = (
        f"{SPEED:.0f} mm/s, {FRAMES} frames of each camera 33 ms apart, 720p f=920, 0.4 m baseline"
    )
    moving, resting = MovingScene(SPEED), MovingScene(0.0)
    taking_turns = _tracked(moving.frames(FRAMES, LATE_NS), together=False)
    alike = _tracked(moving.frames(FRAMES, 0), together=True)
    still = _tracked(resting.frames(FRAMES // 3, LATE_NS), together=False)
    still_alike = _tracked(resting.frames(FRAMES // 3, 0), together=True)
    turns = f"{where}, cameras 15 ms apart"
    return [
        at_most("moving coil on head, RMS", moving.rms_mm(_poses(taking_turns)), 0.5, "mm", turns),
        Figure("the same, nearest frames paired", moving.rms_mm(_paired(taking_turns)), "mm"),
        Figure("the same, cameras released together", moving.rms_mm(_poses(alike)), "mm"),
        Figure("resting coil, cameras 15 ms apart", resting.rms_mm(_poses(still)), "mm"),
        Figure("resting coil, released together", resting.rms_mm(_poses(still_alike)), "mm"),
        Figure(
            "frames with both bodies tracked",
            100.0 * len(_poses(taking_turns)) / (len(taking_turns) - SETTLED),
            "%",
            conditions=turns,
        ),
    ]


def _tracked(frames: Iterator[Frame], *, together: bool) -> list[TrackedFrames]:
    tracker = Tracker(scenes.pair(), [HEAD, COIL])
    if not together:
        return [tracker.process([frame]) for frame in frames]
    return [tracker.process(pair) for pair in zip(frames, frames, strict=True)]


def _poses(results: Sequence[TrackedFrames]) -> list[FoundPoses]:
    found = []
    for result in results[SETTLED:]:
        head, coil = result.poses["head"], result.poses["coil_body"]
        if head.state is coil.state is TrackingState.TRACKED:
            found.append((coil.time_ns, head.world_from_body, coil.world_from_body))
    return found


def _paired(results: Sequence[TrackedFrames]) -> list[FoundPoses]:
    """Poses at the middle of two frames that are nearest in time, from the corners of `results`."""
    cameras = {camera.name: camera for camera in scenes.pair()}
    by_camera = {name: [one for one in results[SETTLED:] if name in one.frames] for name in cameras}
    found = []
    for left in by_camera["left"]:
        right = min(by_camera["right"], key=lambda one: abs(one.time_ns - left.time_ns))
        seen = {"left": left.detections["left"], "right": right.detections["right"]}
        head, coil = (
            solve_body_pose(body, seen, cameras, None).world_from_body for body in (HEAD, COIL)
        )
        if head is not None and coil is not None:
            found.append(((left.time_ns + right.time_ns) // 2, head, coil))
    return found
