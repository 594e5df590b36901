"""Whether a marker body can exist: tags of its family, square, apart, and seen from outside.

In: bodies from a file that a person or another program wrote. Out: nothing, or a
:class:`~tracking.bodies.BodyError` whose one sentence names the body and the tag and is followed by
the remedy. Lengths are mm.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from tracking.bodies import BodyError, MarkerBody
from tracking.tag_families import DICTIONARIES

FloatArray = NDArray[np.float64]

SMALLEST_TAG, LARGEST_TAG = 4.0, 500.0
FARTHEST = 2000.0
"""No corner lies farther from its body's origin."""

SHAPE_SHARE = 0.015
"""A corner may lie this share of the side off the best square: a printer that stretches one way by
3 %, and what a measurement adds to that."""

SIZE_SHARE = 0.05
"""Tags of one body may differ in size by this share."""

OVERLAP_SHARE = 0.02
"""Tags may overlap by this share of their side: measured bodies are not exact."""

LEAF = 0.5
"""Tags in planes farther apart than this do not overlap: they are on two faces of a board."""

INSIDE_SHARE = 0.1
"""A tag faces inwards if the body's middle lies this share of its side in front of it."""

SQUARE = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])


def check_body(body: MarkerBody) -> None:
    """Check family, ids and geometry of `body`.

    Raises
    ------
    BodyError
        If its family is unknown or lacks one of its ids; if a tag is not square or of an impossible
        size; if tags differ in size, overlap, or face the inside of the body (listed in mirrored
        order, or from behind).
    """
    _check_ids(body)
    tags = list(body.corners)
    corners = np.array([body.corners[tag] for tag in tags])
    sides = _check_squares(body.name, tags, corners)
    _check_sizes(body.name, tags, sides)
    _check_overlap(body.name, tags, corners, float(np.median(sides)))
    _check_facing(body.name, tags, corners, float(np.median(sides)))


def check_bodies(bodies: Iterable[MarkerBody]) -> None:
    """Check each body, and that no two share a name or a tag.

    Raises
    ------
    BodyError
        As :func:`check_body`, or if two bodies have the same name or the same tag.
    """
    owners: dict[tuple[str, int], str] = {}
    names: set[str] = set()
    for body in bodies:
        check_body(body)
        if body.name in names:
            raise BodyError(f"Two marker bodies are called '{body.name}'. Rename one of them.")
        names.add(body.name)
        for tag in body.corners:
            owner = owners.setdefault((body.family, tag), body.name)
            if owner != body.name:
                raise BodyError(
                    f"Tag {tag} belongs to marker body '{owner}' and to '{body.name}'. "
                    "Print one of them with other ids ('coilpilot markers --first-tag')."
                )


def family_size(family: str) -> int:
    """Give the number of ids of a tag family.

    Raises
    ------
    BodyError
        If the family is unknown.
    """
    if family not in DICTIONARIES:
        raise BodyError(
            f"Tag family '{family}' is not known. Use one of {', '.join(DICTIONARIES)}."
        )
    return int(cv2.aruco.getPredefinedDictionary(DICTIONARIES[family]).bytesList.shape[0])


def side_lengths(corners: FloatArray) -> FloatArray:
    """Give the mean side (N,) of tags with `corners` (N, 4, 3), mm."""
    return np.asarray(
        np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).mean(axis=1),
        dtype=np.float64,
    )


