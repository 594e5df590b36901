"""The coil pose that the practice is about, from the default head's list of targets.

In: ``head.json``. Out: a named coil pose in ``mri``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable

from pydantic import ValidationError

from tracking.feed_description import TargetModel


class TargetError(Exception):
    """A head file without the wanted target; the message names both."""


def default_head_file() -> Traversable:
    """Where the default head's landmarks and targets lie."""
    return files("resources") / "default_head" / "head.json"


def read_target(head_file: Traversable, name: str) -> TargetModel:
    """Read the target called `name` from a head file.

    Raises
    ------
    TargetError
        If the file cannot be read or has no such target.
    """
    try:
        entries = json.loads(head_file.read_text(encoding="utf-8"))["targets"]
        targets = {each.name: each for each in map(TargetModel.model_validate, entries)}
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise TargetError(
            f"{head_file} gives no list of targets ({type(error).__name__}). "
            "Name the head.json of a head folder with --head."
        ) from error
    if name not in targets:
        raise TargetError(
            f"{head_file} has no target '{name}'. It has: {', '.join(sorted(targets))}."
        )
    return targets[name]
