"""Numbers of tags are read as people write them, and nothing else is."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.tag_ids import TagIdsError, tag_ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("6-11", (6, 7, 8, 9, 10, 11)),
        ("0,2,4-5", (0, 2, 4, 5)),
        (" 3 , 7 - 8 ", (3, 7, 8)),
        ("12", (12,)),
        ("5-5", (5,)),
    ],
)
def test_lists_and_ranges_are_read(text, ids):
    assert tag_ids(text) == ids


@pytest.mark.parametrize(
    "text",
    ["", ",", "a", "6-", "-6", "1,,2", "1.5", "1;2", "²", "٣", "0-100", "7,7", "5-3", "0-99999",
     "123456", "1-2-3"],
)  # fmt: skip
def test_what_lists_no_tags_is_refused_with_how_to_write_them(text):
    with pytest.raises(TagIdsError, match=r"tags|tag once"):
        tag_ids(text)


@given(st.lists(st.integers(0, 99999), min_size=1, max_size=100, unique=True))
def test_any_list_of_single_tags_is_read_in_its_order(ids):
    assert tag_ids(",".join(map(str, ids))) == tuple(ids)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    with suppress(TagIdsError):
        assert 0 < len(tag_ids(text)) <= 100
