"""Bodies that cannot exist are refused; exact, measured and odd but possible ones are not."""

import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracking import rendering
from tracking.bodies import BodyError, MarkerBody, bent_plate
from tracking.body_check import check_bodies, check_body, side_lengths, tag_axes
from tracking.feed_description import BodyModel, FeedError, read_description
from tracking.setups import Setup, SetupError, read_setup, write_setup

PLATE = bent_plate("head", 0)
SQUARE = np.array([[-18.0, -18, 0], [18, -18, 0], [18, 18, 0], [-18, 18, 0]])
MIRRORED = [1, 0, 3, 2]


def by(*moves):
    return np.array(moves, dtype=float)


def body_of(corners, family="36h11"):
    return MarkerBody("head", family, corners)


def changed(tag, corners):
    return body_of({**PLATE.corners, tag: np.asarray(corners)})


def refusal(body):
    with pytest.raises(BodyError) as caught:
        check_body(body)
    message = str(caught.value)
    assert "'head'" in message
    return message


def flat_plate(gap=6.0):
    half = 18 + gap / 2
    return {
        tag: SQUARE + by(x, y, 0)
        for tag, (x, y) in enumerate([(-half, -half), (half, -half), (-half, half), (half, half)])
    }


def cube(side=50.0):
    """A tag on each of the six faces, seen from outside."""
    middle = SQUARE + by(0, 0, -side / 2)
    turns = [(0, 0, 0), (0, 90, 0), (0, 180, 0), (0, 270, 0), (90, 0, 0), (-90, 0, 0)]
    return {tag: rendering.pose([0, 0, 0], turn).apply(middle) for tag, turn in enumerate(turns)}


@pytest.mark.parametrize(
    "corners",
    [
        PLATE.corners,
        bent_plate("head", 0, bend_deg=60.0).corners,
        bent_plate("head", 0, bend_deg=0.0, gap=0.1).corners,
        {5: SQUARE},
        flat_plate(),
        flat_plate(gap=0.0),
        cube(),
        {0: SQUARE, 1: SQUARE[MIRRORED] + [0, 0, 2.0]},
    ],
    ids=["bent", "steep", "flat", "one tag", "four", "touching", "cube", "both sides of a board"],
)
def test_possible_bodies_pass_wherever_their_frame_is(corners):
    check_body(body_of(corners))
    for turn in ((90, 0, 0), (40, 50, 60), (0, 180, 0)):
        where = rendering.pose([100, -200, 300], turn)
        check_body(body_of({tag: where.apply(quad) for tag, quad in corners.items()}))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_measured_bodies_pass(seed):
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.96, 1.04) * np.array([1.0, rng.uniform(0.985, 1.015), 1.0])
    check_body(
        body_of(
            {
                tag: quad * scale + rng.normal(0, 0.15, 3) + rng.normal(0, 0.05, (4, 3))
                for tag, quad in PLATE.corners.items()
            }
        )
    )


def test_ids_and_families():
    with pytest.raises(BodyError, match="Tag family '4x4' is not known"):
        check_body(body_of({0: SQUARE}, "4x4"))
    check_body(body_of({586: SQUARE}))
    assert "Tag 587 of marker body 'head' does not exist in family 36h11" in refusal(
        body_of({587: SQUARE})
    )
    assert "Tag 250" in refusal(body_of({250: SQUARE}, "mip_36h12"))


@pytest.mark.parametrize(
    "corners",
    [
        SQUARE * [1, 0.9, 1],
        SQUARE + by([3, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]),
        SQUARE + by([0, 0, 3], [0, 0, -3], [0, 0, 3], [0, 0, -3]),
        SQUARE + by([4, 0, 0], [4, 0, 0], [-4, 0, 0], [-4, 0, 0]),
        SQUARE[[0, 2, 1, 3]],
        SQUARE[[0, 0, 2, 2]],
    ],
    ids=["oblong", "corner out", "warped", "rhomb", "crossed", "collapsed"],
)
def test_tags_that_are_not_square_or_not_flat(corners):
    assert "The corners of tag 3 of marker body 'head' form no flat square" in refusal(
        changed(3, corners + PLATE.corners[3].mean(axis=0) + [0, 60, 0])
    )


@pytest.mark.parametrize("scale", [0.001, 0.0, 100.0])
def test_tags_of_impossible_size(scale):
    message = refusal(body_of({tag: quad * scale for tag, quad in PLATE.corners.items()}))
    assert "mm wide" in message or "from the body's origin" in message


