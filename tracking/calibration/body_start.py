"""A first geometry of a marker body of which nothing is known but the size of its tags.

In: views of tags. Out: which tags are rigidly joined, and roughly where each lies on the body.

One flat tag allows two poses (Collins and Bartoli 2014), so two tags in one view allow at least
four relative poses. The true one is the same in every view, the others are not: it is the one
with most company among all views. Tags are joined along the tree of the best supported pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.spatial.transform import Rotation

from tracking.bodies import MarkerBody
from tracking.calibration.body_problem import CORNERS
from tracking.calibration.tag_views import TagView
from tracking.cameras import Camera
from tracking.planar_poses import planar_placements
from tracking.reprojection import Placement, sighting_of

FloatArray = NDArray[np.float64]
Item = TypeVar("Item")

MOST_VIEWS = 40
"""Views of a pair that vote; more only cost time."""

NEAR_RAD = np.deg2rad(6.0)
NEAR_SHARE = 0.15
"""Relative poses are the same within this angle, and this part of the distance of the tags."""

LEAST_SUPPORT = 4
LEAST_SHARE = 0.5
"""Of the views in which both tags of a pair are seen, so many must agree for them to be rigid."""


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """Two tags seen together: ``first_from_second``, and how many views agree with it."""

    first: int
    second: int
    rotation: FloatArray
    translation: FloatArray
    support: int
    views: int

    @property
    def rigid(self) -> bool:
        """Whether enough views agree."""
        return self.support >= max(LEAST_SUPPORT, LEAST_SHARE * self.views)


def find_pairs(
    views: Sequence[TagView],
    half_sides: Mapping[int, float],
    cameras: Mapping[str, Camera],
    family: str,
) -> list[Pair]:
    """Look at every pair of tags that is seen together, in one camera or in two.

    Parameters
    ----------
    views
        What was seen.
    half_sides
        Tag id -> half its side, mm. Other tags are passed over.
    cameras
        Camera name -> calibration.
    family
        Tag family.
    """
    squares = {
        tag: MarkerBody("tag", family, {tag: half * CORNERS}) for tag, half in half_sides.items()
    }
    placed = [_placements(view, squares, cameras) for view in some_of(views, 3 * MOST_VIEWS)]
    pairs = []
    for first, second in combinations(sorted(half_sides), 2):
        both = [one for one in placed if first in one and second in one]
        if both:
            pairs.append(_vote(first, second, some_of(both, MOST_VIEWS)))
    return pairs


def rigid_groups(pairs: Sequence[Pair], ids: Sequence[int]) -> list[list[int]]:
    """Give the tags of each body: those that are joined by rigid pairs. Largest first."""
    index = {tag: number for number, tag in enumerate(ids)}
    joined = np.zeros((len(ids), len(ids)))
    for pair in pairs:
        if pair.first in index and pair.second in index:
            joined[index[pair.first], index[pair.second]] = pair.rigid
    count, labels = connected_components(csr_array(joined), directed=False)
    groups = [[tag for tag in ids if labels[index[tag]] == label] for label in range(count)]
    return sorted(groups, key=len, reverse=True)


def first_geometry(
    pairs: Sequence[Pair], ids: Sequence[int]
) -> tuple[int, Mapping[int, Placement]]:
    """Give the tag of the best supported pairs, and the others' pose in its frame.

    `ids` must be one of the groups of :func:`rigid_groups`.
    """
    index = {tag: number for number, tag in enumerate(ids)}
    cost = np.zeros((len(ids), len(ids)))
    known: dict[tuple[int, int], Placement] = {}
    for pair in pairs:
        if pair.rigid and pair.first in index and pair.second in index:
            one, other = index[pair.first], index[pair.second]
            cost[one, other] = 1.0 / pair.support
            known[one, other] = Placement(pair.rotation, pair.translation)
            known[other, one] = _inverse(known[one, other])
    tree = minimum_spanning_tree(csr_array(cost))
    support = np.where(cost > 0, 1.0 / np.where(cost > 0, cost, 1.0), 0.0)
    root = int((support.sum(axis=0) + support.sum(axis=1)).argmax())
    order, parents = breadth_first_order(tree, root, directed=False)
    places = {root: Placement(np.eye(3), np.zeros(3))}
    for number in order[1:].tolist():
        parent = int(parents[number])
        places[number] = _product(places[parent], known[parent, number])
    return ids[root], {ids[number]: place for number, place in places.items()}


def scale_from_cameras(
    views: Sequence[TagView],
    half_sides: Mapping[int, float],
    cameras: Mapping[str, Camera],
    family: str,
) -> float | None:
    """Give how much larger the tags are than assumed, by where two cameras see them at once.

    From ``c1 + s d1 = c2 + s d2`` with the cameras' centres c and the ways d from them to a tag
    of assumed size. None if no tag is seen by two cameras at once.
    """
    centres = {name: camera.camera_from_world.inv().translation for name, camera in cameras.items()}
    squares = {
        tag: MarkerBody("tag", family, {tag: half * CORNERS}) for tag, half in half_sides.items()
    }
    scales = []
    for view in some_of(views, MOST_VIEWS):
        ways: dict[int, list[tuple[FloatArray, FloatArray]]] = {}
        for camera, seen in view.tags.items():
            alone = TagView(view.time_ns, {camera: seen})
            for tag, places in _placements(alone, squares, cameras).items():
                way = np.mean([place.translation for place in places], axis=0) - centres[camera]
                ways.setdefault(tag, []).append((centres[camera], way))
        for known in ways.values():
            for (centre, way), (other_centre, other_way) in combinations(known, 2):
                across, apart = way - other_way, other_centre - centre
                scales.append(float(across @ apart / (across @ across)))
    return float(np.median(scales)) if scales else None


def some_of(items: Sequence[Item], most: int) -> list[Item]:
    """Give at most `most` of `items`, evenly spread."""
    chosen = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    return [items[number] for number in chosen.tolist()]


def _placements(
    view: TagView, squares: Mapping[int, MarkerBody], cameras: Mapping[str, Camera]
) -> dict[int, list[Placement]]:
    """Tag id -> all poses in ``world`` that its image in any one camera allows."""
    placed: dict[int, list[Placement]] = {}
    for camera, seen in view.tags.items():
        for one in seen:
            if one.tag in squares:
                sighting = sighting_of(squares[one.tag], {camera: [one]}, cameras)
                if sighting is not None:
                    placed.setdefault(one.tag, []).extend(planar_placements(sighting, 1))
    return {tag: places for tag, places in placed.items() if places}


def _vote(first: int, second: int, views: Sequence[Mapping[int, list[Placement]]]) -> Pair:
    """Find the relative pose with most company, and its mean over the company."""
    candidates = [
        (number, _product(_inverse(one), other))
        for number, view in enumerate(views)
        for one in view[first]
        for other in view[second]
    ]
    of_view = np.array([number for number, _ in candidates])
    rotations = np.array([place.rotation for _, place in candidates])
    translations = np.array([place.translation for _, place in candidates])
    trace = np.einsum("aij,bij->ab", rotations, rotations)
    apart = np.arccos(np.clip((trace - 1) / 2, -1, 1))
    shift = np.linalg.norm(translations[:, None] - translations, axis=2)
    near = (apart < NEAR_RAD) & (shift < NEAR_SHARE * np.linalg.norm(translations, axis=1)[:, None])
    # A view speaks once, however many of its candidates are near.
    voices = np.zeros((len(candidates), len(views)), dtype=bool)
    for number in range(len(views)):
        voices[:, number] = near[:, of_view == number].any(axis=1)
    support = voices.sum(axis=1)
    # Among equals, the one that lies most in the middle of its company.
    spread = np.where(near, apart, 0.0).sum(axis=1) / np.maximum(near.sum(axis=1), 1)
    best = int(np.lexsort((spread, -support))[0])
    company = near[best]
    mean = Rotation.from_matrix(rotations[company]).mean().as_matrix()
    return Pair(
        first,
        second,
        np.asarray(mean, dtype=np.float64),
        np.median(translations[company], axis=0),
        int(support[best]),
        len(views),
    )


def _inverse(place: Placement) -> Placement:
    return Placement(place.rotation.T, -place.rotation.T @ place.translation)


def _product(first: Placement, second: Placement) -> Placement:
    return Placement(
        first.rotation @ second.rotation, first.rotation @ second.translation + first.translation
    )
