"""Tags are found in whole images and in regions, and only where they are."""

import numpy as np
import pytest

from tests.tracking import rendering
from tracking.bodies import bent_plate
from tracking.detection import Region, TagDetector, TagFamilyError

HEAD = bent_plate("head", 0)
VIEW = rendering.camera(focal=920.0)
POSE = rendering.pose([100, 60, 800], [8, 20, 4])


@pytest.fixture(scope="module")
def image():
    return rendering.render(VIEW, [(HEAD, POSE)], 1)


def _worst(observations):
    return max(
        np.abs(one.corners - rendering.true_corners(VIEW, HEAD, POSE, one.tag)).max()
        for one in observations
    )


def test_the_whole_image_gives_all_tags_near_their_place(image):
    found = TagDetector("36h11").detect(image)
    assert {one.tag for one in found} == set(HEAD.corners)
    assert _worst(found) < 2.5


def test_a_region_gives_the_same_tags_in_pixels_of_the_image(image):
    pixels = VIEW.project_world(POSE.apply(np.concatenate(list(HEAD.corners.values()))))
    region = Region.around(pixels, 30, 1280, 720)
    found = TagDetector("36h11").detect(image, [region, region])
    assert sorted(one.tag for one in found) == sorted(HEAD.corners)
    assert _worst(found) < 2.5


def test_quick_acquisition_places_tags_without_a_half_pixel_shift(image):
    found = TagDetector("36h11").acquire(image)
    errors = [one.corners - rendering.true_corners(VIEW, HEAD, POSE, one.tag) for one in found]
    assert len(found) >= 2
    assert np.abs(np.mean(errors, axis=(0, 1))).max() < 0.4


def test_an_empty_picture_and_no_regions_give_nothing(image):
    detector = TagDetector("36h11")
    assert detector.detect(np.full((720, 1280), 90, np.uint8)) == []
    assert detector.detect(image, []) == []
    assert detector.detect(image, [Region(5, 5, 9, 9)]) == []


def test_a_region_is_cut_to_the_image_or_is_none():
    assert Region.around(np.array([[-50.0, 10], [20, 30]]), 5, 100, 50) == Region(0, 5, 26, 36)
    assert Region.around(np.array([[-50.0, 10]]), 5, 100, 50) is None
    assert Region.around(np.array([[np.nan, 10]]), 5, 100, 50) is None


def test_an_unknown_family_is_named_with_the_known_ones():
    with pytest.raises(TagFamilyError, match=r"'42h1' is not known. Use one of .*36h11"):
        TagDetector("42h1")
