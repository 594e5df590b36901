"""What is cut out: the bent plate with its folding gauge, the puck, the sticker.

In: sizes in mm. Out: a :class:`~tracking.sheets.sheet.Drawing` with its own corner as origin, and
how it becomes a body. Around each tag one module stays white, or half-way to the next tag if that
is less; everything else that is printed keeps out of there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracking.sheets.sheet import (
    MODULES,
    BodyPlan,
    Drawing,
    Fold,
    Label,
    Line,
    Point,
    PrintedTag,
    SheetError,
)

FloatArray = NDArray[np.float64]

OVERHANG = 5.0
"""Fold marks reach this far beyond the cut line, where a ruler can be laid against them."""

LABEL_PT = 6.0
LABEL_CLEARANCE = 0.8
"""White between a tag's quiet zone and the text above it, mm."""

GAUGE_WING, GAUGE_BACK = 28.0, 11.0


def module_of(tag_size: float) -> float:
    """Side of one module of a tag, mm."""
    return tag_size / MODULES


def border_of(tag_size: float) -> float:
    """White from the outermost tags to the cut line: two modules, and room for small print."""
    return max(2 * module_of(tag_size), module_of(tag_size) + 4.0)


def bent_plate_drawing(
    name: str, first_tag: int, tag_size: float, gap: float, bend_deg: float
) -> tuple[Drawing, BodyPlan]:
    """Draw the bent plate of :func:`tracking.bodies.bent_plate`, unfolded.

    Raises
    ------
    SheetError
        If a size or angle makes no plate.
    """
    _check_sizes(tag_size, gap)
    if not 5.0 <= bend_deg <= 60.0:
        raise SheetError(
            f"A plate bent by {bend_deg:g} degrees is either flat or seen from one side only. "
            "Choose --bend between 5 and 60."
        )
    border, pitch = border_of(tag_size), tag_size + gap
    width, height = 3 * pitch - gap + 2 * border, 2 * pitch - gap + 2 * border
    top, bottom = OVERHANG + 3.5, OVERHANG + 3.5 + height
    places = [
        (border + column * pitch, top + border + row * pitch)
        for column in range(3)
        for row in range(2)
    ]
    left_fold, right_fold = (width / 2 - pitch / 2), (width / 2 + pitch / 2)
    folds = (
        # The outer part lies to the right of the way: on a page, y down, of one that goes up ...
        Fold((right_fold, bottom), (right_fold, top), bend_deg),
        # ... and for the left one, down.
        Fold((left_fold, top), (left_fold, bottom), bend_deg),
    )
    drawing = Drawing(
        width=width,
        height=bottom + OVERHANG,
        tags=_tags(first_tag, places, tag_size),
        folds=folds,
        lines=(
            _rectangle(0.0, top, width, bottom),
            *(
                mark
                for x in (left_fold, right_fold)
                for mark in _fold_marks(x, top, bottom, border - module_of(tag_size))
            ),
        ),
        labels=(
            *_tag_labels(name, first_tag, places, tag_size, rows=2),
            *(
                Label((x, top - OVERHANG - 1.2), f"fold back {bend_deg:g}°", 7.5, "centre")
                for x in (left_fold, right_fold)
            ),
        ),
    )
    plan = BodyPlan(name, (width / 2, (top + bottom) / 2), tag_size, gap, bend_deg)
    return drawing, plan


def gauge_drawing(tag_size: float, gap: float, bend_deg: float) -> Drawing:
    """Draw the template that lies on the printed side of a plate bent by `bend_deg`."""
    half = (tag_size + gap) / 2
    bend = np.deg2rad(bend_deg)
    wing = min(GAUGE_WING, tag_size)
    across, down = wing * np.cos(bend), wing * np.sin(bend)
    width = 2 * (half + across)
    outline = np.array(
        [
            [0.0, 0.0],
            [width, 0.0],
            [width, GAUGE_BACK + down],
            [width - across, GAUGE_BACK],
            [across, GAUGE_BACK],
            [0.0, GAUGE_BACK + down],
            [0.0, 0.0],
        ]
    )
    return Drawing(
        width=width,
        height=GAUGE_BACK + down,
        lines=(Line(outline, "cut"),),
        labels=(
            Label((width / 2, 4.6), f"Folding gauge {bend_deg:g}°", 8.5, "centre", bold=True),
            Label(
                (width / 2, 8.6), "this edge on the printed side: no light may show", 7, "centre"
            ),
        ),
    )


