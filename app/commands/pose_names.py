"""What a person says of another tracker on the command line: its address, its names.

In: words. Out: values, or wrong use told in one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.commands.output import Failure
from tracking.foreign_poses import NamesError, TransformNames, parse_names
from tracking.igtl.address import Address, AddressError, parse_address


def names_from_words(words: Sequence[str] | None) -> TransformNames:
    """Read what stands after ``--map``; without it the usual names, and all others as they are.

    Raises
    ------
    Failure
        With status 2 if they cannot be followed.
    """
    try:
        return TransformNames(parse_names(words)) if words else TransformNames(others=True)
    except NamesError as error:
        raise Failure(str(error), status=2) from error


def address_from_words(words: str) -> Address:
    """Read ``[HOST:]PORT`` or ``HOST``.

    Raises
    ------
    Failure
        With status 2 if it is no address.
    """
    try:
        return parse_address(words)
    except AddressError as error:
        raise Failure(str(error), status=2) from error
