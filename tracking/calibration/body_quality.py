"""How good a calibrated body is: what error its geometry leaves in use, whether it kept its shape.

In: a :class:`~tracking.calibration.body_solution.BodySolution`. Out: predicted errors, shifts of
tags against the design and between the halves of the recording, angles from which tags were seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tracking.bodies import MarkerBody
from tracking.calibration.body_adjustment import Adjustment, Priors, adjust
from tracking.calibration.body_problem import Geometry, Seen, linearise
from tracking.calibration.body_solution import BodySolution
from tracking.calibration.rigid_errors import skew

FloatArray = NDArray[np.float64]

LEVER_MM = 100.0
"""Distance from the body at which its error is told: about that of a coil's focal point."""

LEAST_ROWS = 5
"""Views of a tag that half a recording needs to place it."""


@dataclass(frozen=True, eq=False, slots=True)
class Halves:
    """The geometry from the first half of the recording against that from the second.

    Attributes
    ----------
    shifts
        Tag id -> how far its centre moved, mm; tags that both halves show.
    sigmas
        Tag id -> standard deviation per axis that the noise gives that shift, mm.
    rms, expected_rms
        RMS of the corners' shifts per axis, mm, and what the noise gives it.
    """

    shifts: Mapping[int, float]
    sigmas: Mapping[int, float]
    rms: float
    expected_rms: float


def corner_sigma(adjustment: Adjustment) -> float:
    """RMS standard deviation of the corners per axis, mm, without frame and scale."""
    covariance = adjustment.corner_covariance
    return float(np.sqrt(np.trace(covariance) / len(covariance)))


def error_at_lever(solution: BodySolution) -> float:
    """RMS error, mm, of a point 100 mm before the body that its geometry's errors will make.

    Each corner's error enters through the pose that each key view would give with it.
    """
    adjustment = solution.adjustment
    geometry, seen = adjustment.geometry, adjustment.seen
    _, jacobian = linearise(seen, geometry)
    first_view = geometry.unknowns - 6 * len(geometry.view_rotations)
    by_view = jacobian[:, first_view:].tocsc()
    by_corner = _by_corners(seen, geometry)
    lever = solution.held_from_body.apply(np.array([0.0, 0.0, -LEVER_MM]))
    squares = []
    for view in np.unique(seen.view).tolist():
        rows = (seen.view == view).repeat(8)
        weights = (seen.precision[seen.view == view] ** 2).ravel().repeat(2)[:, None]
        by_pose = by_view[:, 6 * view : 6 * view + 6].toarray()[rows]
        information = by_pose.T @ (weights * by_pose)
        if np.linalg.cond(information) > 1e12:
            continue
        by_error = np.linalg.solve(information, by_pose.T @ (weights * by_corner[rows]))
        arm = geometry.view_rotations[view] @ lever
        of_point = np.hstack([-skew(arm), np.eye(3)]) @ by_error
        squares.append(np.trace(of_point @ adjustment.corner_covariance @ of_point.T))
    return float(np.sqrt(np.mean(squares)))


def _by_corners(seen: Seen, geometry: Geometry) -> FloatArray:
    """Differentiate the expected pixels by the body's corners: (8 R, 12 N)."""
    count = len(geometry.half_sides)
    _, jacobian = linearise(seen, geometry)
    rows = len(seen.tag)
    # The derivative by a tag's shift is that by any of its corners.
    by_shift = np.zeros((rows, 4, 2, 3))
    for axis in range(3):
        columns = (12 * seen.tag + 3 + axis).repeat(8)
        by_shift[..., axis] = np.asarray(jacobian[np.arange(8 * rows), columns]).reshape(rows, 4, 2)
    result = np.zeros((rows, 4, 2, count, 4, 3))
    for corner in range(4):
        result[np.arange(rows), corner, :, seen.tag, corner] = by_shift[:, corner]
    return result.reshape(8 * rows, 12 * count)


