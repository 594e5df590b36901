"""Refined corners against rendered truth, in OpenCV's pixel convention."""

import numpy as np
import pytest

from tests.tracking import rendering, single_tags
from tracking.bodies import bent_plate
from tracking.corners import refine_corners
from tracking.detection import TagDetector, TagObservation

HEAD, COIL = bent_plate("head", 0), bent_plate("coil_body", 6)
LEFT, RIGHT = rendering.pair()


def _errors(seeds, refine=True):
    errors = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        placed = [
            (HEAD, rendering.pose([100, 60, rng.uniform(600, 800)], rng.uniform(-25, 25, 3))),
            (COIL, rendering.pose([60, -90, rng.uniform(600, 800)], rng.uniform(-25, 25, 3))),
        ]
        view = (LEFT, RIGHT)[seed % 2]
        image = rendering.render(view, placed, seed)
        found = TagDetector("36h11").detect(image)
        if refine:
            found = refine_corners(image, found, view)
        for body, pose in placed:
            errors += [
                one.corners - rendering.true_corners(view, body, pose, one.tag)
                for one in found
                if one.tag in body.corners
            ]
    return np.array(errors)


def test_corners_are_good_to_a_thirtieth_of_a_pixel_and_tags_are_not_shrunk():
    errors = _errors(range(4))
    assert len(errors) >= 40
    assert np.sqrt(np.square(errors).mean()) < 0.035
    # A bias would shrink or move tags: it has to be far smaller than the noise.
    assert np.abs(errors.mean(axis=0)).max() < 0.03
    assert np.sqrt(np.square(_errors(range(2), refine=False)).mean()) > 0.3


def test_a_corner_that_would_move_far_is_refused():
    pose = rendering.pose([0, 0, 700])
    image = rendering.render(LEFT, [(HEAD, pose)], 3)
    good = TagDetector("36h11").detect(image)
    shifted = [TagObservation(one.tag, one.corners + np.array([4.5, 0])) for one in good]
    assert len(refine_corners(image, good, LEFT)) == len(good)
    assert refine_corners(image, shifted, LEFT) == []


def test_no_sides_no_tag():
    flat = np.full((720, 1280), 120, np.uint8)
    square = np.array([[100.0, 100], [140, 100], [140, 140], [100, 140]])
    beyond = square - 130
    assert refine_corners(flat, [TagObservation(0, square), TagObservation(1, beyond)], LEFT) == []
    assert refine_corners(flat, [], LEFT) == []


def test_a_finger_over_a_quarter_of_a_side_is_trimmed():
    pose = rendering.pose([0, 0, 500])
    image = rendering.render(LEFT, [(HEAD, pose)], 5)
    truth = rendering.true_corners(LEFT, HEAD, pose, 2)
    detected = [one for one in TagDetector("36h11").detect(image) if one.tag == 2]
    middle = truth[:2].mean(axis=0)
    x, y = (int(value) for value in middle)
    image[y - 3 : y + 1, x - 5 : x + 5] = 120
    (refined,) = refine_corners(image, detected, LEFT)
    assert np.abs(refined.corners - truth).max() < 0.3


@pytest.mark.parametrize("inverted", [False, True], ids=["black", "inverted"])
@pytest.mark.parametrize("family", ["4x4_1000", "5x5_100", "16h5", "36h11", "mip_36h12", "7x7_50"])
def test_tags_of_every_size_of_code_and_inverted_ones_are_refined(family, inverted):
    errors = []
    for seed in range(3):
        true = single_tags.quad(turn_deg=13 + 62 * seed, centre=(120 + seed / 7, 99 - seed / 5))
        image = single_tags.picture(family, 3 + seed, true, inverted=inverted, seed=seed)
        rough = true + np.random.default_rng(seed).uniform(-0.8, 0.8, (4, 2))
        (refined,) = refine_corners(
            image, [TagObservation(3 + seed, rough)], None, family=family, inverted=inverted
        )
        errors.append(refined.corners - true)
    assert np.sqrt(np.square(errors).mean()) < 0.035


def test_a_tag_printed_the_other_way_round_has_no_sides():
    true = single_tags.quad()
    image = single_tags.picture("36h11", 5, true, inverted=True)
    assert refine_corners(image, [TagObservation(5, true)], None) == []


def test_a_bent_picture_is_straightened_only_with_its_camera():
    view = rendering.camera(distorted=True)
    bent = rendering.Camera(
        **{
            **{name: getattr(view, name) for name in view.__dataclass_fields__},
            "distortion": np.array([-0.35, 0.1, 0, 0, 0]),
        }
    )
    pose = rendering.pose([-170, -100, 340], [0, 0, 20])
    image = rendering.render(bent, [(HEAD, pose)], 4)
    found = [one for one in TagDetector("36h11").detect(image) if one.tag in HEAD.corners]
    assert len(found) >= 4

    def rms(camera):
        refined = refine_corners(image, found, camera)
        truth = [rendering.true_corners(bent, HEAD, pose, one.tag) for one in refined]
        return np.sqrt(np.square([one.corners for one in refined] - np.array(truth)).mean())

    assert rms(bent) < 0.04
    assert rms(None) > 2 * rms(bent)


@pytest.mark.parametrize("seed", range(8))
def test_nothing_that_an_image_can_be_breaks_it(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 60, 2).tolist()
    images = [
        rng.integers(0, 256, (height, width), dtype=np.uint8),
        np.zeros((height, width), np.uint8),
        np.full((height, width), 255, np.uint8),
    ]
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    quads = [
        square * rng.uniform(0, 60) + rng.uniform(-100, 100, 2),
        rng.uniform(-50, 120, (4, 2)),
        np.zeros((4, 2)),
        np.full((4, 2), np.nan),
        square * 1e12,
        square[::-1] * 30,
    ]
    wild = [TagObservation(number, one) for number, one in enumerate(quads)]
    wild += [TagObservation(-1, square * 30), TagObservation(10**6, square * 30)]
    for image in images:
        for one in refine_corners(image, wild, LEFT):
            assert np.isfinite(one.corners).all()
    for image in images[1:]:
        assert refine_corners(image, wild, LEFT) == []
