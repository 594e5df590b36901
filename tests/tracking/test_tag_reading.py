"""Expected tags are confirmed where they are, and nothing else is ever taken for one."""

import cv2
import numpy as np
import pytest

from tests.tracking import rendering, single_tags
from tracking.bodies import bent_plate
from tracking.detection import TagObservation
from tracking.tag_families import tag_family
from tracking.tag_reading import confirmed_tags, read_tags

HEAD = bent_plate("head", 0)
VIEW = rendering.camera()
POSE = rendering.pose([20, -10, 650], [8, 20, 4])
FAMILIES = ["36h11", "mip_36h12", "16h5", "4x4_1000", "5x5_50", "7x7_250"]


def _expected(offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return [
        TagObservation(
            tag,
            rendering.true_corners(VIEW, HEAD, POSE, tag)
            + rng.uniform(-offset, offset, 2)
            + rng.uniform(-0.3, 0.3, (4, 2)),
        )
        for tag in HEAD.corners
    ]


@pytest.fixture(scope="module")
def image():
    return rendering.render(VIEW, [(HEAD, POSE)], 1)


def test_tags_expected_three_pixels_off_are_read_and_refined(image):
    errors = []
    for seed in range(10):
        read = read_tags(image, _expected(3.0, seed), VIEW)
        assert {one.tag for one in read} == set(HEAD.corners)
        errors += [one.corners - rendering.true_corners(VIEW, HEAD, POSE, one.tag) for one in read]
    assert np.sqrt(np.square(errors).mean()) < 0.035


@pytest.mark.parametrize("inverted", [False, True], ids=["black", "inverted"])
@pytest.mark.parametrize("family", FAMILIES)
def test_any_family_is_read_and_no_other_id_turn_mirror_or_family_passes(family, inverted):
    true = single_tags.quad()
    image = single_tags.picture(family, 7, true, inverted=inverted)

    def read(tag, corners, other=family):
        observation = TagObservation(tag, corners)
        return read_tags(image, [observation], None, other, inverted=inverted)

    assert [one.tag for one in read(7, true)] == [7]
    others = [TagObservation(tag, true) for tag in range(len(tag_family(family).codes)) if tag != 7]
    assert read_tags(image, others, None, family, inverted=inverted) == []
    turned = [read(7, np.roll(true, turn, axis=0)) for turn in (1, 2, 3)]
    assert turned == [[], [], []]
    assert read(7, true[[1, 0, 3, 2]]) == []
    assert read_tags(image[:, ::-1].copy(), [TagObservation(7, true)], None, family) == []
    for strange in FAMILIES:
        assert strange == family or read(7, true, strange) == []


def test_a_hidden_tag_is_left_out_and_the_others_stay():
    image = rendering.render(VIEW, [(HEAD, POSE)], 2, hidden=[3])
    assert {one.tag for one in read_tags(image, _expected(1.0), VIEW)} == set(HEAD.corners) - {3}


def test_a_tag_whose_modules_are_covered_is_left_out(image):
    covered = image.copy()
    x, y = (int(v) for v in rendering.true_corners(VIEW, HEAD, POSE, 2).mean(axis=0))
    covered[y - 9 : y + 9, x - 9 : x + 9] = 120
    assert {one.tag for one in read_tags(covered, _expected(), VIEW)} == set(HEAD.corners) - {2}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda image: np.zeros_like(image),
        lambda image: np.full_like(image, 255),
        lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), 12), np.uint8),
        lambda image: np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint8),
        lambda image: image[:90, :160].copy(),
        lambda image: image[:1, :1].copy(),
        lambda image: np.roll(image, 40, axis=1),
    ],
    ids=["black", "over-exposed", "blurred", "noise", "cut", "one pixel", "moved"],
)
def test_a_spoilt_image_shows_no_tag(image, spoil):
    assert read_tags(spoil(image), _expected(2.0), VIEW) == []


def test_clutter_is_never_taken_for_a_tag():
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(40):
        coarse = rng.integers(0, 2, (60, 80)).astype(np.float32) * 200 + 20
        image = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_NEAREST)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8), np.uint8)
        expected = [
            TagObservation(int(tag), single_tags.quad(48, rng.uniform(60, 400, 2), turn, 1, 0))
            for tag, turn in zip(rng.integers(0, 50, 30), rng.integers(0, 4, 30) * 90, strict=True)
        ]
        wrong += len(read_tags(image, expected, None, "4x4_50"))
    assert wrong == 0


def test_what_cannot_be_expected_is_left_out(image):
    (first, *_) = _expected()
    for corners in (np.full((4, 2), np.nan), np.zeros((4, 2)), first.corners * 1e9):
        assert read_tags(image, [TagObservation(0, corners)], VIEW) == []
    assert read_tags(image, [TagObservation(-1, first.corners)], VIEW) == []
    assert read_tags(image, [TagObservation(5000, first.corners)], VIEW) == []
    assert read_tags(image, [], VIEW) == []


def test_refined_corners_around_another_code_are_not_confirmed():
    true = single_tags.quad()
    image = single_tags.picture("4x4_1000", 7, true)
    tags = [TagObservation(7, true), TagObservation(8, true), TagObservation(-2, true)]
    assert [one.tag for one in confirmed_tags(image, tags, "4x4_1000")] == [7]
    assert confirmed_tags(image, [], "4x4_1000") == []
