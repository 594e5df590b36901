"""The geometry of one marker body from all that a recording shows of it.

In: views of its tags. Out: a :class:`BodySolution`: the adjusted geometry in the frame of the
nominal body, or in one of its own, and the views it rests on.

Key views are those that differ most in direction, turn and distance, and of views that differ
little the stillest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.bodies import MarkerBody
from tracking.calibration.body_adjustment import Adjustment, Priors, adjust
from tracking.calibration.body_problem import CORNERS, Geometry, seen_of
from tracking.calibration.body_start import Pair, first_geometry, some_of
from tracking.calibration.collector import CalibrationError
from tracking.calibration.tag_views import TagView
from tracking.cameras import Camera
from tracking.pose_solver import solve_body_pose
from tracking.reprojection import Placement

FloatArray = NDArray[np.float64]

WINDOW_NS = 200_000_000
"""Of the views within this time, the stillest stands for all."""

FIRST_VIEWS, KEY_VIEWS = 25, 60
LEAST_VIEWS = 12
"""Views below which there is no solution; what makes a good one is judged elsewhere."""

NOMINAL_SHARE = 0.6
"""So many views must fit the nominal body for the adjustment to start from it."""


@dataclass(frozen=True, eq=False, slots=True)
class BodySolution:
    """One body, solved.

    Attributes
    ----------
    ids
        Its tags, in the order of the geometry.
    adjustment
        In the frame of the tag `held`.
    body
        The body in its own frame.
    held_from_body
        From its own frame to that of the adjustment.
    views
        The views that the adjustment rests on, in the order of time.
    """

    ids: tuple[int, ...]
    adjustment: Adjustment
    body: MarkerBody
    held_from_body: RigidTransform
    views: tuple[TagView, ...]


@dataclass(frozen=True, eq=False, slots=True)
class _Start:
    """Half sides (mm) and ``body_from_tag`` of all tags, in the frame of the tag `held`."""

    held: int
    half_sides: Mapping[int, float]
    places: Mapping[int, Placement]

    def body(self, name: str, family: str) -> MarkerBody:
        corners = {
            tag: self.half_sides[tag] * CORNERS @ place.rotation.T + place.translation
            for tag, place in self.places.items()
        }
        return MarkerBody(name, family, corners)


def solve_body(
    views: Sequence[TagView],
    half_sides: Mapping[int, float],
    cameras: Mapping[str, Camera],
    priors: Priors,
    pairs: Sequence[Pair],
    *,
    name: str,
    family: str,
    nominal: MarkerBody | None = None,
) -> BodySolution:
    """Find where the tags of `half_sides` lie on their body.

    Parameters
    ----------
    views
        What was seen, in the order of time.
    half_sides
        Tag id -> half a side of its black square, mm. The tags must be rigidly joined.
    cameras
        Camera name -> calibration.
    priors
        What is known of scale and print.
    pairs
        Which of the tags were seen together, by
        :func:`~tracking.calibration.body_start.find_pairs`.
    name, family
        Of the body.
    nominal
        The body as designed, or None.

    Raises
    ------
    CalibrationError
        If too few views allow a pose, or they leave the geometry open.
    """
    candidates = stillest([view.only(half_sides) for view in views])
    start = _start(candidates, half_sides, cameras, pairs, family, nominal)
    ids = tuple(sorted(start.places))
    geometry, body = None, start.body(name, family)
    adjustment, chosen = None, []
    known: dict[int, RigidTransform] = {}
    for most in (FIRST_VIEWS, KEY_VIEWS):
        # For the first, rough geometry a sample of the views will do.
        posed = _posed(some_of(candidates, 2 * most), body, cameras, known)
        known = {view.time_ns: pose for view, pose in posed}
        if len(posed) < LEAST_VIEWS:
            raise CalibrationError(
                f"Body '{name}': only {len(posed)} views show enough of it to place it, "
                f"{LEAST_VIEWS} are needed. Turn it slowly before the cameras for 20 to 30 s, "
                "with two or more of its tags in sight."
            )
        chosen = [posed[number] for number in spread_views(posed, cameras, most)]
        geometry = _geometry(ids, start, geometry, [pose for _, pose in chosen])
        seen = seen_of([view for view, _ in chosen], ids, cameras, family)
        try:
            adjustment = adjust(seen, geometry, priors, ids.index(start.held))
        except np.linalg.LinAlgError as error:
            raise CalibrationError(
                f"Body '{name}': the views leave its geometry open. Show every tag together with "
                "others, from several sides."
            ) from error
        geometry = adjustment.geometry
        body = _as_body(name, family, ids, geometry.body_corners())
    assert adjustment is not None
    held_from_body = frame_of(body, nominal)
    return BodySolution(
        ids=ids,
        adjustment=adjustment,
        body=_as_body(
            name,
            family,
            ids,
            held_from_body.inv().apply(adjustment.geometry.body_corners().reshape(-1, 3)),
        ),
        held_from_body=held_from_body,
        views=tuple(view for view, _ in chosen),
    )


def stillest(views: Sequence[TagView]) -> list[TagView]:
    """Keep the stillest view of each fifth of a second; those with the most tags come first."""
    best: dict[int, TagView] = {}
    for view in views:
        slot = view.time_ns // WINDOW_NS
        if view.tags and (slot not in best or _worth(view) > _worth(best[slot])):
            best[slot] = view
    return [best[slot] for slot in sorted(best)]


def _worth(view: TagView) -> tuple[int, float]:
    return len(view.ids), -view.speed


def _start(
    views: Sequence[TagView],
    half_sides: Mapping[int, float],
    cameras: Mapping[str, Camera],
    pairs: Sequence[Pair],
    family: str,
    nominal: MarkerBody | None,
) -> _Start:
    if nominal is not None and half_sides.keys() <= nominal.corners.keys():
        places = {tag: tag_place(nominal.corners[tag]) for tag in half_sides}
        start = _Start(_most_seen(views, half_sides), half_sides, places)
        sample = some_of(views, FIRST_VIEWS)
        fitting = _posed(sample, start.body("nominal", family), cameras, {})
        if len(fitting) >= NOMINAL_SHARE * len(sample):
            return start
    held, found = first_geometry(pairs, sorted(half_sides))
    return _Start(held, half_sides, found)


def _most_seen(views: Sequence[TagView], ids: Mapping[int, float]) -> int:
    return max(sorted(ids), key=lambda tag: sum(tag in view.ids for view in views))


def _posed(
    views: Sequence[TagView],
    body: MarkerBody,
    cameras: Mapping[str, Camera],
    known: Mapping[int, RigidTransform],
) -> list[tuple[TagView, RigidTransform]]:
    """Give the views in which the body's pose can be told, with it; `known` by time is near it."""
    posed = []
    for view in views:
        near = known.get(view.time_ns)
        pose = solve_body_pose(body, view.tags, cameras, near).world_from_body
        if pose is not None:
            posed.append((view, pose))
    return posed


