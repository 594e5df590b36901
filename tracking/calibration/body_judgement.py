"""The verdict on a calibrated body: its result, with what is wrong with it and what to know of it.

In: a :class:`~tracking.calibration.body_solution.BodySolution`. Out: a
:class:`~tracking.calibration.result.CalibrationResult`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tracking.bodies import MarkerBody
from tracking.calibration.body_adjustment import Priors
from tracking.calibration.body_quality import (
    LEVER_MM,
    Halves,
    compare_halves,
    corner_sigma,
    error_at_lever,
    nominal_shifts,
    seen_angles,
)
from tracking.calibration.body_solution import BodySolution
from tracking.calibration.result import BodyValue, CalibrationResult, Finding, utc_now
from tracking.feed_description import BodyModel

LEAST_KEY_VIEWS = 25
LEAST_VIEWS_OF_TAG = 6
LEAST_ANGLE_DEG = 25.0
"""Less turning than this leaves depth and tilt of a tag hardly apart."""

WORST_RMS_PX, POOR_RMS_PX = 0.6, 0.3
WORST_LEFT_OUT = 0.2
WORST_ERROR_MM = 0.5

SHIFT_SIGMAS, SHIFT_MM = 5.0, 0.15
"""A tag that moves between the halves of the recording by more than both is loose."""

POOR_SCALE = 0.002
FAR_FROM_DESIGN_MM = 2.0


def judge(
    solution: BodySolution,
    priors: Priors,
    nominal: MarkerBody | None,
    faults: Sequence[str],
    source: str,
) -> CalibrationResult:
    """State what was found, how good it is and what is missing.

    Parameters
    ----------
    solution
        The body as solved.
    priors
        With which it was solved.
    nominal
        The body as designed, or None.
    faults
        What was wrong before it could be solved.
    source
        What it was made from.
    """
    halves = compare_halves(solution, priors)
    # Where the halves differ by more than the noise allows, the noise is not all there is.
    doubt = 1.0 if halves is None else max(1.0, halves.rms / halves.expected_rms)
    scale_sigma = solution.adjustment.scale_sigma
    error = math.hypot(doubt * error_at_lever(solution), LEVER_MM * scale_sigma)
    name = solution.body.name
    found = [
        *_missing(solution),
        *_not_rigid(solution, halves),
        *_too_uncertain(name, error),
    ]
    return CalibrationResult(
        subject=name,
        made_utc=utc_now(),
        source=source,
        residual=Finding(
            name="reprojection",
            value=solution.adjustment.rms_px,
            unit="px",
            meaning="RMS distance of the corners seen from where the solved body has them",
        ),
        predicted_error=Finding(
            name="error 100 mm from the body",
            value=error,
            unit="mm",
            meaning="RMS, from the geometry and its scale alone, as the views of this recording "
            "would show it",
        ),
        further=_further(solution, halves, doubt, nominal),
        faults=(*faults, *found),
        warnings=_warnings(solution, nominal, scale_sigma),
        value=BodyValue(body=BodyModel.of(solution.body)),
    )


def _missing(solution: BodySolution) -> list[str]:
    """Name what the recording did not show."""
    name, faults = solution.body.name, []
    if len(solution.views) < LEAST_KEY_VIEWS:
        faults.append(
            f"Body '{name}' was seen in {len(solution.views)} different views only, "
            f"{LEAST_KEY_VIEWS} are needed: turn it for 20 to 30 s."
        )
    counts = [int((solution.adjustment.seen.tag == n).sum()) for n in range(len(solution.ids))]
    rare = [
        tag for tag, count in zip(solution.ids, counts, strict=True) if count < LEAST_VIEWS_OF_TAG
    ]
    if rare:
        faults.append(f"{_named(rare)} of '{name}' was hardly seen: show that side for longer.")
    angles = seen_angles(solution)
    flat = [tag for tag in solution.ids if tag not in rare and angles[tag] < LEAST_ANGLE_DEG]
    if flat:
        faults.append(
            f"{_named(flat)} of '{name}' was seen from too few angles "
            f"({min(angles[tag] for tag in flat):.0f} degrees apart, {LEAST_ANGLE_DEG:.0f} are "
            "needed): tilt the body to all sides."
        )
    return faults


def _not_rigid(solution: BodySolution, halves: Halves | None) -> list[str]:
    name, adjustment, faults = solution.body.name, solution.adjustment, []
    if halves is not None:
        loose = [
            tag
            for tag, shift in halves.shifts.items()
            if shift > max(SHIFT_MM, SHIFT_SIGMAS * math.sqrt(3) * halves.sigmas[tag])
        ]
        if loose:
            worst = max(halves.shifts[tag] for tag in loose)
            faults.append(
                f"Body '{name}' is not rigid: {_named(loose).lower()} moved by up to "
                f"{worst:.2f} mm between the halves of the recording. Stiffen it or glue the "
                "tags down, and record anew."
            )
    total = len(adjustment.left_out)
    if adjustment.left_out.sum() > WORST_LEFT_OUT * total:
        faults.append(
            f"Body '{name}' is not rigid, or the cameras have moved: "
            f"{adjustment.left_out.sum()} of {total} tag images do not fit any one geometry."
        )
    if adjustment.rms_px > WORST_RMS_PX:
        faults.append(
            f"Body '{name}': the residual of {adjustment.rms_px:.2f} px is too large "
            f"({WORST_RMS_PX} px). Move it more slowly, in better light, and check the cameras' "
            "calibration."
        )
    return faults


def _too_uncertain(name: str, error: float) -> list[str]:
    if error <= WORST_ERROR_MM:
        return []
    return [
        f"Body '{name}': its geometry would make an error of {error:.2f} mm at 100 mm, more than "
        f"{WORST_ERROR_MM} mm. Record it for longer, closer, from more sides, or measure its "
        "scale better."
    ]


def _warnings(
    solution: BodySolution, nominal: MarkerBody | None, scale_sigma: float
) -> tuple[str, ...]:
    warnings = []
    name, rms = solution.body.name, solution.adjustment.rms_px
    if POOR_RMS_PX < rms <= WORST_RMS_PX:
        warnings.append(
            f"The residual of {rms:.2f} px is larger than good corners leave "
            f"({POOR_RMS_PX} px): blur, or a camera calibration that is not quite right."
        )
    if scale_sigma > POOR_SCALE:
        warnings.append(
            f"The scale of '{name}' is known to {100 * scale_sigma:.2f} % only; with one camera "
            f"that is {800 * scale_sigma:.1f} mm in depth at 0.8 m. Measure a longer edge."
        )
    if nominal is not None:
        far = {
            tag: shift
            for tag, shift in nominal_shifts(solution.body, nominal).items()
            if shift > FAR_FROM_DESIGN_MM
        }
        if far:
            warnings.append(
                f"{_named(sorted(far))} lies up to {max(far.values()):.1f} mm from where the "
                f"design of '{name}' has it. What was measured is used."
            )
    return tuple(warnings)


def _further(
    solution: BodySolution, halves: Halves | None, doubt: float, nominal: MarkerBody | None
) -> tuple[Finding, ...]:
    adjustment = solution.adjustment
    findings = [
        _count("key views", len(solution.views)),
        _count("tag images", len(adjustment.seen.tag)),
        _count("tag images left out", int(adjustment.left_out.sum())),
        Finding(name="corner noise", value=adjustment.sigma_px, unit="px", meaning="per axis"),
        Finding(
            name="corner sd",
            value=doubt * corner_sigma(adjustment),
            unit="mm",
            meaning="of the corners on the body, per axis",
        ),
        Finding(
            name="scale sd", value=100 * adjustment.scale_sigma, unit="%", meaning="of all lengths"
        ),
    ]
    if halves is not None:
        findings.append(
            Finding(
                name="halves",
                value=halves.rms,
                unit="mm",
                meaning="RMS per axis by which the corners differ between the first and the "
                f"second half of the recording; noise alone gives {halves.expected_rms:.3f} mm",
            )
        )
    if nominal is not None:
        findings += [
            Finding(name=f"tag {tag}", value=shift, unit="mm", meaning="shift against the design")
            for tag, shift in sorted(nominal_shifts(solution.body, nominal).items())
        ]
    return tuple(findings)


def _count(name: str, count: int) -> Finding:
    return Finding(name=name, value=float(count), unit="")


def _named(ids: Sequence[int]) -> str:
    return ("Tag " if len(ids) == 1 else "Each of tags ") + ", ".join(str(tag) for tag in ids)
