"""The practice feed in resources: whole, small, up to date, and precise in spite of its codec."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tracking.corners import refine_corners
from tracking.detection import TagObservation
from tracking.feed_description import read_description
from tracking.practice_feed.generate import capture_times
from tracking.practice_feed.renderer import FrameRenderer
from tracking.practice_feed.scene import practice_scene
from tracking.practice_feed.target import default_head_file, read_target

FEED = Path(__file__).parents[3] / "resources" / "practice.feed"
SEED, FRAMES = 1, 1800
SAMPLED = (123, 601, 1459, 1745)


@pytest.fixture(scope="module")
def scene():
    return practice_scene(SEED, read_target(default_head_file(), "M1 hand left"))


def test_feed_fits_the_default_heads_target(scene):
    assert read_description(FEED / "feed.json").model_dump() == scene.description().model_dump()


def test_feed_is_small():
    assert sum(each.stat().st_size for each in FEED.iterdir()) <= 40_000_000


@pytest.mark.parametrize("camera", ["left", "right"])
def test_video_has_every_frame_in_order_and_can_be_sought(camera, scene):
    times = np.loadtxt(FEED / f"{camera}.csv", delimiter=",", skiprows=1, dtype=np.int64)
    np.testing.assert_array_equal(times[:, 1], capture_times(scene, camera, FRAMES))
    with av.open(str(FEED / f"{camera}.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].codec_context.name == "h264"
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert len(packets) == FRAMES
    assert all(packet.pts == packet.dts for packet in packets)
    keys = np.flatnonzero([packet.is_keyframe for packet in packets])
    assert keys[0] == 0
    assert np.diff(keys).max() <= 60


def corner_errors(image, camera, placed):
    """Errors (N, 4, 2) in px of the refined corners of every tag of bodies with their poses."""
    rng = np.random.default_rng(0)
    errors = []
    for body, pose in placed:
        for tag, corners in body.corners.items():
            true = camera.project_world(pose.apply(corners))
            rough = TagObservation(tag, true + rng.normal(0.0, 0.3, true.shape))
            errors += [found.corners - true for found in refine_corners(image, [rough], camera)]
    return errors


@pytest.mark.parametrize("name", ["left", "right"])
def test_codec_costs_little_corner_precision(name, scene):
    camera = scene.camera(name)
    renderer = FrameRenderer(scene, name)
    times = capture_times(scene, name, FRAMES)
    video = cv2.VideoCapture(str(FEED / f"{name}.mp4"))
    raw, decoded = [], []
    for frame in SAMPLED:
        video.set(cv2.CAP_PROP_POS_FRAMES, frame)
        shown = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2GRAY)
        time_ns = int(times[frame])
        poses = scene.poses(time_ns * 1e-9)
        placed = [
            (scene.head, poses.world_from_head),
            (scene.coil_body, poses.world_from_coil_body),
        ]
        raw += corner_errors(renderer.render(time_ns), camera, placed)
        decoded += corner_errors(shown, camera, placed)
    video.release()
    raw_rms, decoded_rms = (float(np.sqrt(np.square(errors).mean())) for errors in (raw, decoded))
    assert len(decoded) == len(raw) == 12 * len(SAMPLED)
    assert raw_rms < 0.06
    assert np.sqrt(max(decoded_rms**2 - raw_rms**2, 0.0)) <= 0.06
