"""Poses from all pixels against rendered truth: better than corners, and refused where unsure."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from tests.rendered import scenes
from tests.rendered.light import GOOD, HARD, Light
from tests.rendered.renderer import Renderer
from tracking.bodies import MarkerBody
from tracking.corners import refine_corners
from tracking.dense import DenseRefiner
from tracking.detection import TagDetector
from tracking.pose_solver import solve_body_pose

HEAD = scenes.HEAD
SIZE = (640, 480)
PAIR = (
    scenes.camera("left", size=SIZE),
    scenes.camera("right", x=400.0, toe_in_deg=-24.0, size=SIZE),
)
CAMERAS = {camera.name: camera for camera in PAIR}
RENDERERS = {camera.name: Renderer(camera, [HEAD]) for camera in PAIR}
DETECTOR = TagDetector("36h11")


def _pose(seed, depth=900.0):
    rng = np.random.default_rng([seed, 8])
    turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(-25, 25, 3)))
    place = np.array([rng.uniform(170, 230), rng.uniform(-60, 60), depth + rng.uniform(-150, 150)])
    return RigidTransform.from_components(place, turn)


def _seen(pose, light, seed, names=("left", "right"), **also):
    images = {name: RENDERERS[name].picture({"head": pose}, light, seed, **also) for name in names}
    tags = {
        name: refine_corners(image, DETECTOR.detect(image), CAMERAS[name])
        for name, image in images.items()
    }
    return images, tags


def _refiner():
    return DenseRefiner(PAIR, [HEAD])


def _refine(refiner, images, tags):
    """The solution from corners, and the one from all pixels."""
    corners = solve_body_pose(HEAD, tags, CAMERAS, None)
    found = refiner.refine(
        "head", images, tags, corners.world_from_body, corners.quality.covariance
    )
    return corners, found


def _error(pose, truth):
    turn = (pose.rotation * truth.rotation.inv()).as_rotvec()
    return np.concatenate([turn, np.asarray(pose.translation - truth.translation)])


def _at_focal_point(pose, truth):
    return np.linalg.norm(pose.apply(scenes.FOCAL_POINT) - truth.apply(scenes.FOCAL_POINT))


@pytest.mark.parametrize(
    ("light", "names", "gain", "limit"),
    [(GOOD, ("left",), 1.0, 0.12), (HARD, ("left", "right"), 2.0, 0.10)],
)
def test_all_pixels_find_the_pose_better_than_corners(light, names, gain, limit):
    refiner = _refiner()
    by_corners, by_pixels = [], []
    for seed in range(6):
        truth = _pose(seed)
        corners, found = _refine(refiner, *_seen(truth, light, seed, names))
        assert found is not None
        by_corners.append(_at_focal_point(corners.world_from_body, truth))
        by_pixels.append(_at_focal_point(found.world_from_body, truth))
    ours = np.sqrt(np.mean(np.square(by_pixels)))
    assert ours < limit
    assert gain * ours < np.sqrt(np.mean(np.square(by_corners)))


def test_the_covariance_tells_the_error():
    refiner = _refiner()
    normalised = []
    for seed in range(10):
        truth = _pose(seed)
        names = (("left",), ("left", "right"))[seed % 2]
        _, found = _refine(refiner, *_seen(truth, HARD, 100 + seed, names))
        error = _error(found.world_from_body, truth)
        normalised.append(error @ np.linalg.solve(found.covariance, error))
    # The mean of ten chi-squares of six degrees of freedom is 6 with a deviation of 1.1.
    assert 3.0 < np.mean(normalised) < 11.0


@pytest.mark.parametrize("psf", [0.5, 0.7, 1.0, 1.5])
def test_the_lens_blur_is_found_whatever_was_assumed(psf):
    truth = _pose(3)
    _, found = _refine(_refiner(), *_seen(truth, Light(psf=psf), 3))
    assert found is not None
    for width in found.psf_px.values():
        assert width == pytest.approx(psf, abs=0.03)
    assert _at_focal_point(found.world_from_body, truth) < 0.1


def test_a_lens_that_goes_out_of_focus_does_not_move_the_body():
    refiner, truth = _refiner(), _pose(4)
    for number, psf in enumerate((0.7, 0.7, 1.3, 1.3)):
        _, found = _refine(refiner, *_seen(truth, Light(psf=psf), number, ("left",)))
        assert found is not None
        assert abs(found.world_from_body.translation[2] - truth.translation[2]) < 0.3
    assert found.psf_px["left"] == pytest.approx(1.3, abs=0.05)


def test_a_covered_tag_is_left_out():
    truth = _pose(5)
    camera = CAMERAS["left"]
    quad = camera.project_world(truth.apply(HEAD.corners[3]))
    middle = quad.mean(axis=0)
    finger = middle + (quad - middle) * 0.45
    images, _ = _seen(truth, GOOD, 5, covers=[(finger, 160.0)])
    # A reader of tags may correct the covered bits; here the tag is given as read.
    _, tags = _seen(truth, GOOD, 5)
    _, found = _refine(_refiner(), images, tags)
    assert found is not None
    assert ("left", 3) not in found.tags
    assert len(found.tags) >= 9
    assert _at_focal_point(found.world_from_body, truth) < 0.12


def test_nothing_is_made_of_pixels_that_show_something_else():
    truth = _pose(6)
    images, tags = _seen(truth, GOOD, 6)
    corners = solve_body_pose(HEAD, tags, CAMERAS, None)
    away = {
        name: np.ascontiguousarray(np.roll(image, 160, axis=1)) for name, image in images.items()
    }
    flat = {name: np.full_like(image, 90) for name, image in images.items()}
    noise = np.random.default_rng(0).integers(0, 255, images["left"].shape, dtype=np.uint8)
    for other in (away, flat, {"left": noise, "right": noise}):
        answer = _refiner().refine(
            "head", other, tags, corners.world_from_body, corners.quality.covariance
        )
        assert answer is None


def test_a_pose_that_the_corners_exclude_is_refused():
    truth = _pose(7)
    images, tags = _seen(truth, GOOD, 7)
    corners = solve_body_pose(HEAD, tags, CAMERAS, None)
    beside = RigidTransform.from_translation([0.4, 0.0, 0.0]) * corners.world_from_body
    sure = np.diag([1e-5] * 3 + [8e-3] * 3) ** 2
    assert _refiner().refine("head", images, tags, beside, sure) is None
    unsure = np.diag([1e-2] * 3 + [1.0] * 3) ** 2
    found = _refiner().refine("head", images, tags, beside, unsure)
    assert found is not None
    assert _at_focal_point(found.world_from_body, truth) < 0.1


def test_nothing_seen_or_a_tag_at_the_border_gives_nothing():
    truth = RigidTransform.from_components([0.0, 0.0, 700.0], Rotation.identity())
    images, tags = _seen(truth, GOOD, 8, ("left",))
    corners = solve_body_pose(HEAD, tags, CAMERAS, None)
    start = corners.world_from_body, corners.quality.covariance
    assert _refiner().refine("head", images, {"left": []}, *start) is None
    assert _refiner().refine("head", {}, tags, *start) is None
    moved = RigidTransform.from_translation([-500.0, 0.0, 0.0]) * corners.world_from_body
    assert _refiner().refine("head", images, tags, moved, start[1]) is None


def test_a_still_body_is_found_again_from_the_same_print():
    """The prints blurred for one image serve the next, without harm."""
    refiner, truth = _refiner(), _pose(9)
    first = _refine(refiner, *_seen(truth, GOOD, 1))[1]
    moved = RigidTransform.from_translation([1.0, 0.5, -2.0]) * truth
    second = _refine(refiner, *_seen(moved, GOOD, 2))[1]
    assert _at_focal_point(first.world_from_body, truth) < 0.06
    assert _at_focal_point(second.world_from_body, moved) < 0.06


def test_one_tag_in_one_camera_gets_no_worse():
    body = MarkerBody("head", "36h11", {2: HEAD.corners[2]})
    renderer = Renderer(PAIR[0], [body])
    refiner = DenseRefiner(PAIR[:1], [body])
    by_corners, by_pixels = [], []
    for seed in range(8):
        truth = RigidTransform.from_components(
            [0.0, 0.0, 600.0], Rotation.from_rotvec(np.deg2rad([20 + seed, -25, 3 * seed]))
        )
        image = renderer.picture({"head": truth}, GOOD, seed)
        tags = {"left": refine_corners(image, DETECTOR.detect(image), PAIR[0])}
        corners = solve_body_pose(body, tags, CAMERAS, truth)
        found = refiner.refine(
            "head", {"left": image}, tags, corners.world_from_body, corners.quality.covariance
        )
        assert found is not None
        by_corners.append(_at_focal_point(corners.world_from_body, truth))
        by_pixels.append(_at_focal_point(found.world_from_body, truth))
    assert np.sqrt(np.mean(np.square(by_pixels))) < 1.1 * np.sqrt(np.mean(np.square(by_corners)))


def test_a_camera_that_read_no_tag_still_helps():
    truth = _pose(10)
    images, tags = _seen(truth, HARD, 10)
    one = {"left": tags["left"]}
    _, alone = _refine(_refiner(), {"left": images["left"]}, one)
    _, both = _refine(_refiner(), images, one)
    assert {name for name, _ in both.tags} == {"left", "right"}
    depth, less = (found.covariance[5, 5] for found in (alone, both))
    assert less < 0.5 * depth
    assert _at_focal_point(both.world_from_body, truth) < 0.12


def test_a_camera_that_something_covers_does_no_harm():
    truth = _pose(11)
    wall = np.array([[0.0, 0.0], [640.0, 0.0], [640.0, 480.0], [0.0, 480.0]])
    images, tags = _seen(truth, GOOD, 11)
    images["right"] = _seen(truth, GOOD, 11, ("right",), covers=[(wall, 120.0)])[0]["right"]
    _, found = _refine(_refiner(), images, {"left": tags["left"]})
    assert found is not None
    assert {name for name, _ in found.tags} == {"left"}
    assert set(found.psf_px) == {"left"}
    assert _at_focal_point(found.world_from_body, truth) < 0.15


def test_tags_too_poor_to_be_read_take_part():
    truth = _pose(12)
    images, tags = _seen(truth, HARD, 12)
    two = {name: sorted(seen, key=lambda one: one.tag)[:2] for name, seen in tags.items()}
    _, found = _refine(_refiner(), images, two)
    assert len(found.tags) >= 8
    assert _at_focal_point(found.world_from_body, truth) < 0.12
