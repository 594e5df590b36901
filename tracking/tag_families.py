"""Tag families: their names, how many modules a tag has, and which of them are white.

In: a family's name as body files or OpenCV spell it. Out: :class:`TagFamily`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

DICTIONARIES = {
    "16h5": cv2.aruco.DICT_APRILTAG_16h5,
    "25h9": cv2.aruco.DICT_APRILTAG_25h9,
    "36h10": cv2.aruco.DICT_APRILTAG_36h10,
    "36h11": cv2.aruco.DICT_APRILTAG_36h11,
    "mip_36h12": cv2.aruco.DICT_ARUCO_MIP_36h12,
    "original": cv2.aruco.DICT_ARUCO_ORIGINAL,
    **{
        f"{size}x{size}_{number}": int(getattr(cv2.aruco, f"DICT_{size}X{size}_{number}"))
        for size in (4, 5, 6, 7)
        for number in (50, 100, 250, 1000)
    },
}
"""Tag family, as body files name it, to OpenCV's dictionary."""


class TagFamilyError(ValueError):
    """A tag family that the detector does not know."""


@dataclass(frozen=True, eq=False)
class TagFamily:
    """What is printed on the tags of a family.

    Attributes
    ----------
    name
        As in :data:`DICTIONARIES`.
    modules
        Modules along a side, the black border included.
    codes
        (tags, modules - 2, modules - 2) True where a module inside the border is white; rows from
        the top of the tag, columns from its left.
    rows
        (tags, 4, modules) 1 where the module behind the border of a side is white, 0 elsewhere;
        sides from the top one clockwise, each from its first corner to the next.
    """

    name: str
    modules: int
    codes: NDArray[np.bool_]
    rows: NDArray[np.float32]


# Asked for with every frame.
@functools.cache
def family_name(spelling: str) -> str:
    """Name in :data:`DICTIONARIES` of a family in any usual `spelling`.

    ``36h11``, ``tag36h11``, ``DICT_APRILTAG_36h11``, ``4x4_50``, ``DICT_4X4_50`` and so on.

    Raises
    ------
    TagFamilyError
        If there is no such family.
    """
    name = re.sub(r"^dict_", "", spelling.strip().lower())
    name = re.sub(r"^(april)?tag_?|^aruco_", "", name)
    if name not in DICTIONARIES:
        raise TagFamilyError(
            f"Tag family '{spelling}' is not known. Use one of {', '.join(DICTIONARIES)}."
        )
    return name


def tag_family(spelling: str) -> TagFamily:
    """Give the family of that name, in any usual spelling.

    Raises
    ------
    TagFamilyError
        If there is no such family.
    """
    return _family(family_name(spelling))


# Drawing a thousand codes takes milliseconds: not to be done for every frame.
@functools.cache
def _family(name: str) -> TagFamily:
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[name])
    modules = int(dictionary.markerSize) + 2
    printed = [
        cv2.aruco.generateImageMarker(dictionary, tag, modules)
        for tag in range(len(dictionary.bytesList))
    ]
    codes = np.array(printed)[:, 1:-1, 1:-1] > 0
    sides = [codes[:, 0], codes[:, :, -1], codes[:, -1, ::-1], codes[:, ::-1, 0]]
    rows = np.pad(np.stack(sides, axis=1), ((0, 0), (0, 0), (1, 1))).astype(np.float32)
    for array in (codes, rows):
        array.setflags(write=False)
    return TagFamily(name, modules, codes, rows)
