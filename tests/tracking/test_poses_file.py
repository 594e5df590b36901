"""The file of poses: its columns, both forms, and nothing half-written."""

import csv
import json
from types import MappingProxyType

import numpy as np
import pytest

from tests.tracking import rendering
from tracking.poses import BodyPose, PoseQuality, TrackingState
from tracking.poses_file import COLUMNS, PosesFile, PosesFileError
from tracking.tracker import TrackedFrames

POSE = rendering.pose([1.5, -2.25, 700], [0, 0, 90])


def _tracked(time_ns=40):
    head = BodyPose(
        "head", 38, TrackingState.TRACKED, POSE, PoseQuality(24, 6, 2, 0.0512, np.eye(6) * 0.04)
    )
    coil = BodyPose("coil_body", 10, TrackingState.PREDICTED, POSE, head.quality)
    poses = MappingProxyType({"head": head, "coil_body": coil})
    return TrackedFrames(time_ns, MappingProxyType({}), MappingProxyType({}), poses, 0)


def test_csv_has_a_row_per_body_and_no_pose_where_none_was_tracked(tmp_path):
    path = tmp_path / "poses.csv"
    with PosesFile(path) as file:
        file.write(_tracked())
        file.write(_tracked(80))
    with path.open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert tuple(rows[0]) == COLUMNS
    assert [row["tracked"] for row in rows] == ["1", "0"] * 2
    assert rows[0]["time_ns"] == "38"
    assert rows[1]["time_ns"] == "40"
    assert rows[1]["x"] == rows[1]["rms_px"] == ""
    values = [float(rows[0][name]) for name in ("x", "y", "z", "qx", "qy", "qz", "qw")]
    expected = [*POSE.translation, *POSE.rotation.as_quat(canonical=True)]
    np.testing.assert_allclose(values, expected, atol=1e-5)
    assert float(rows[0]["sigma_mm"]) == pytest.approx(0.2)
    assert rows[0]["corners"] == "24"


def test_json_lines_have_the_same_fields(tmp_path):
    path = tmp_path / "poses.jsonl"
    with PosesFile(path) as file:
        file.write(_tracked())
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [tuple(row) for row in rows] == [COLUMNS] * 2
    assert rows[0]["x"] == 1.5
    assert rows[1]["x"] is None


def test_a_failure_on_the_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "poses.csv"
    path.write_text("earlier")
    with pytest.raises(AttributeError), PosesFile(path) as file:
        file.write(None)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "nowhere" / "poses.csv"
    with (
        pytest.raises(PosesFileError, match=r"poses\.csv cannot be written .* folder"),
        PosesFile(path),
    ):
        pass
