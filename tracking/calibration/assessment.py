"""Judges calibrated cameras: what must not be used, what to know, and what is missing, in words.

In: a solution and what was gathered for it. Out: findings, faults and warnings. A fit that fits is
not yet good: the lens must have been seen across its picture, tilted, and be known well enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.camera_solution import CamerasSolution
from tracking.calibration.gathering import BoardGathering
from tracking.calibration.result import Finding

FloatArray = NDArray[np.float64]

REFUSED_RMS_PX, WARNED_RMS_PX = 0.5, 0.25
FEWEST_VIEWS, WISHED_VIEWS = 10, 40
REFUSED_COVERAGE, WARNED_COVERAGE = 0.3, 0.7
FEWEST_TILTED, WISHED_TILTED = 3, 8
REFUSED_FOCAL, WARNED_FOCAL = 0.01, 0.003
"""Standard deviation of the focal length relative to it."""

REFUSED_BOW, WARNED_BOW = 2.0, 0.5
"""Bulge of the board, mm."""

REFUSED_ERROR, WARNED_ERROR = 3.0, 1.0
"""Error of the coil's focal point on the head that calibration alone would cause, mm."""

WARNED_LATE_MS = 10.0
FEWEST_COMMON, WISHED_COMMON = 8, 30
"""Instants at which two cameras see the board together."""


def lens_faults(gathering: BoardGathering, found: CamerasSolution, number: int) -> list[str]:
    """Sentences that say why the lens of a camera must not be used."""
    return _lens_sentences(gathering, found, number, strict=True)


def lens_warnings(gathering: BoardGathering, found: CamerasSolution, number: int) -> list[str]:
    """Sentences that say what to know of the lens of a camera."""
    name = found.names[number]
    told = _lens_sentences(gathering, found, number, strict=False)
    return told + mirror_warnings(gathering, found, name) + board_warnings(gathering, found)


def mirror_warnings(gathering: BoardGathering, found: CamerasSolution, name: str) -> list[str]:
    """Sentence on a camera that shows the board mirrored."""
    if not gathering.mirrored(name):
        return []
    if name in found.backs:
        return [
            f"Camera '{name}' shows the board mirrored: by the other cameras it sees the back of a "
            "board printed on both sides, and its pictures are used as they are."
        ]
    return [
        f"Camera '{name}' mirrors its pictures. They were turned back before calibrating, and are "
        "turned back in use; better switch mirroring off in the camera's driver."
    ]


def board_warnings(gathering: BoardGathering, found: CamerasSolution) -> list[str]:
    """Sentences on the board itself."""
    described, printed = gathering.described, found.board
    told = []
    if described.inverted != printed.inverted:
        told.append(
            f"The board is printed {'white on black' if printed.inverted else 'black on white'}, "
            "otherwise than its file says. Correct 'inverted' in the file."
        )
    if described.legacy_pattern != printed.legacy_pattern:
        told.append(
            "The board is laid out otherwise than its file says. Correct 'legacy_pattern' in it."
        )
    return told


def _lens_sentences(
    gathering: BoardGathering, found: CamerasSolution, number: int, *, strict: bool
) -> list[str]:
    """Faults if `strict`, else what is only short of what one would wish."""
    name = found.names[number]
    told = []
    rms = found.rms_px(number)
    if _between(rms, WARNED_RMS_PX, REFUSED_RMS_PX, strict=strict):
        told.append(
            f"The board does not fit the pictures of camera '{name}' ({rms:.2f} px). Use a flat, "
            "rigid board, hold it still, lock the focus, and check the board file."
        )
    views = len(gathering.views(name))
    if _between(-views, -WISHED_VIEWS, -FEWEST_VIEWS, strict=strict):
        told.append(
            f"Only {views} pictures of camera '{name}' show the board. Show it {WISHED_VIEWS} "
            "times at different places."
        )
    covered = gathering.covered(name)
    if _between(-covered, -WARNED_COVERAGE, -REFUSED_COVERAGE, strict=strict):
        told.append(
            f"The board was seen in {100 * covered:.0f} % of the picture of camera '{name}'. "
            f"Hold it into the {gathering.empty_place(name)} of the picture too."
        )
    tilted = gathering.tilted(name)
    if _between(-tilted, -WISHED_TILTED, -FEWEST_TILTED, strict=strict):
        told.append(
            f"The board was tilted in {tilted} pictures of camera '{name}' only. Tilt it by 20 to "
            "45 degrees in all directions."
        )
    doubt = focal_sigma(found, number)
    if _between(doubt, WARNED_FOCAL, REFUSED_FOCAL, strict=strict):
        told.append(
            f"The focal length of camera '{name}' is known to {100 * doubt:.2f} % only. Add "
            "pictures with the board tilted, near and far."
        )
    if _between(found.bow, WARNED_BOW, REFUSED_BOW, strict=strict):
        told.append(f"The board bulges by {found.bow:.1f} mm. Glue it onto something flat.")
    return told


