"""Tag families by all their usual names, and what is printed on their tags."""

import cv2
import numpy as np
import pytest

from tracking.tag_families import DICTIONARIES, TagFamilyError, family_name, tag_family


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("36h11", "36h11"),
        ("tag36h11", "36h11"),
        ("DICT_APRILTAG_36h11", "36h11"),
        ("DICT_APRILTAG_36H11", "36h11"),
        ("mip_36h12", "mip_36h12"),
        ("DICT_ARUCO_MIP_36h12", "mip_36h12"),
        ("ARUCO_MIP_36h12", "mip_36h12"),
        ("DICT_4X4_1000", "4x4_1000"),
        ("4x4_50", "4x4_50"),
        ("DICT_7X7_250", "7x7_250"),
        ("DICT_ARUCO_ORIGINAL", "original"),
    ],
)
def test_usual_spellings_name_one_family(spelling, name):
    assert family_name(spelling) == name


def test_every_dictionary_of_opencv_has_a_name():
    known = {
        getattr(cv2.aruco, name)
        for name in dir(cv2.aruco)
        if name.startswith("DICT_") and isinstance(getattr(cv2.aruco, name), int)
    }
    assert known == set(DICTIONARIES.values())


@pytest.mark.parametrize("spelling", ["", "42h1", "DICT_", "4x4_51", "tag"])
def test_an_unknown_family_is_named_with_the_known_ones(spelling):
    with pytest.raises(TagFamilyError, match=r"is not known. Use one of .*36h11"):
        tag_family(spelling)


@pytest.mark.parametrize(("name", "modules"), [("4x4_50", 6), ("5x5_50", 7), ("36h11", 8)])
def test_sides_show_what_is_printed_behind_the_border(name, modules):
    family = tag_family(name)
    assert family.modules == modules
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[name])
    printed = cv2.aruco.generateImageMarker(dictionary, 3, modules) > 0
    for side in range(4):
        # Turned so that this side is on top, it is read from left to right.
        np.testing.assert_array_equal(family.rows[3, side], np.rot90(printed, side)[1])
    with pytest.raises(ValueError, match="read-only"):
        family.codes[0, 0, 0] = True
