"""Poses of another tracker, which says nothing of their quality: shown as unknown, never as NaN."""

from __future__ import annotations

import dataclasses
import json
import math
from types import MappingProxyType

from app.navigate.navigation import COIL_BODY, HEAD, navigate
from app.navigate.pulse_poses import PulsePoses
from app.navigate.readings import body_reading
from app.session.pulse_poses import pulse_pose_event
from app.session.recorder import pose_row
from tests.app.navigate.making_poses import SETUP, SURFACES, TARGET, both
from tracking.history import PoseHistory
from tracking.poses import PoseQuality
from tracking.poses_file import PosesFile
from tracking.tracker import TrackedFrames

FRAME_NS = 33_000_000


def unknown(time_ns=0):
    poses = both(TARGET.mri_from_target, time_ns)
    return {
        body: dataclasses.replace(pose, quality=PoseQuality.unknown())
        for body, pose in poses.items()
    }


def test_unknown_quality_is_no_number():
    quality = PoseQuality.unknown()
    assert not quality.known
    assert math.isnan(quality.sigma_mm)
    assert math.isnan(quality.sigma_deg)
    assert both(TARGET.mri_from_target)[HEAD].quality.known


def test_navigation_goes_on_without_it():
    navigation = navigate(unknown(), SETUP, SURFACES, 0)
    assert navigation.on_target
    assert navigation.sigma_mm is None
    assert navigation.sigma_deg is None


def test_the_window_says_that_it_is_unknown():
    pose = unknown()[COIL_BODY]
    reading = body_reading(COIL_BODY, pose, pose, 0)
    assert reading.state == "TRACKED"
    assert "quality unknown" in reading.detail
    assert "nan" not in reading.detail
    assert "corners" not in reading.detail


def test_a_pulse_gets_its_pose_and_no_invented_quality():
    histories = {HEAD: PoseHistory(HEAD), COIL_BODY: PoseHistory(COIL_BODY)}
    found = []
    poses = PulsePoses(histories[HEAD], histories[COIL_BODY], SURFACES, found.append)
    for frame in (0, 1):
        for body, pose in unknown(frame * FRAME_NS).items():
            histories[body].append(pose)
    poses.add("a", FRAME_NS // 2, SETUP)
    poses.resolve(FRAME_NS)
    assert found[0].hit is True
    assert (found[0].rms_px, found[0].sigma_mm, found[0].sigma_deg) == (None, None, None)
    assert "NaN" not in pulse_pose_event(found[0]).model_dump_json()


def test_records_and_files_leave_it_out(tmp_path):
    poses = unknown()
    row = pose_row(poses[HEAD])
    assert row[4:] == (None, None, None)
    json.dumps(row, allow_nan=False)
    path = tmp_path / "poses.jsonl"
    empty = MappingProxyType({})
    with PosesFile(path) as file:
        file.write(TrackedFrames(0, empty, empty, MappingProxyType(poses), 0))
    for line in path.read_text().splitlines():
        written = json.loads(line, parse_constant=lambda name: f"{name} is no number")
        assert written["tracked"] == 1
        assert written["x"] is not None
        assert written["rms_px"] is written["corners"] is written["sigma_mm"] is None
