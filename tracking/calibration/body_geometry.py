"""Body calibration: where the tags of hand-made marker bodies really are.

In: a recording of 20 to 30 s in which a person slowly turns one or several bodies before the
calibrated cameras. Out: for each body a result with its geometry, in the frame of its design.

Several bodies are told apart by the ids given for each, or else by which tags move together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.bodies import MarkerBody
from tracking.calibration.body_adjustment import Edge, Priors
from tracking.calibration.body_judgement import judge
from tracking.calibration.body_solution import LEAST_VIEWS, solve_body, stillest
from tracking.calibration.body_start import Pair, find_pairs, rigid_groups, scale_from_cameras
from tracking.calibration.collector import CalibrationError, Progress
from tracking.calibration.result import CalibrationResult
from tracking.calibration.tag_views import TagView, TagViewer
from tracking.cameras import Camera
from tracking.frames import Frame

FloatArray = NDArray[np.float64]

KNOWN_IDS = {
    "head": range(6),
    "coil_body": range(6, 12),
    "pointer": range(12, 18),
    "puck": range(18, 22),
}
"""Ids on the supplied marker sheets, by which a body found by its motion is named."""

WANTED_VIEWS = 60
WANTED_VIEWS_OF_TAG = 10
CHECK_EVERY = 10
"""Instants after which the progress is worked out anew."""

FIRST_HINT = "Show the body to the cameras, with two or more tags in sight."

ASSUMED_SIDE_MM = 36.0
"""Side of a tag from which to start if only the cameras tell the scale."""


@dataclass(frozen=True, slots=True)
class MeasuredEdge:
    """A length measured on the body: from a corner of a tag to one of another, mm.

    Corners count from 0 at the top left, clockwise as printed.
    """

    first: tuple[int, int]
    second: tuple[int, int]
    length: float
    sigma: float = 0.1


@dataclass(frozen=True, slots=True)
class Scale:
    """How large things are.

    Attributes
    ----------
    tag_size
        Side of the black squares as a person measured it, mm; None if nobody did. Without it
        and without an edge, two or more cameras of known positions must see the tags.
    tag_size_sigma
        How sure that is, mm.
    edge
        A measured edge, or None.
    """

    tag_size: float | None = None
    tag_size_sigma: float = 0.05
    edge: MeasuredEdge | None = None


@dataclass(frozen=True, eq=False, slots=True)
class BodyRequest:
    """A body to calibrate: its name, its tags, and its design if there is one."""

    name: str
    ids: tuple[int, ...]
    nominal: MarkerBody | None = None

    @classmethod
    def of(cls, nominal: MarkerBody) -> BodyRequest:
        """Ask for the body that was designed as `nominal`."""
        return cls(nominal.name, tuple(sorted(nominal.corners)), nominal)


class BodyCollector:
    """Gathers views of hand-turned bodies. Used by one thread at a time.

    Parameters
    ----------
    cameras
        Calibrated cameras, with extrinsics if there are several.
    requests
        The bodies; empty: whatever tags move together is a body.
    scale
        What was measured.
    family
        Tag family.
    source
        What the result is to say it was made from.
    shape_sigma
        How far the corners of a printed tag may lie from a perfect square's, mm.

    Raises
    ------
    CalibrationError
        If a tag is asked for on two bodies.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        requests: Sequence[BodyRequest] = (),
        *,
        scale: Scale | None = None,
        family: str = "36h11",
        source: str = "",
        shape_sigma: float = 0.03,
    ) -> None:
        _check_ids(requests)
        self._cameras = {camera.name: camera for camera in cameras}
        self._requests = tuple(requests)
        self._scale = Scale() if scale is None else scale
        self._family = family
        self._source = source
        self._shape_sigma = shape_sigma
        self._viewer = TagViewer(cameras, family)
        self._views: list[TagView] = []
        self._share, self._hint = 0.0, FIRST_HINT

    def add(self, frames: Sequence[Frame]) -> Progress:
        """Look at the frames of one instant, at most one of each camera."""
        return self.add_view(self._viewer.look(frames))

    def add_view(self, view: TagView) -> Progress:
        """Take what was seen at one instant."""
        self._views.append(view)
        found = {
            camera: np.concatenate([one.corners for one in seen])
            for camera, seen in view.tags.items()
        }
        if len(self._views) % CHECK_EVERY == 0:
            self._share, self._hint = self._progress()
        return Progress(self._share, self._share >= 1.0, self._hint, found, {})

    def solve(self) -> tuple[CalibrationResult, ...]:
        """Solve for every body; each result says what is wrong with it.

        Raises
        ------
        CalibrationError
            If a body was hardly seen, or nothing tells the scale.
        """
        return solve_bodies(
            self._views,
            self._cameras,
            self._requests,
            self._scale,
            family=self._family,
            source=self._source,
            shape_sigma=self._shape_sigma,
        )

    def _progress(self) -> tuple[float, str]:
        views = stillest(self._views)
        wanted = {tag for request in self._requests for tag in request.ids}
        counts = dict.fromkeys(wanted, 0)
        for view in views:
            together = _together(view, self._requests)
            for tag in together:
                counts[tag] = counts.get(tag, 0) + 1
        if not counts:
            return 0.0, FIRST_HINT
        rarest = min(counts, key=lambda tag: (counts[tag], tag))
        of_tags = [min(count / WANTED_VIEWS_OF_TAG, 1.0) for count in counts.values()]
        share = min(len(views) / WANTED_VIEWS, float(np.mean(of_tags)))
        if counts[rarest] < WANTED_VIEWS_OF_TAG:
            return share, f"Turn tag {rarest} to a camera, together with its neighbours."
        if share < 1.0:
            return share, "Go on turning the body slowly to all sides, tilted up to 45 degrees."
        return 1.0, "Enough was seen; solve, or go on to make it better."