def spread_views(
    posed: Sequence[tuple[TagView, RigidTransform]], cameras: Mapping[str, Camera], most: int
) -> list[int]:
    """Choose `most` views as different as can be, in the order of time.

    Farthest-point sampling of the direction to the first camera that sees the body, seen from the
    body, of the body's turn in the picture, and of the logarithm of the distance.
    """
    features = np.array([_feature(view, pose, cameras) for view, pose in posed])
    tags = np.array([len(view.ids) for view, _ in posed])
    chosen = [int(tags.argmax())]
    apart = np.linalg.norm(features - features[chosen[0]], axis=1)
    while len(chosen) < min(most, len(posed)):
        # Of about equally different views the ones with more tags tie the body together better.
        apart[chosen] = -1.0
        chosen.append(int((apart * np.sqrt(tags)).argmax()))
        apart = np.minimum(apart, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return sorted(chosen)


def _feature(view: TagView, pose: RigidTransform, cameras: Mapping[str, Camera]) -> FloatArray:
    camera_from_body = cameras[next(iter(view.tags))].camera_from_world * pose
    turn = camera_from_body.rotation.as_matrix()
    way = turn.T @ camera_from_body.translation
    distance = float(np.linalg.norm(way))
    return np.concatenate([way / distance, 0.3 * turn[:2, 0], [np.log(distance)]])


def _geometry(
    ids: Sequence[int],
    start: _Start,
    before: Geometry | None,
    poses: Sequence[RigidTransform],
) -> Geometry:
    turned = np.array([pose.rotation.as_matrix() for pose in poses])
    shifted = np.array([pose.translation for pose in poses])
    if before is not None:
        return replace(before, view_rotations=turned, view_translations=shifted)
    return Geometry(
        half_sides=np.array([start.half_sides[tag] for tag in ids]),
        log_scale=0.0,
        shapes=np.zeros((len(ids), 6)),
        tag_rotations=np.array([start.places[tag].rotation for tag in ids]),
        tag_translations=np.array([start.places[tag].translation for tag in ids]),
        view_rotations=turned,
        view_translations=shifted,
    )


def _as_body(name: str, family: str, ids: Sequence[int], corners: FloatArray) -> MarkerBody:
    return MarkerBody(name, family, dict(zip(ids, corners.reshape(-1, 4, 3), strict=True)))


def tag_place(corners: FloatArray) -> Placement:
    """Give ``body_from_tag`` of a tag with `corners` (4, 3) in the body's frame."""
    x = corners[1] + corners[2] - corners[0] - corners[3]
    down = corners[2] + corners[3] - corners[0] - corners[1]
    z = np.cross(x, down)
    x, z = x / np.linalg.norm(x), z / np.linalg.norm(z)
    return Placement(np.column_stack([x, np.cross(z, x), z]), corners.mean(axis=0))


def frame_of(body: MarkerBody, nominal: MarkerBody | None) -> RigidTransform:
    """Find the frame to state `body` in: ``given_from_frame``.

    That in which its corners lie as near as can be to those of `nominal` (least squares; Kabsch
    1976). Without one: origin at the mean of all corners, z against the mean direction in which
    the tags look, x as near as can be to the first tag's printed x, as ``bent_plate`` has it; if
    the tags look all round, the axes of the first tag.
    """
    if nominal is not None:
        common = [tag for tag in body.corners if tag in nominal.corners]
        if common:
            given = np.concatenate([body.corners[tag] for tag in common])
            frame = np.concatenate([nominal.corners[tag] for tag in common])
            rotation, _ = Rotation.align_vectors(
                given - given.mean(axis=0), frame - frame.mean(axis=0)
            )
            return RigidTransform.from_components(
                given.mean(axis=0) - rotation.apply(frame.mean(axis=0)), rotation
            )
    places = [tag_place(corners) for corners in body.corners.values()]
    inwards = np.mean([place.rotation[:, 2] for place in places], axis=0)
    first = places[0].rotation
    z = inwards / np.linalg.norm(inwards) if np.linalg.norm(inwards) > 0.3 else first[:, 2]
    x = first[:, 0] - (first[:, 0] @ z) * z
    if np.linalg.norm(x) < 0.1:
        x = np.cross(first[:, 1], z)
    x = x / np.linalg.norm(x)
    centre = np.concatenate(list(body.corners.values())).mean(axis=0)
    return RigidTransform.from_components(
        centre, Rotation.from_matrix(np.column_stack([x, np.cross(z, x), z]))
    )
