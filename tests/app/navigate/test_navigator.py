"""The navigator: newest statement, what was really seen last, choices that take effect at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.navigate.guidance import Tolerance
from app.navigate.navigation import COIL_BODY, HEAD
from app.navigate.navigator import Navigator
from tests.app.navigate.making_poses import SETUP, SURFACES, TARGET, both, transform, unseen
from tracking.poses import TrackingState


@dataclass
class Tracked:
    poses: dict
    time_ns: int = 0
    frames: dict = field(default_factory=dict)


def test_what_was_seen_last_stays_when_the_body_is_lost():
    said = []
    navigator = Navigator(SETUP, SURFACES, said.append)
    assert navigator.last_seen(HEAD) is None
    navigator.on_tracked(Tracked(both(TARGET.mri_from_target, 5)))
    lost = {body: unseen(body, 900) for body in (HEAD, COIL_BODY)}
    navigator.on_tracked(Tracked(lost, 900))
    assert navigator.last_seen(HEAD).time_ns == 5
    assert navigator.newest.mri_from_coil is None
    assert len(said) == 2


def test_a_predicted_pose_is_not_a_sighting():
    navigator = Navigator(SETUP, SURFACES)
    navigator.on_tracked(Tracked(both(TARGET.mri_from_target, 5, TrackingState.PREDICTED)))
    assert navigator.last_seen(COIL_BODY) is None
    assert navigator.last_seen(HEAD) is not None


def test_target_and_tolerance_hold_from_the_next_images_on():
    told = []
    navigator = Navigator(SETUP, SURFACES)
    navigator.tolerance_changed.connect(told.append)
    coil = TARGET.mri_from_target * transform((4, 0, 0))
    navigator.on_tracked(Tracked(both(coil)))
    assert not navigator.newest.on_target
    navigator.set_tolerance(Tolerance(position=5.0))
    assert not navigator.newest.on_target, "a statement that was made stays as it was"
    navigator.on_tracked(Tracked(both(coil)))
    assert navigator.newest.on_target
    assert told == [Tolerance(position=5.0)]


def test_images_are_kept_when_a_result_without_images_comes():
    navigator = Navigator(SETUP, SURFACES)
    with_images = Tracked(both(TARGET.mri_from_target), 0, {"left": object()})
    navigator.on_tracked(with_images)
    navigator.on_tracked(Tracked({body: unseen(body, 9) for body in (HEAD, COIL_BODY)}, 9))
    assert navigator.newest_frames is with_images