def solve_bodies(
    views: Sequence[TagView],
    cameras: Mapping[str, Camera],
    requests: Sequence[BodyRequest],
    scale: Scale,
    *,
    family: str = "36h11",
    source: str = "",
    shape_sigma: float = 0.03,
) -> tuple[CalibrationResult, ...]:
    """Solve for the bodies in `views`; see :class:`BodyCollector` for what comes in.

    Raises
    ------
    CalibrationError
        If a body was hardly seen, or nothing tells the scale.
    """
    ids = sorted({tag for view in views for tag in view.ids})
    if not ids:
        raise CalibrationError(
            f"No tag of family {family} was seen. Show the body to the cameras in good light."
        )
    few = stillest(views)
    sides = _half_sides(few, ids, cameras, requests, scale, family)
    pairs = find_pairs(few, sides, cameras, family)
    asked = list(requests) or _found_bodies(pairs, ids)
    results = []
    for request in asked:
        joined, faults = _joined(request, pairs, few)
        own = {tag: sides[tag] for tag in joined}
        priors = _priors(scale, joined, shape_sigma)
        solution = solve_body(
            views,
            own,
            cameras,
            priors,
            pairs,
            name=request.name,
            family=family,
            nominal=request.nominal,
        )
        repeated = sorted({tag for view in views for tag in view.repeated} & set(request.ids))
        if repeated:
            faults.append(
                f"{_tags(repeated)} was seen twice in one picture; cover or remove the other "
                "print of it and record anew."
            )
        results.append(judge(solution, priors, request.nominal, faults, source))
    return tuple(results)


def _check_ids(requests: Sequence[BodyRequest]) -> None:
    owners: dict[int, str] = {}
    for request in requests:
        for tag in request.ids:
            owner = owners.setdefault(tag, request.name)
            if owner != request.name:
                raise CalibrationError(
                    f"Tag {tag} is asked for on '{owner}' and on '{request.name}'. "
                    "Each id may be on one body only."
                )


def _together(view: TagView, requests: Sequence[BodyRequest]) -> frozenset[int]:
    """Tags that are seen together with another one of their body."""
    if not requests:
        return view.ids if len(view.ids) > 1 else frozenset()
    own = [view.ids & frozenset(request.ids) for request in requests]
    return frozenset(tag for ids in own if len(ids) > 1 for tag in ids)