def puck_drawing(
    name: str, first_tag: int, tag_size: float, gap: float, backing: float
) -> tuple[Drawing, BodyPlan]:
    """Draw the flat puck: four tags around a cross, and an arrow away from the handle.

    Its frame is the coil's when it is clamped on the focal point: origin in the middle of its back,
    z out of the print (into the head), y along the arrow.

    Raises
    ------
    SheetError
        If the sizes make no puck, or leave no room for the cross between the tags.
    """
    _check_sizes(tag_size, gap)
    module = module_of(tag_size)
    if gap < 2 * module + 6.0:
        raise SheetError(
            f"A gap of {gap:g} mm leaves no room for the puck's cross between tags of "
            f"{tag_size:g} mm. Use --gap {np.ceil(2 * module + 6.0):g} or more."
        )
    if not 0.0 <= backing <= 50.0:
        raise SheetError(f"A puck {backing:g} mm thick cannot be meant. State --backing in mm.")
    border, pitch = border_of(tag_size) + 1.0, tag_size + gap
    side = 2 * tag_size + gap + 2 * border
    places = [
        (border + column * pitch, border + row * pitch) for row in range(2) for column in range(2)
    ]
    middle = side / 2
    tip, shaft = border - module * 0.2, gap / 2 - module - 0.6
    arrow = np.array([[0.0, 0.0], [shaft, 2.2 * shaft], [-shaft, 2.2 * shaft], [0.0, 0.0]])
    drawing = Drawing(
        width=side,
        height=side,
        tags=_tags(first_tag, places, tag_size),
        lines=(
            _rectangle(0.0, 0.0, side, side),
            Line(np.array([[0.0, middle], [side, middle]]), "fine"),
            Line(np.array([[middle, tip], [middle, side]]), "fine"),
            Line(arrow + np.array([middle, tip]), "fine", filled=True),
            Line(_circle(middle, middle, shaft), "fine"),
        ),
        labels=(
            *_tag_labels(name, first_tag, places, tag_size, rows=2),
            Label(
                (middle, border - module - LABEL_CLEARANCE),
                "away from the handle",
                7.5,
                "centre",
                grey=0.0,
                bold=True,
            ),
        ),
    )
    plan = BodyPlan(name, (middle, middle), tag_size, gap, z_to_reader=True, backing=backing)
    return drawing, plan


def sticker_drawing(
    name: str, first_tag: int, tag_size: float, gap: float
) -> tuple[Drawing, BodyPlan]:
    """Draw the two small tags that tell whether the head's plate has slipped.

    Raises
    ------
    SheetError
        If the sizes make no sticker.
    """
    _check_sizes(tag_size, gap)
    border, pitch = border_of(tag_size), tag_size + gap
    width, height = pitch + tag_size + 2 * border, tag_size + 2 * border
    places = [(border + column * pitch, border) for column in range(2)]
    drawing = Drawing(
        width=width,
        height=height,
        tags=_tags(first_tag, places, tag_size),
        lines=(_rectangle(0.0, 0.0, width, height),),
        labels=_tag_labels(name, first_tag, places, tag_size, rows=1),
    )
    return drawing, BodyPlan(name, (width / 2, height / 2), tag_size, gap)


def _check_sizes(tag_size: float, gap: float) -> None:
    if not 10.0 <= tag_size <= 200.0:
        raise SheetError(
            f"A tag of {tag_size:g} mm is not printed: cameras cannot use it. "
            "Choose --tag-size between 10 and 200 mm; 30 to 40 suits a room."
        )
    if not module_of(tag_size) / 2 <= gap <= 100.0:
        raise SheetError(
            f"A gap of {gap:g} mm between tags of {tag_size:g} mm is not printed: tags need white "
            f"around them. Choose --gap between {module_of(tag_size) / 2:g} and 100 mm; "
            f"{module_of(tag_size):g} or more is good."
        )


def _tags(first_tag: int, places: list[Point], tag_size: float) -> tuple[PrintedTag, ...]:
    square = tag_size * np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    return tuple(
        PrintedTag(first_tag + number, square + np.array(place))
        for number, place in enumerate(places)
    )


def _tag_labels(
    name: str,
    first_tag: int,
    places: list[Point],
    tag_size: float,
    *,
    rows: int,
) -> tuple[Label, ...]:
    """Name each tag above it, those of the lower row below it."""
    clear = module_of(tag_size) + LABEL_CLEARANCE
    lowest = max(y for _, y in places)
    labels = []
    for number, (x, y) in enumerate(places):
        below = rows > 1 and y == lowest
        baseline = y + tag_size + clear + LABEL_PT * 0.25 if below else y - clear
        labels.append(
            Label((x + tag_size / 2, baseline), f"{name} {first_tag + number}", LABEL_PT, "centre")
        )
    return tuple(labels)


def _rectangle(left: float, top: float, right: float, bottom: float) -> Line:
    return Line(
        np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]), "cut"
    )


def _fold_marks(x: float, top: float, bottom: float, inside: float) -> tuple[Line, Line]:
    """Mark a fold at both ends only: between the tags the paper stays white."""
    return (
        Line(np.array([[x, top - OVERHANG], [x, top + inside]]), "fold"),
        Line(np.array([[x, bottom - inside], [x, bottom + OVERHANG]]), "fold"),
    )


def _circle(x: float, y: float, radius: float) -> FloatArray:
    turn = np.linspace(0.0, 2 * np.pi, 49)
    return np.column_stack([x + radius * np.cos(turn), y + radius * np.sin(turn)])
