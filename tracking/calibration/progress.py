"""Tells how far the gathering of board views has come, and the one thing to do next.

In: what was gathered. Out: :class:`~tracking.calibration.collector.Progress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from tracking.calibration.assessment import (
    FEWEST_COMMON,
    FEWEST_TILTED,
    FEWEST_VIEWS,
    REFUSED_COVERAGE,
    WARNED_COVERAGE,
    WISHED_COMMON,
    WISHED_TILTED,
    WISHED_VIEWS,
)
from tracking.calibration.board_finder import BoardView
from tracking.calibration.collector import Progress
from tracking.calibration.gathering import BoardGathering

SLOWER = "Move the board more slowly: fast pictures are blurred."
UNSEEN = "Hold the board before the cameras. If it is not found, check the board file."
ENOUGH = "Enough was gathered."


def lens_progress(gathering: BoardGathering, found: Mapping[str, BoardView]) -> Progress:
    """Progress of gathering for lenses; `found` is in the newest pictures."""
    shares = {name: _lens_share(gathering, name) for name in gathering.cameras}
    worst = min(shares, key=lambda name: shares[name])
    ready = all(
        len(gathering.views(name)) >= FEWEST_VIEWS
        and gathering.covered(name) >= REFUSED_COVERAGE
        and gathering.tilted(name) >= FEWEST_TILTED
        for name in gathering.cameras
    )
    return _progress(gathering, found, shares[worst], ready, _lens_hint(gathering, worst))


def placing_progress(gathering: BoardGathering, found: Mapping[str, BoardView]) -> Progress:
    """Progress of gathering for places; `found` is in the newest pictures."""
    pairs = dict.fromkeys(combinations(sorted(gathering.cameras), 2), 0)
    for instant in gathering.instants:
        for pair in combinations(sorted(view.camera for view in instant), 2):
            pairs[pair] += 1
    common = {
        name: max(count for pair, count in pairs.items() if name in pair)
        for name in gathering.cameras
    }
    worst = min(common, key=lambda name: common[name])
    share = min(1.0, common[worst] / WISHED_COMMON)
    hint = ENOUGH
    if share < 1.0:
        hint = f"Hold the board where camera '{worst}' and another see it together."
    return _progress(gathering, found, share, common[worst] >= FEWEST_COMMON, hint)


def _progress(
    gathering: BoardGathering,
    found: Mapping[str, BoardView],
    share: float,
    ready: bool,
    hint: str,
) -> Progress:
    if gathering.too_fast():
        hint = SLOWER
    elif not gathering.instants and not found:
        hint = UNSEEN
    return Progress(
        share=share,
        ready=ready,
        hint=hint,
        found=gathering.shown(found),
        coverage=gathering.coverage(),
    )


def _lens_share(gathering: BoardGathering, name: str) -> float:
    return min(
        1.0,
        len(gathering.views(name)) / WISHED_VIEWS,
        gathering.covered(name) / WARNED_COVERAGE,
        gathering.tilted(name) / WISHED_TILTED,
    )


def _lens_hint(gathering: BoardGathering, name: str) -> str:
    whose = f" of camera '{name}'" if len(gathering.cameras) > 1 else ""
    if not gathering.views(name):
        return f"Hold the board into the picture{whose}."
    if gathering.covered(name) < WARNED_COVERAGE:
        return f"Hold the board into the {gathering.empty_place(name)} of the picture{whose}."
    if gathering.tilted(name) < WISHED_TILTED:
        return f"Tilt the board by 20 to 45 degrees in the picture{whose}."
    if len(gathering.views(name)) < WISHED_VIEWS:
        return f"Show the board at more places and distances in the picture{whose}."
    return ENOUGH