def _half_sides(
    views: Sequence[TagView],
    ids: Sequence[int],
    cameras: Mapping[str, Camera],
    requests: Sequence[BodyRequest],
    scale: Scale,
    family: str,
) -> dict[int, float]:
    """Half a side of each tag as far as known, mm."""
    if scale.tag_size is not None:
        return dict.fromkeys(ids, scale.tag_size / 2)
    designed = {
        tag: float(np.linalg.norm(np.diff(corners, axis=0), axis=1).mean()) / 2
        for request in requests
        if request.nominal is not None
        for tag, corners in request.nominal.corners.items()
    }
    sides = {tag: designed.get(tag, ASSUMED_SIDE_MM / 2) for tag in ids}
    seen = scale_from_cameras(views, sides, cameras, family)
    if seen is None and scale.edge is None:
        raise CalibrationError(
            "Nothing tells the scale: measure the side of a tag's black square or one edge and "
            "state it, or use two cameras whose positions are calibrated."
        )
    return {tag: side * (1.0 if seen is None else seen) for tag, side in sides.items()}


def _priors(scale: Scale, ids: Sequence[int], shape_sigma: float) -> Priors:
    relative = math.inf
    if scale.tag_size is not None:
        relative = scale.tag_size_sigma / scale.tag_size
    edge = scale.edge
    index = {tag: number for number, tag in enumerate(sorted(ids))}
    if edge is None or not {edge.first[0], edge.second[0]} <= index.keys():
        return Priors(shape_sigma, relative)
    first, second = (index[edge.first[0]], edge.first[1]), (index[edge.second[0]], edge.second[1])
    return Priors(shape_sigma, relative, Edge(first, second, edge.length, edge.sigma))


def _found_bodies(pairs: Sequence[Pair], ids: Sequence[int]) -> list[BodyRequest]:
    """Take what moves together for a body."""
    groups = [group for group in rigid_groups(pairs, ids) if len(group) > 1]
    if not groups:
        raise CalibrationError(
            "No two tags keep their distance. Turn one rigid body slowly, two or more of its "
            "tags in sight, for 20 to 30 s."
        )
    requests: list[BodyRequest] = []
    for group in groups:
        shares = {name: len(set(group) & set(known)) for name, known in KNOWN_IDS.items()}
        name = max(shares, key=lambda known: shares[known])
        fits = shares[name] == len(group) and all(name != one.name for one in requests)
        requests.append(
            BodyRequest(name if fits else f"body_{len(requests) + 1}", tuple(sorted(group)))
        )
    return requests


def _joined(
    request: BodyRequest, pairs: Sequence[Pair], views: Sequence[TagView]
) -> tuple[list[int], list[str]]:
    """Give the tags of `request` that can be solved together, and what is wrong with the others."""
    seen = {tag for view in views for tag in view.ids} & set(request.ids)
    unseen = sorted(set(request.ids) - seen)
    groups = rigid_groups(pairs, sorted(seen)) if seen else []
    if not groups or len(groups[0]) < 2:
        raise CalibrationError(
            f"Body '{request.name}': no two of its tags were seen together and rigid in "
            f"{LEAST_VIEWS} views or more. Turn it slowly before the cameras for 20 to 30 s."
        )
    faults = []
    if unseen:
        faults.append(
            f"{_tags(unseen)} of '{request.name}' was never seen: turn that side to a camera too."
        )
    own = [{pair.first, pair.second} for pair in pairs if {pair.first, pair.second} <= seen]
    met = set().union(*own)
    loose = sorted(seen - set(groups[0]))
    alone = [tag for tag in loose if tag not in met]
    moving = [tag for tag in loose if tag in met]
    if alone:
        faults.append(
            f"{_tags(alone)} of '{request.name}' was never seen together with the others: tilt "
            "the body so that two neighbouring sides show at once."
        )
    if moving:
        faults.append(
            f"{_tags(moving)} does not keep its place on '{request.name}', or was seen with the "
            "others too rarely: glue it down, and show it together with its neighbours."
        )
    return groups[0], faults


def _tags(ids: Sequence[int]) -> str:
    return ("Tag " if len(ids) == 1 else "Each of tags ") + ", ".join(str(tag) for tag in ids)