def test_tags_of_mixed_size_and_far_away():
    middle = PLATE.corners[2].mean(axis=0)
    message = refusal(changed(2, (PLATE.corners[2] - middle) * 0.8 + middle))
    assert "Tag 2 of marker body 'head' is 28.8 mm wide, the others are 36.0 mm" in message
    assert "Tag 4" in refusal(changed(4, PLATE.corners[4] + [5000, 0, 0]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SQUARE, SQUARE + by(10, 20, 0)),
        (SQUARE, SQUARE),
        (SQUARE, rendering.pose([5, 0, 0], (0, 40, 0)).apply(SQUARE)),
        (SQUARE, rendering.pose([20, 20, 0], (0, 0, 45)).apply(SQUARE)),
        (SQUARE, SQUARE + by(0, 0, 0.3)),
    ],
    ids=["shifted", "same place", "crossing", "turned", "one on the other"],
)
def test_tags_that_overlap(one, other):
    assert "Tags 7 and 9 of marker body 'head' overlap" in refusal(body_of({7: one, 9: other}))


def test_tags_near_each_other_that_do_not_overlap():
    turned = rendering.pose([44, 0, 0], (0, 0, 45)).apply(SQUARE)
    check_body(body_of({7: SQUARE, 9: turned}))


@pytest.mark.parametrize("tag", PLATE.corners)
def test_one_mirrored_tag(tag):
    message = refusal(changed(tag, PLATE.corners[tag][MIRRORED]))
    assert f"Tag {tag} of marker body 'head' is seen from the inside" in message


@pytest.mark.parametrize("mirror", [(-1, 1, 1), (1, -1, 1), (1, 1, -1)])
def test_a_mirrored_body(mirror):
    for corners in (PLATE.corners, cube()):
        message = refusal(body_of({tag: quad * mirror for tag, quad in corners.items()}))
        assert message.startswith("Tags 0, 1, 2, 3, 4 and 5 of marker body 'head'")


def test_a_mirrored_tag_on_a_flat_plate():
    corners = flat_plate()
    corners[1] = corners[1][MIRRORED]
    assert refusal(body_of(corners)).startswith("Tag 1 of marker body 'head' is seen from")


def test_bodies_share_neither_names_nor_tags():
    check_bodies([PLATE, bent_plate("coil_body", 6)])
    with pytest.raises(BodyError, match="Tag 5 belongs to marker body 'head' and to 'coil_body'"):
        check_bodies([PLATE, bent_plate("coil_body", 5)])
    with pytest.raises(BodyError, match="Two marker bodies are called 'head'"):
        check_bodies([PLATE, bent_plate("head", 6)])
    check_bodies([PLATE, bent_plate("coil_body", 0, family="mip_36h12")])


def test_axes_and_sides_of_a_tag():
    across, down, front = tag_axes(SQUARE[None])
    assert across[0].tolist() == [1, 0, 0]
    assert down[0].tolist() == [0, 1, 0]
    assert front[0].tolist() == [0, 0, -1], "towards who reads it"
    assert side_lengths(SQUARE[None]) == pytest.approx([36.0])


def mirrored_model():
    return BodyModel.of(changed(3, PLATE.corners[3][MIRRORED]))


def test_a_setup_refuses_an_impossible_body(tmp_path):
    write_setup(tmp_path, Setup(name="room", bodies=(BodyModel.of(PLATE),)))
    assert len(read_setup(tmp_path).bodies) == 1
    write_setup(tmp_path, Setup(name="room", bodies=(mirrored_model(),)))
    with pytest.raises(SetupError, match=r"setup\.json: Tag 3 of marker body 'head' is seen"):
        read_setup(tmp_path)
    twice = BodyModel.of(PLATE).model_copy(update={"name": "pointer"})
    write_setup(tmp_path, Setup(name="room", bodies=(BodyModel.of(PLATE), twice)))
    with pytest.raises(SetupError, match="Tag 0 belongs to marker body 'head' and to 'pointer'"):
        read_setup(tmp_path)


def test_a_feed_refuses_an_impossible_body(tmp_path):
    path = tmp_path / "feed.json"
    text = (files("resources") / "practice.feed" / "feed.json").read_text(encoding="utf-8")
    data = json.loads(text)
    data["bodies"][0] = mirrored_model().model_dump(mode="json")
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(FeedError, match=r"feed\.json: Tag 3 of marker body 'head' is seen"):
        read_description(path)
    data = json.loads(text)
    data["bodies"][0]["tags"][1]["id"] = data["bodies"][0]["tags"][0]["id"]
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(FeedError, match="is listed more than once"):
        read_description(path)
