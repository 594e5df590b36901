"""Numbers of tags as people write them."""

from __future__ import annotations

MOST_TAGS = 100


class TagIdsError(ValueError):
    """A text that does not list tags; the message says how to write them."""


def tag_ids(text: str) -> tuple[int, ...]:
    """Read ids such as ``6-11`` or ``0,2,4-5``.

    Raises
    ------
    TagIdsError
        If it is neither, lists an id twice, or more than 100.
    """
    ids: list[int] = []
    for part in text.split(","):
        first, dash, last = (one.strip() for one in part.partition("-"))
        plain = first.isascii() and first.isdecimal() and len(first) <= 5
        if not plain or (dash and not (last.isascii() and last.isdecimal() and len(last) <= 5)):
            raise TagIdsError(f"'{text}' does not list tags: write them as 6-11 or 0,2,5.")
        ids += range(int(first), int(last or first) + 1)
        if len(ids) > MOST_TAGS:
            break
    if not ids or len(set(ids)) < len(ids) or len(ids) > MOST_TAGS:
        raise TagIdsError(f"'{text}' must list each tag once, {MOST_TAGS} at most.")
    return tuple(ids)
