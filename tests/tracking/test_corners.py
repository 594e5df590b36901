"""Refined corners against rendered truth, in OpenCV's pixel convention."""

import numpy as np

from tests.tracking import rendering
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


def test_corners_are_good_to_a_twentieth_of_a_pixel_and_tags_are_not_shrunk():
    errors = _errors(range(4))
    assert len(errors) >= 40
    assert np.sqrt(np.square(errors).mean()) < 0.05
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