def placing_faults(gathering: BoardGathering, found: CamerasSolution, error: float) -> list[str]:
    """Sentences that say why the places of the cameras must not be used."""
    told = [
        f"Camera '{name}' never saw the board together with the others. Hold the board where "
        "both it and another camera see it."
        for name in found.unplaced
    ]
    return told + _placing_sentences(gathering, found, error, strict=True)


def placing_warnings(gathering: BoardGathering, found: CamerasSolution, error: float) -> list[str]:
    """Sentences that say what to know of the places of the cameras."""
    told = _placing_sentences(gathering, found, error, strict=False)
    for number, name in enumerate(found.names):
        told += mirror_warnings(gathering, found, name)
        late = 1e3 * found.late(number)
        if abs(late) > WARNED_LATE_MS:
            told.append(
                f"The pictures of camera '{name}' are taken {abs(late):.0f} ms "
                f"{'after' if late > 0 else 'before'} their times, against '{found.names[0]}'. "
                "This was allowed for here; use cameras of one kind, or lower the resolution."
            )
    return told + board_warnings(gathering, found)


def _placing_sentences(
    gathering: BoardGathering, found: CamerasSolution, error: float, *, strict: bool
) -> list[str]:
    told = []
    for number, name in enumerate(found.names):
        common = common_instants(found, number)
        if _between(-common, -WISHED_COMMON, -FEWEST_COMMON, strict=strict):
            told.append(
                f"Camera '{name}' sees the board together with another in {common} instants only. "
                f"Show it to both {WISHED_COMMON} times at different places."
            )
        rms = found.rms_px(number)
        if _between(rms, 2 * WARNED_RMS_PX, 3 * REFUSED_RMS_PX, strict=strict):
            told.append(
                f"The common board does not fit the pictures of camera '{name}' ({rms:.2f} px). "
                "Move the board more slowly, and check that no camera was moved meanwhile."
            )
    if _between(error, WARNED_ERROR, REFUSED_ERROR, strict=strict):
        told.append(
            f"With these cameras the coil on the head would be off by {error:.1f} mm. Add pictures "
            "where several cameras see the board, near and far."
        )
    return told


def common_instants(found: CamerasSolution, number: int) -> int:
    """Instants at which camera `number` and another see the board."""
    by_instant: dict[int, set[int]] = {}
    for one in found.sightings:
        by_instant.setdefault(one.instant, set()).add(one.camera)
    return sum(number in seen and len(seen) > 1 for seen in by_instant.values())


def focal_sigma(found: CamerasSolution, number: int) -> float:
    """Give the standard deviation of the focal length relative to it."""
    sigma = np.sqrt(np.diag(found.solution.lens_covariance(number))[:2])
    return float((sigma / found.solution.unknowns.lenses[number, :2]).max())


def lens_findings(found: CamerasSolution, number: int, covered: float) -> tuple[Finding, ...]:
    """Figures of a lens beside its residual."""
    sigma = np.sqrt(np.diag(found.solution.lens_covariance(number)))
    views = found.pictures(number)
    return (
        Finding(name="pictures", value=len(views), unit="", meaning="that show the board"),
        Finding(
            name="coverage",
            value=round(100 * covered, 1),
            unit="%",
            meaning="of the picture's fields in which the board was seen",
        ),
        Finding(
            name="focal length, standard deviation",
            value=float(sigma[:2].max()),
            unit="px",
            meaning="from the scatter of the pictures",
        ),
        Finding(
            name="optical axis, standard deviation",
            value=float(sigma[2:4].max()),
            unit="px",
            meaning="from the scatter of the pictures",
        ),
        Finding(name="board bulge", value=found.bow, unit="mm", meaning="found with the lens"),
        *frame_findings(found, number),
    )


def frame_findings(found: CamerasSolution, number: int) -> tuple[Finding, ...]:
    """Median over pictures of the RMS misfit of tag corners, and of saddle points, pixels."""
    misfits = zip(("tag corners", "saddle points"), picture_misfits(found, number), strict=True)
    return tuple(
        Finding(
            name=f"{what}, median misfit of a picture",
            value=value,
            unit="px",
            meaning="RMS distance in the picture, the median over pictures",
        )
        for what, value in misfits
    )


def picture_misfits(found: CamerasSolution, number: int) -> tuple[float, float]:
    """Median over pictures of the RMS distance of tag corners, and of saddle points, pixels."""
    tags, saddles = [], []
    for view, residuals in found.pictures(number):
        split = len(view.saddles)
        saddles.append(residuals[:split])
        tags.append(residuals[split:])
    return _median_rms(tags), _median_rms(saddles)


def _median_rms(parts: Sequence[FloatArray]) -> float:
    values = [float(np.sqrt((part**2).sum(axis=1).mean())) for part in parts if len(part)]
    return float(np.median(values)) if values else 0.0


def _between(value: float, wished: float, refused: float, *, strict: bool) -> bool:
    """Whether `value` is above `refused` if `strict`, or else only above `wished`."""
    return value > refused if strict else wished < value <= refused
