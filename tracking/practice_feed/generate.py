"""Make a practice feed folder: videos, capture times, description and truth.

In: a scene, a length, a folder that does not exist yet. Out: the feed; it appears under its name
only once it is whole. Each camera is rendered and encoded by a process of its own.
"""

from __future__ import annotations

import csv
import multiprocessing
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracking.feed_description import TargetModel, write_description
from tracking.practice_feed.encode import FRAMES_PER_SECOND, encode_video
from tracking.practice_feed.renderer import FrameRenderer
from tracking.practice_feed.scene import Scene, practice_scene

if TYPE_CHECKING:
    from queue import Queue

JITTER_SD_NS = 120_000
JITTER_LIMIT_NS = 300_000
SECOND_CAMERA_LATE_NS = 150_000
FIRST_FRAME_NS = 5_000_000
"""Capture times: a steady clock, jitter of the trigger, and the second camera a little late."""


class FeedExistsError(Exception):
    """The feed's folder is there already; the message says so."""


def capture_times(scene: Scene, camera: str, frames: int) -> NDArray[np.int64]:
    """Mid-exposure times (frames,) of one camera in ns of the feed's clock.

    Two cameras' times of one frame differ by less than 1 ms.
    """
    index = [each.name for each in scene.cameras].index(camera)
    rng = np.random.default_rng([scene.seed, 5, index])
    jitter = np.clip(rng.normal(0.0, JITTER_SD_NS, frames), -JITTER_LIMIT_NS, JITTER_LIMIT_NS)
    steady = np.arange(frames, dtype=np.int64) * 1_000_000_000 // FRAMES_PER_SECOND
    late = FIRST_FRAME_NS + index * SECOND_CAMERA_LATE_NS
    return np.asarray(steady + late + np.rint(jitter).astype(np.int64), dtype=np.int64)


def generate_feed(
    out: Path, scene: Scene, seconds: float, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Write the first `seconds` of `scene` to the feed folder `out`.

    `progress` is called with the number of frames done since its last call.

    Raises
    ------
    FeedExistsError
        If `out` exists.
    OSError
        If the folder cannot be written.
    """
    if out.exists():
        raise FeedExistsError(f"{out} exists already. Name another folder or remove it first.")
    frames = round(seconds * FRAMES_PER_SECOND)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        description = scene.description()
        for camera in description.cameras:
            times = capture_times(scene, camera.name, frames)
            _write_rows(draft / camera.times, ["frame", "time_ns"], enumerate(times.tolist()))
        _write_truth(draft / "truth.csv", scene, frames)
        write_description(draft / "feed.json", description)
        _render_all(draft, scene, frames, progress)
        draft.chmod(0o755)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_truth(path: Path, scene: Scene, frames: int) -> None:
    """Write every body's pose at every camera's capture times."""
    times = np.unique(
        np.concatenate([capture_times(scene, each.name, frames) for each in scene.cameras])
    )
    bodies = scene.body_poses(times * 1e-9)

    def rows() -> Iterator[list[object]]:
        values = {
            name: np.hstack([pose.translation, pose.rotation.as_quat(canonical=True)])
            for name, pose in bodies.items()
        }
        for index, time_ns in enumerate(times.tolist()):
            for name, numbers in values.items():
                position = [f"{value:.6f}" for value in numbers[index, :3]]
                yield [time_ns, name, *position, *(f"{q:.9f}" for q in numbers[index, 3:])]

    _write_rows(path, ["time_ns", "body", "x", "y", "z", "qx", "qy", "qz", "qw"], rows())


def _write_rows(path: Path, header: list[str], rows: object) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)  # type: ignore[arg-type]


def _render_all(folder: Path, scene: Scene, frames: int, progress: Callable[[int], None]) -> None:
    """Render and encode all cameras side by side, a process each."""
    target = scene.target.model_dump_json()
    context = multiprocessing.get_context("spawn")
    with context.Manager() as shared, ProcessPoolExecutor(2, mp_context=context) as pool:
        done: Queue[int] = shared.Queue()
        jobs = [
            pool.submit(_render_camera, folder, scene.seed, target, camera.name, frames, done)
            for camera in scene.cameras
        ]
        while not all(job.done() for job in jobs):
            try:
                progress(done.get(timeout=0.5))
            except Empty:
                continue
        for job in as_completed(jobs):
            job.result()


def _render_camera(
    folder: Path, seed: int, target: str, camera: str, frames: int, done: Queue[int]
) -> None:
    """Set the scene up anew, in a process of its own, and film it with one camera."""
    scene = practice_scene(seed, TargetModel.model_validate_json(target))
    renderer = FrameRenderer(scene, camera)

    def images() -> Iterator[NDArray[np.uint8]]:
        for time_ns in capture_times(scene, camera, frames).tolist():
            yield renderer.render(time_ns)
            done.put(1)

    lens = scene.camera(camera)
    encode_video(folder / f"{camera}.mp4", images(), lens.width, lens.height)
