"""How precise corners and poses are on the practice feed, beside OpenCV's own corner refinement."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from app.practice.equipment import practice_feed_folder
from tests.benchmarks.report import Figure, at_most
from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.corners import refine_corners
from tracking.detection import TagDetector, TagObservation
from tracking.feed import Feed, open_feed
from tracking.pose_solver import solve_body_pose
from tracking.replay import replay_feed
from tracking.truth import PointError, Truth, point_error, read_truth, summarise_errors
from tracking.video_file import VideoReader

STEP = 30
"""Every so many instants one is taken for the comparison."""

Corners = Callable[[NDArray[np.uint8], Camera], list[TagObservation]]


def measure() -> list[Figure]:
    """Track the whole feed; compare corners on some of its frames."""
    feed = open_feed(practice_feed_folder())
    assert feed.truth_path is not None
    truth = read_truth(feed.truth_path)
    whole = replay_feed(feed)
    assert whole.errors is not None
    ours, our_poses, count = _trial(feed, truth, _our_corners())
    theirs, their_poses, _ = _trial(feed, truth, _opencv_corners)
    us, them = summarise_errors(our_poses), summarise_errors(their_poses)
    assert us is not None
    assert them is not None
    tracked = f"{whole.errors.count} instants of the practice feed, two cameras, against truth.csv"
    sampled = f"every {STEP}th instant, {count} tags, decoded video"
    return [
        at_most("coil on head, error median", whole.errors.median_mm, 1.0, "mm", tracked),
        Figure("coil on head, error p95", whole.errors.p95_mm, "mm", conditions=tracked),
        Figure("coil on head, rotation error median", whole.errors.median_deg, "°"),
        Figure("corner error, RMS per axis", ours, "px", conditions=sampled),
        Figure("the same by OpenCV's SUBPIX", theirs, "px", conditions="same frames"),
        Figure("coil on head, median, same frames", us.median_mm, "mm", conditions=sampled),
        Figure(
            "the same with OpenCV's SUBPIX corners",
            them.median_mm,
            "mm",
            conditions="same frames, same solver",
        ),
    ]


def _our_corners() -> Corners:
    detector = TagDetector("36h11")
    return lambda image, camera: refine_corners(image, detector.detect(image), camera)


def _opencv_corners(image: NDArray[np.uint8], _camera: Camera) -> list[TagObservation]:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    corners, ids, _ = cv2.aruco.ArucoDetector(family, parameters).detectMarkers(image)
    if not corners:
        return []
    return [
        TagObservation(int(tag), np.asarray(quad, np.float64).reshape(4, 2))
        for tag, quad in zip(ids.ravel(), corners, strict=True)
    ]


def _trial(feed: Feed, truth: Truth, find: Corners) -> tuple[float, list[PointError], int]:
    """RMS corner error, errors of the coil on the head, and the number of tags."""
    bodies = {body.name: body for body in feed.bodies}
    readers = [VideoReader(recording.video) for recording in feed.recordings]
    corner_errors: list[NDArray[np.float64]] = []
    pose_errors = []
    for number, instant in enumerate(feed.instants()):
        images = {recording: readers[recording].read() for recording, _ in instant.frames}
        if number % STEP:
            continue
        seen: dict[str, list[TagObservation]] = {}
        for recording, index in instant.frames:
            source = feed.recordings[recording]
            tags = find(images[recording], source.camera)
            seen[source.camera.name] = tags
            time_ns = int(source.times_ns[index])
            corner_errors += _corner_errors(tags, bodies, source.camera, truth, time_ns)
        error = _pose_error(feed, bodies, seen, truth, (instant.start_ns + instant.end_ns) // 2)
        pose_errors += [] if error is None else [error]
    for reader in readers:
        reader.close()
    return float(np.sqrt(np.square(corner_errors).mean())), pose_errors, len(corner_errors)


def _corner_errors(
    tags: list[TagObservation],
    bodies: dict[str, MarkerBody],
    camera: Camera,
    truth: Truth,
    time_ns: int,
) -> list[NDArray[np.float64]]:
    errors = []
    for body in bodies.values():
        world_from_body = truth[body.name].at(time_ns)
        for tag in tags:
            if tag.tag in body.corners:
                true = camera.project_world(world_from_body.apply(body.corners[tag.tag]))
                errors.append(tag.corners - true)
    return errors


def _pose_error(
    feed: Feed,
    bodies: dict[str, MarkerBody],
    seen: dict[str, list[TagObservation]],
    truth: Truth,
    time_ns: int,
) -> PointError | None:
    cameras = {camera.name: camera for camera in feed.cameras}
    found = []
    for name in ("head", "coil_body"):
        own = {
            camera: [tag for tag in tags if tag.tag in bodies[name].corners]
            for camera, tags in seen.items()
        }
        own = {camera: tags for camera, tags in own.items() if tags}
        pose = solve_body_pose(bodies[name], own, cameras, None).world_from_body if own else None
        if pose is None:
            return None
        found.append(pose)
    coil = feed.description.coil_body_from_coil
    assert coil is not None
    true = (truth["head"].at(time_ns), truth["coil_body"].at(time_ns))
    return point_error((found[0], found[1]), true, np.array(coil.translation))
