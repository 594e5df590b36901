"""The calibrations that can be made, in the order in which a room needs them.

In: the setup of the room. Out: offers, each with what it is for, what it asks the person and, if it
cannot be made yet, what comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tracking.setups import Setup

Kind = Literal["lens", "places", "body", "pointer", "puck", "dimples"]


@dataclass(frozen=True, slots=True)
class Option:
    """Something that the person fills in.

    Attributes
    ----------
    key
        Its name in an :class:`Order`.
    label, tip
        What it is called, and what to enter.
    default
        What stands there at first.
    form
        How it is entered.
    """

    key: str
    label: str
    tip: str
    default: str = ""
    form: Literal["text", "number", "file"] = "text"


@dataclass(frozen=True, slots=True)
class Offer:
    """A calibration that can be chosen.

    Attributes
    ----------
    kind
        Which one.
    title, explanation
        What it is called and what the person will do.
    options
        What is asked.
    missing
        What has to come first, a sentence; empty if it can be made now.
    """

    kind: Kind
    title: str
    explanation: str
    options: tuple[Option, ...] = ()
    missing: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Order:
    """What the person chose.

    Attributes
    ----------
    kind
        Which calibration.
    recording
        The recording to make it from; None for the live cameras of the setup.
    values
        Option key -> what was entered.
    """

    kind: Kind
    recording: Path | None
    values: Mapping[str, str]


BOARD = Option(
    "board",
    "Board file",
    "Written beside the sheet by 'coilpilot markers'. Empty: the default board.",
    form="file",
)


def offers(setup: Setup) -> tuple[Offer, ...]:
    """List all calibrations for `setup`."""
    bodies = {body.name for body in setup.bodies}
    lens_missing = _lens_missing(setup)
    return (
        Offer(
            "lens",
            "1  Lens of each camera",
            "Hold the printed board before the camera: near, far, tilted, and in every corner of "
            "its picture, until no field is orange.",
            (BOARD,),
        ),
        Offer(
            "places",
            "2  Where the cameras stand",
            "Move the board slowly where two or more cameras see it, near and far.",
            (BOARD,),
            lens_missing or ("" if len(setup.cameras) != 1 else "One camera has no other to it."),
        ),
        Offer(
            "body",
            "3  A marker body",
            "Turn the body in your hand before the cameras for half a minute, so that each tag is "
            "seen together with its neighbours.",
            (
                Option("name", "Body", "head, coil_body or pointer", "coil_body"),
                Option("tags", "Tags", "Numbers on the sheet, as in 6-11", "6-11"),
                Option("family", "Family", "As printed on the sheet", "36h11"),
                Option(
                    "tag_size",
                    "Side of a tag, mm",
                    "Measured on the print: the black square from edge to edge",
                    "36.0",
                    "number",
                ),
            ),
            lens_missing,
        ),
        Offer(
            "pointer",
            "4  Tip of the pointer",
            "Rest the tip in a dent and swing the pointer round it, widely, for half a minute.",
            (),
            lens_missing or _body_missing("pointer", bodies),
        ),
        Offer(
            "puck",
            "5  Coil, with the printed puck",
            "Clamp the puck on the coil's face at its focal point, arrow away from the handle, and "
            "turn both towards the cameras.",
            (
                Option(
                    "puck", "Puck file", "Written beside its sheet. Empty: default.", form="file"
                ),
            ),
            lens_missing or _body_missing("coil_body", bodies),
        ),
        Offer(
            "dimples",
            "5  Coil, by touching its dimples",
            "Touch the dimples of the casing with the pointer in the order of their list, then "
            "points all over the face.",
            (
                Option(
                    "dimples", "Dimples file", "Names and places in the coil's frame", form="file"
                ),
            ),
            lens_missing
            or _body_missing("coil_body", bodies)
            or _body_missing("pointer", bodies)
            or ("" if setup.pointer_tip is not None else "The pointer's tip comes first."),
        ),
    )


def _lens_missing(setup: Setup) -> str:
    blind = [camera.name for camera in setup.cameras if camera.intrinsics is None]
    return f"The lens of {', '.join(blind)} comes first." if blind else ""


def _body_missing(name: str, bodies: set[str]) -> str:
    return "" if name in bodies else f"The marker body '{name}' comes first."