def tag_axes(corners: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give unit vectors (N, 3) of tags (N, 4, 3): across, down as printed; out of the front."""
    across = (corners[:, 1] + corners[:, 2]) - (corners[:, 0] + corners[:, 3])
    down = (corners[:, 2] + corners[:, 3]) - (corners[:, 0] + corners[:, 1])
    across, down, front = (_unit(v) for v in (across, down, np.cross(down, across)))
    return across, down, front


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length == 0, 1.0, length), dtype=np.float64)


def _check_ids(body: MarkerBody) -> None:
    count = family_size(body.family)
    for tag in body.corners:
        if not 0 <= tag < count:
            raise BodyError(
                f"Tag {tag} of marker body '{body.name}' does not exist in family {body.family}, "
                f"whose ids run from 0 to {count - 1}. Correct the id or the family."
            )


def _check_squares(name: str, tags: list[int], corners: FloatArray) -> FloatArray:
    for tag, quad in zip(tags, corners, strict=True):
        if np.abs(quad).max() > FARTHEST:
            raise BodyError(
                f"Tag {tag} of marker body '{name}' lies more than {FARTHEST:g} mm from the "
                "body's origin. Write its corners in mm."
            )
    sides = side_lengths(corners)
    for tag, quad, side in zip(tags, corners, sides.tolist(), strict=True):
        if not SMALLEST_TAG <= side <= LARGEST_TAG:
            raise BodyError(
                f"Tag {tag} of marker body '{name}' would be {side:.3g} mm wide, which no camera "
                f"can use. Write corners of a tag of {SMALLEST_TAG:g} to {LARGEST_TAG:g} mm, in mm."
            )
        if np.abs(quad - _best_square(quad, side)).max() > SHAPE_SHARE * side:
            raise BodyError(
                f"The corners of tag {tag} of marker body '{name}' form no flat square. "
                "List them clockwise as printed, starting top left, or measure the body anew."
            )
    return sides


def _best_square(quad: FloatArray, side: float) -> FloatArray:
    """Give the square (4, 3) of that `side` which lies closest to `quad` (4, 3)."""
    middle = quad.mean(axis=0)
    # The orthogonal Procrustes problem; of the third axis the corners of a square tell nothing.
    left, _, right = np.linalg.svd(SQUARE.T @ (quad - middle), full_matrices=False)
    return np.asarray(middle + side * SQUARE @ (left @ right), dtype=np.float64)


def _check_sizes(name: str, tags: list[int], sides: FloatArray) -> None:
    usual = float(np.median(sides))
    odd = int(np.argmax(np.abs(sides - usual)))
    if abs(sides[odd] - usual) > SIZE_SHARE * usual:
        raise BodyError(
            f"Tag {tags[odd]} of marker body '{name}' is {sides[odd]:.1f} mm wide, the others are "
            f"{usual:.1f} mm. Print all tags of a body in one size, or correct its corners."
        )


def _check_overlap(name: str, tags: list[int], corners: FloatArray, side: float) -> None:
    middles = corners.mean(axis=1)
    axes = np.stack(tag_axes(corners), axis=1)
    for one in range(len(tags)):
        distances = np.linalg.norm(middles[one + 1 :] - middles[one], axis=1)
        for other in (np.flatnonzero(distances < 1.5 * side) + one + 1).tolist():
            if not _apart(corners[one], corners[other], axes[one], axes[other], side):
                raise BodyError(
                    f"Tags {tags[one]} and {tags[other]} of marker body '{name}' overlap. "
                    "Correct their corners: each tag needs its own place."
                )


def _apart(
    one: FloatArray, other: FloatArray, one_axes: FloatArray, other_axes: FloatArray, side: float
) -> bool:
    """Whether two tags lie apart, by the separating axis theorem for flat convex shapes."""
    crossed = np.cross(one_axes[:, None], other_axes[None, :2]).reshape(-1, 3)
    crossed = crossed[np.linalg.norm(crossed, axis=1) > 0.05]
    directions = np.concatenate([one_axes, other_axes, _unit(crossed)])
    first, second = directions @ one.T, directions @ other.T
    gaps = np.maximum(
        first.min(axis=1) - second.max(axis=1), second.min(axis=1) - first.max(axis=1)
    )
    # Along a front two tags in one plane always meet: only another plane separates there.
    least = np.full(len(directions), -OVERLAP_SHARE * side)
    least[[2, 5]] = LEAF
    least[6:] = LEAF
    return bool((gaps > least).any())


def _check_facing(name: str, tags: list[int], corners: FloatArray, side: float) -> None:
    middles = corners.mean(axis=1)
    fronts = tag_axes(corners)[2]
    outwards = np.einsum("ij,ij->i", fronts, middles - middles.mean(axis=0))
    inside = [
        tag for tag, out in zip(tags, outwards.tolist(), strict=True) if out < -INSIDE_SHARE * side
    ]
    if not inside:
        inside = _turned_over(tags, middles, fronts)
    if inside:
        named = f"Tag {inside[0]}" if len(inside) == 1 else f"Tags {_listed(inside)}"
        verb = "is" if len(inside) == 1 else "are"
        raise BodyError(
            f"{named} of marker body '{name}' {verb} seen from the inside of the body, as if "
            "mirrored. List the corners clockwise as printed, starting top left."
        )


def _turned_over(tags: list[int], middles: FloatArray, fronts: FloatArray) -> list[int]:
    """Tags in one plane with others that face the other way; the fewer of them are wrong."""
    for middle, front in zip(middles, fronts, strict=True):
        same_plane = np.abs((middles - middle) @ front) < LEAF
        opposed = same_plane & (fronts @ front < -0.9)
        agreed = same_plane & (fronts @ front > 0.9)
        if opposed.any():
            fewer = opposed if opposed.sum() < agreed.sum() else agreed
            return [tags[index] for index in np.flatnonzero(fewer).tolist()]
    return []


def _listed(tags: list[int]) -> str:
    return ", ".join(map(str, tags[:-1])) + f" and {tags[-1]}"


def repeated(tags: Iterable[int]) -> int | None:
    """Give the first id that occurs twice in `tags`."""
    seen: set[int] = set()
    for tag in tags:
        if tag in seen:
            return tag
        seen.add(tag)
    return None
