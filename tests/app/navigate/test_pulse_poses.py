"""The pose at a pulse: interpolated from the images around it, or none with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from app.navigate.navigation import COIL_BODY, HEAD
from app.navigate.pulse_poses import PATIENCE_NS, PulsePoses
from tests.app.navigate.making_poses import SETUP, SURFACES, TARGET, both, transform, unseen
from tracking.history import PoseHistory

FRAME_NS = 33_000_000


@pytest.fixture
def table():
    """Histories, the collector, and what it has reported."""
    histories = {HEAD: PoseHistory(HEAD), COIL_BODY: PoseHistory(COIL_BODY)}
    found: list = []
    return (
        histories,
        PulsePoses(histories[HEAD], histories[COIL_BODY], SURFACES, found.append),
        found,
    )


def append(histories, frame, shift=0.0):
    coil = TARGET.mri_from_target * transform((shift, 0, 0))
    for body, pose in both(coil, frame * FRAME_NS).items():
        histories[body].append(pose)


def test_a_pulse_between_two_images_gets_the_pose_between_them(table):
    histories, poses, found = table
    append(histories, 0, shift=0.0)
    poses.add("a", FRAME_NS // 2, SETUP)
    poses.resolve(FRAME_NS)
    assert found == []
    append(histories, 1, shift=2.0)
    poses.resolve(FRAME_NS)
    (pose,) = found
    expected = TARGET.mri_from_target * transform((1.0, 0, 0))
    assert np.allclose(pose.mri_from_coil.as_matrix(), expected.as_matrix(), atol=1e-6)
    assert pose.guidance.distance_to_target == pytest.approx(1.0, abs=1e-6)
    assert pose.hit is True
    assert 0 <= pose.age_ns <= FRAME_NS
    assert pose.sigma_mm > 0
    poses.resolve(2 * FRAME_NS)
    assert len(found) == 1, "a pulse is reported once"


def test_a_pulse_off_target_is_a_miss(table):
    histories, poses, found = table
    append(histories, 0, shift=4.0)
    append(histories, 1, shift=4.0)
    poses.add("a", FRAME_NS // 2, SETUP)
    poses.resolve(FRAME_NS)
    assert found[0].hit is False


def test_a_pulse_while_the_coil_was_lost_has_no_pose_and_says_why(table):
    histories, poses, found = table
    append(histories, 0)
    for frame in range(1, 20):
        histories[COIL_BODY].append(unseen(COIL_BODY, frame * FRAME_NS))
        histories[HEAD].append(both(TARGET.mri_from_target, frame * FRAME_NS)[HEAD])
    append(histories, 20)
    poses.add("a", 10 * FRAME_NS, SETUP)
    poses.resolve(20 * FRAME_NS)
    (pose,) = found
    assert pose.mri_from_coil is None
    assert pose.hit is None
    assert pose.reason


def test_a_pulse_after_the_last_image_is_waited_for_but_not_for_ever(table):
    histories, poses, found = table
    append(histories, 0)
    poses.add("a", FRAME_NS, SETUP)
    poses.resolve(FRAME_NS + PATIENCE_NS)
    assert found == []
    poses.resolve(FRAME_NS + PATIENCE_NS + 1)
    assert found[0].mri_from_coil is None
    assert found[0].pulse_id == "a"


def test_the_setup_is_that_of_the_pulse(table):
    histories, poses, found = table
    append(histories, 0)
    append(histories, 1)
    other = type(SETUP)(SETUP.mri_from_head, SETUP.coil_body_from_coil, None, SETUP.tolerance)
    poses.add("a", 10, other)
    poses.resolve(FRAME_NS)
    assert found[0].mri_from_coil is not None
    assert found[0].hit is None