def compare_halves(solution: BodySolution, priors: Priors) -> Halves | None:
    """Solve for the first and the second half of the key views on their own and compare.

    None if they show no three tags in common well enough.
    """
    seen = solution.adjustment.seen
    middle = len(solution.views) // 2
    parts = [seen.rows(seen.view < middle), seen.rows(seen.view >= middle)]
    common = [
        number
        for number in range(len(solution.ids))
        if all((part.tag == number).sum() >= LEAST_ROWS for part in parts)
    ]
    if len(common) < 2:
        return None
    try:
        halves = [_of_part(part, common, solution.adjustment.geometry, priors) for part in parts]
    except np.linalg.LinAlgError:  # a half that does not hold its tags together
        return None
    corners = [half.geometry.body_corners().reshape(-1, 3) for half in halves]
    apart = (_fitted(corners[1], corners[0]) - corners[0]).reshape(-1, 4, 3)
    covariance = halves[0].corner_covariance + halves[1].corner_covariance
    middles = np.kron(np.eye(len(common)), np.kron(np.full((1, 4), 0.25), np.eye(3)))
    of_centres = (middles @ covariance @ middles.T).reshape(len(common), 3, len(common), 3)
    ids = [solution.ids[number] for number in common]
    return Halves(
        shifts={
            tag: float(np.linalg.norm(shift))
            for tag, shift in zip(ids, apart.mean(axis=1), strict=True)
        },
        sigmas={
            tag: float(np.sqrt(np.trace(of_centres[index, :, index]) / 3))
            for index, tag in enumerate(ids)
        },
        rms=float(np.sqrt(np.mean(apart**2))),
        expected_rms=float(np.sqrt(np.trace(covariance) / len(covariance))),
    )


def _of_part(part: Seen, common: Sequence[int], geometry: Geometry, priors: Priors) -> Adjustment:
    """Adjust the tags `common` to some of the views."""
    part = part.rows(np.isin(part.tag, common))
    views, view = np.unique(part.view, return_inverse=True)
    index = np.full(len(geometry.half_sides), -1)
    index[list(common)] = np.arange(len(common))
    seen = Seen(
        view, index[part.tag], part.camera, part.rays, part.scales,
        part.rotations, part.translations, part.precision,
    )  # fmt: skip
    tags = list(common)
    start = Geometry(
        half_sides=geometry.half_sides[tags],
        log_scale=geometry.log_scale,
        shapes=geometry.shapes[tags],
        tag_rotations=geometry.tag_rotations[tags],
        tag_translations=geometry.tag_translations[tags],
        view_rotations=geometry.view_rotations[views],
        view_translations=geometry.view_translations[views],
    )
    # An edge may end on a tag that this half lacks; sizes are not compared anyway.
    return adjust(seen, start, Priors(priors.shape_sigma, min(priors.scale_sigma, 0.01)))


def _fitted(points: FloatArray, target: FloatArray) -> FloatArray:
    """Move and scale `points` (N, 3) onto `target` by least squares (Umeyama 1991)."""
    arm, wanted = points - points.mean(axis=0), target - target.mean(axis=0)
    rotation, _ = Rotation.align_vectors(wanted, arm)
    turned = rotation.apply(arm)
    scale = float((turned * wanted).sum() / (turned**2).sum())
    return np.asarray(scale * turned + target.mean(axis=0))


def nominal_shifts(body: MarkerBody, nominal: MarkerBody) -> dict[int, float]:
    """How far each tag's centre lies from where the design has it, mm; frames aligned before."""
    return {
        tag: float(np.linalg.norm((corners - nominal.corners[tag]).mean(axis=0)))
        for tag, corners in body.corners.items()
        if tag in nominal.corners
    }


def seen_angles(solution: BodySolution) -> dict[int, float]:
    """Angle, degrees, between the two directions furthest apart from which each tag was seen."""
    seen, geometry = solution.adjustment.seen, solution.adjustment.geometry
    angles = {}
    for number, tag in enumerate(solution.ids):
        rows = np.flatnonzero(seen.tag == number)
        turns = seen.rotations[rows] @ geometry.view_rotations[seen.view[rows]]
        shift = geometry.view_translations[seen.view[rows]]
        way = (
            turns @ geometry.tag_translations[number]
            + np.einsum("rxy,ry->rx", seen.rotations[rows], shift)
            + seen.translations[rows]
        )
        directions = np.einsum("ryx,ry->rx", turns, way)
        directions /= np.linalg.norm(directions, axis=1)[:, None]
        least = float((directions @ directions.T).min()) if len(rows) else 1.0
        angles[tag] = float(np.rad2deg(np.arccos(np.clip(least, -1.0, 1.0))))
    return angles
