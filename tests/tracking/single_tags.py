"""One flat tag of any family, straight or tilted, at an exactly known place in a small image.

Independent of the code under test: a homography maps pixels sampled 6 x 6 into the printed tag.
"""

from __future__ import annotations

import cv2
import numpy as np

from tracking.tag_families import DICTIONARIES

SAMPLES = 6
SIZE = (200, 240)


def quad(side=45.0, centre=(121.3, 98.6), turn_deg=17.0, squeeze=0.8, perspective=0.04):
    """Corners (4, 2) of a turned, tilted square."""
    angle = np.deg2rad(turn_deg)
    square = (np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) - 0.5) * side
    square[:, 1] *= squeeze
    square[:, 0] *= 1 + perspective * np.array([-1, -1, 1, 1])
    return square @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + (
        np.array(centre)
    )


def picture(family, tag, corners, *, inverted=False, blur=0.7, noise=2.5, seed=0, quiet=1):
    """Grey image of `tag` with a quiet zone of `quiet` modules, on grey clutter."""
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[family])
    modules = dictionary.markerSize + 2
    printed = np.full((modules + 2 * quiet,) * 2, 255, np.uint8)
    printed[quiet:-quiet, quiet:-quiet] = cv2.aruco.generateImageMarker(dictionary, tag, modules)
    printed = 255 - printed if inverted else printed
    unit = np.array([[0, 0], [modules, 0], [modules, modules], [0, modules]], np.float32) + quiet
    to_print = np.linalg.inv(_homography(unit.astype(np.float64), corners))
    height, width = SIZE
    rng = np.random.default_rng(seed)
    back = cv2.resize(rng.uniform(60, 150, (8, 10)), (width, height), interpolation=cv2.INTER_CUBIC)
    part = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    xs, ys = ((np.arange(n)[:, None] + part).ravel() for n in (width, height))
    x, y = np.meshgrid(xs, ys)
    u, v, w = np.einsum("ij,jab->iab", to_print, np.stack([x, y, np.ones_like(x)]))
    column, row = np.floor(u / w).astype(int), np.floor(v / w).astype(int)
    last = len(printed) - 1
    inside = (row >= 0) & (row <= last) & (column >= 0) & (column <= last)
    level = np.where(printed[row.clip(0, last), column.clip(0, last)] > 0, 210.0, 30.0)
    fine = np.where(inside, level, np.repeat(np.repeat(back, SAMPLES, 0), SAMPLES, 1))
    image = fine.reshape(height, SAMPLES, width, SAMPLES).mean(axis=(1, 3))
    image = cv2.GaussianBlur(image, (0, 0), blur) + rng.normal(0, noise, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _homography(source, target):
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows), target.reshape(-1))
    return np.append(solved, 1.0).reshape(3, 3)
