"""Body files: written and read back, and whatever is wrong with one is told in a sentence."""

import datetime
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tracking import rendering
from tracking.bodies import bent_plate
from tracking.body_check import check_body
from tracking.body_file import (
    LARGEST_FILE,
    BodyFile,
    BodyFileError,
    MeasuredOrigin,
    NominalOrigin,
    SheetOrigin,
    body_file_text,
    read_body_file,
    write_body_file,
)

PLATE = bent_plate("head", 0)
SHEET = SheetOrigin(kind="head", tag_size=36.0, gap=4.0, bend_deg=35.0)
TEXT = body_file_text(BodyFile.of(PLATE, NominalOrigin(), SHEET))


def data():
    return json.loads(TEXT)


def refusal(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
    with pytest.raises(BodyFileError) as caught:
        read_body_file(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.fixture
def path(tmp_path):
    return tmp_path / "head.json"


def test_what_is_written_is_read_back(path):
    turned = rendering.pose([1, 2, 3], (10, 20, 30))
    corners = {tag: turned.apply(quad) for tag, quad in PLATE.corners.items()}
    body = type(PLATE)("head", "36h11", corners)
    origin = MeasuredOrigin(date=datetime.date(2026, 3, 1), result="body-head-1.json")
    write_body_file(path, BodyFile.of(body, origin, SHEET))
    file = read_body_file(path)
    assert file.origin == origin
    assert file.sheet == SHEET
    again = file.body()
    assert (again.name, again.family, list(again.corners)) == ("head", "36h11", list(range(6)))
    for tag, quad in corners.items():
        assert again.corners[tag] == pytest.approx(quad, abs=6e-5)
    assert not list(path.parent.glob("*.new"))


def test_the_file_is_for_people(path):
    lines = TEXT.splitlines()
    assert sum('"corners"' in line for line in lines) == len(PLATE.corners)
    assert max(map(len, lines)) < 160
    assert "-0.0," not in TEXT


def test_missing_unreadable_and_too_large_files(path):
    with pytest.raises(BodyFileError, match=r"head\.json cannot be read"):
        read_body_file(path)
    with pytest.raises(BodyFileError, match="cannot be read"):
        read_body_file(path.parent)
    assert "larger than a body file can be" in refusal(path, TEXT + " " * LARGEST_FILE)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "not a valid body file"),
        (TEXT[:200], "not a valid body file"),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "is not a text file"),
        ("[" * 100_000, "not a valid body file"),
        ("[]", "is not a body file"),
        ("3", "is not a body file"),
        (TEXT.replace("-18.0", "NaN", 1), "NaN is no length"),
        (TEXT.replace("-18.0", "-Infinity", 1), "-Infinity is no length"),
        (TEXT.replace("-18.0", "1e999", 1), "tag 2, entry 3 of 'tags' is wrong"),
        (TEXT.replace("-18.0", "1" * 5000, 1), "not a valid body file"),
        (TEXT.replace('"unit"', '"name": "x", "unit"', 1), "'name' stands twice"),
        (TEXT.replace('{"id": 3,', '{"id": 3, "id": 4,'), "'id' stands twice"),
    ],
)
def test_text_that_is_no_body_file(path, content, told):
    assert told in refusal(path, content)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema_version": 2}, "schema version 2, this program reads 1"),
        ({"schema_version": None}, "schema version None"),
        ({"schema_version": True}, "schema version True"),
        ({"unit": "m"}, "the unit is 'm', body files are in 'mm'"),
        ({"family": "4x4_9"}, "Tag family '4x4_9' is not known"),
        ({"name": ""}, "'name' is wrong"),
        ({"tags": []}, "'tags' is wrong"),
        ({"tags": {}}, "'tags' is wrong"),
        ({"origin": {"kind": "guessed"}}, "'origin' is wrong"),
        ({"origin": {"kind": "measured"}}, "'origin.measured.date' is wrong"),
        ({"colour": "red"}, "'colour' is wrong"),
    ],
)
def test_fields_that_are_wrong(path, change, told):
    assert told in refusal(path, data() | change)


def test_a_missing_unit(path):
    content = data()
    del content["unit"]
    assert "the unit is None" in refusal(path, content)


def edited(tag, **change):
    content = data()
    content["tags"][tag].update(change)
    return content


def test_the_tag_that_is_wrong_is_named(path):
    corners = data()["tags"][3]["corners"]
    mirrored = [corners[index] for index in (1, 0, 3, 2)]
    assert "Tag 1 of marker body 'head' is listed more than once" in refusal(path, edited(2, id=1))
    assert "Tag 900 of marker body 'head' does not exist" in refusal(path, edited(2, id=900))
    assert "tag -1, entry 3 of 'tags'" in refusal(path, edited(2, id=-1))
    assert "tag 3, entry 4 of 'tags'" in refusal(path, edited(3, corners=corners[:3]))
    assert "tag 3, entry 4 of 'tags'" in refusal(path, edited(3, corners="far"))
    assert "Tag 3 of marker body 'head' is seen from the inside" in refusal(
        path, edited(3, corners=mirrored)
    )
    assert "Tags 2 and 3 of marker body 'head' overlap" in refusal(
        path, edited(3, corners=data()["tags"][2]["corners"])
    )
    metres = (np.array(corners) / 1000).tolist()
    assert "tag 3 of" in refusal(path, edited(3, corners=metres)).lower()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["36h11", "mm", "nominal", 0, 1, 18.0, -18.0, 1e308])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def places(value, here=()):
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*here, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield from places(inner, (*here, key))


PLACES = [place for place in places(data()) if place]


@st.composite
def mutated_files(draw):
    """A file with values put elsewhere, or with bytes changed, cut out or put in."""
    content = data()
    for place in draw(st.lists(st.sampled_from(PLACES), max_size=3)):
        holder = content
        try:
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = draw(VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken this place away
    raw = bytearray(json.dumps(content).encode())
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 8)))
        raw[start:end] = draw(st.binary(max_size=4))
    return bytes(raw)


def refused_or_sound(path, content):
    path.write_bytes(content)
    try:
        file = read_body_file(path)
    except BodyFileError as error:
        message = str(error)
    else:
        check_body(file.body())
        assert np.isfinite(list(file.body().corners.values())).all()
        return
    assert message.startswith(str(path))
    assert "\n" not in message


@given(content=mutated_files())
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_mutated_files_are_refused_or_sound(tmp_path, content):
    refused_or_sound(tmp_path / "head.json", content)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@given(content=mutated_files())
@settings(
    max_examples=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_mutated_files_are_refused_or_sound_at_length(tmp_path, content):
    refused_or_sound(tmp_path / "head.json", content)
