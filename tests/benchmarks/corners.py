"""How precise the corners of tags are, beside OpenCV's refinements and pupil-apriltags.

Single 36h11 tags of 40 mm, 0.5 to 1.9 m from a 720p camera with a bent picture, tilted by up to 60
degrees; every method reads the same frames. Errors are RMS per axis over all four corners of the
tags whose mean side is 25 to 60 px; a method is not charged with tags that it does not find, so
how many it found is told beside it. OpenCV's AprilTag corners and pupil-apriltags' are moved by
half a pixel first, to OpenCV's convention.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks import tag_scenes
from tests.benchmarks.report import Figure, at_least, at_most
from tests.benchmarks.tag_scenes import GOOD, HARD, Light, Scene
from tracking.corners import refine_corners
from tracking.detection import TagDetector

FRAMES, SEED = 20, 9201
"""Of pictures on which nothing was tuned."""
SIZES_PX = (25.0, 60.0)
GOAL_PX, GOAL_RATIO = 0.035, 6.0
LIGHTS = (
    GOOD,
    HARD,
    Light("good light, JPEG 80", 0.7, 2.5, jpeg=80),
    Light("hard light, JPEG 85", 1.2, 6.0, jpeg=85),
    Light("5 px motion", 0.7, 2.5, motion_px=5.0),
)

GreyImage = NDArray[np.uint8]
Tags = list[tuple[int, NDArray[np.float64]]]
Method = Callable[[GreyImage], Tags]


def measure() -> list[Figure]:
    """Compare all methods in good and in hard light."""
    scenes = tag_scenes.scenes(FRAMES, SEED)
    methods = {
        "ours": _ours(),
        "OpenCV SUBPIX": _opencv(cv2.aruco.CORNER_REFINE_SUBPIX),
        "OpenCV APRILTAG": _opencv(cv2.aruco.CORNER_REFINE_APRILTAG, shift=-0.5),
        "OpenCV unrefined": _opencv(cv2.aruco.CORNER_REFINE_NONE),
    }
    figures = []
    pupil = _pupil()
    if pupil is None:
        figures.append(Figure("pupil-apriltags", 0, conditions="not installed, not compared"))
    else:
        methods["pupil-apriltags"] = pupil
    for light in LIGHTS:
        figures += _compare(light, scenes, methods)
    return figures


def _compare(light: Light, scenes: list[Scene], methods: dict[str, Method]) -> list[Figure]:
    errors = {name: [] for name in methods}
    for number, scene in enumerate(scenes):
        frame = tag_scenes.expose(scene, light, number)
        for name, method in methods.items():
            errors[name] += tag_scenes.matched(method(frame), scene)
    told = f"{light.name}: blur {light.blur_px} px, noise {light.noise}"
    told += f", JPEG {light.jpeg}" if light.jpeg else ""
    asked = sum(_wanted(tag_scenes.side_px(one)) for s in scenes for one in s.corners.values())
    rms = {name: _rms(found, SIZES_PX) for name, found in errors.items()}
    figures = []
    for name, found in errors.items():
        number = sum(_wanted(size) for size, _ in found)
        conditions = f"{told}; tags of 25-60 px, {number} of {asked} found"
        title = f"corner error RMS, {name}"
        if name == "ours" and light is GOOD:
            figures.append(at_most(title, rms[name], GOAL_PX, "px", conditions))
        else:
            figures.append(Figure(title, rms[name], "px", conditions=conditions))
    small = _rms(errors["ours"], (0.0, SIZES_PX[0]))
    if np.isfinite(small):
        figures.append(Figure("corner error RMS, ours, below 25 px", small, "px", conditions=told))
    if light is GOOD:
        ratio = rms["OpenCV SUBPIX"] / rms["ours"]
        figures.append(at_least("times better than OpenCV SUBPIX", ratio, GOAL_RATIO, "", told))
        if "pupil-apriltags" in rms:
            ratio = rms["pupil-apriltags"] / rms["ours"]
            figures.append(at_least("times better than pupil-apriltags", ratio, 1.0, "", told))
    return figures


def _wanted(size: float) -> bool:
    return SIZES_PX[0] <= size < SIZES_PX[1]


def _rms(found: list[tuple[float, NDArray[np.float64]]], sizes: tuple[float, float]) -> float:
    chosen = [errors for size, errors in found if sizes[0] <= size < sizes[1]]
    return float(np.sqrt(np.square(chosen).mean())) if chosen else float("nan")


def _ours() -> Method:
    detector, camera = TagDetector("36h11"), tag_scenes.camera()
    return lambda image: [
        (one.tag, one.corners) for one in refine_corners(image, detector.detect(image), camera)
    ]


def _opencv(refinement: int, shift: float = 0.0) -> Method:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = refinement
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    detector = cv2.aruco.ArucoDetector(family, parameters)

    def find(image: GreyImage) -> Tags:
        quads, tags, _ = detector.detectMarkers(image)
        if not quads:
            return []
        return [
            (int(tag), np.asarray(quad, dtype=np.float64).reshape(4, 2) + shift)
            for tag, quad in zip(np.ravel(tags), quads, strict=True)
        ]

    return find


# A second detector in one process makes the interpreter crash when it ends.
@functools.cache
def _pupil() -> Method | None:
    try:
        from pupil_apriltags import Detector
    except ImportError:
        return None
    detector = Detector(families="tag36h11", quad_decimate=1.0)

    def find(image: GreyImage) -> Tags:
        return [
            # Its corners begin top right as OpenCV sees the tag, and run the other way round.
            (int(one.tag_id), np.asarray(one.corners, dtype=np.float64)[[1, 0, 3, 2]] - 0.5)
            for one in detector.detect(image)
        ]

    return find
