"""What happens between the scene and the grey levels of an image: blur, light, noise, JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Light:
    """Conditions of a picture.

    Attributes
    ----------
    psf
        Standard deviation of the lens' blur, px; the pixel's own square comes on top.
    noise
        Standard deviation of the noise, grey levels.
    jpeg
        JPEG quality, or None.
    uneven
        How much darker than the brightest part of the picture the darkest is, 0 to 1.
    ink, paper
        Grey levels of print and paper in full light.
    """

    psf: float = 0.7
    noise: float = 2.5
    jpeg: int | None = None
    uneven: float = 0.0
    ink: float = 30.0
    paper: float = 210.0


GOOD = Light()
HARD = Light(psf=1.2, noise=6.0, jpeg=85)


def exposed(scene, light, setting, rng):
    """Grey levels (height, width) uint8 of what the lens throws on each pixel, float32.

    `setting` is the random source of the light, `rng` of the noise.
    """
    image = scene
    if light.uneven:
        image = image * _brightness(image.shape, light.uneven, setting)
    image = image + light.noise * rng.standard_normal(image.shape, dtype=np.float32)
    grey = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if light.jpeg is None:
        return grey
    _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, light.jpeg])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def _brightness(shape, uneven, setting):
    coarse = setting.uniform(1.0 - uneven, 1.0, (3, 4)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def clutter(width, height, seed):
    """A background (height, width) float32 of things with edges and corners of all kinds."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(60, 150, (9, 16)).astype(np.float32)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        across, down = (int(one) for one in rng.integers(8, 160, 2))
        grey = float(rng.uniform(20, 220))
        kind = rng.integers(3)
        if kind == 0:
            box = cv2.boxPoints(((x, y), (across, down), float(rng.uniform(0, 90))))
            cv2.fillConvexPoly(image, np.rint(box).astype(np.int32), grey, cv2.LINE_AA)
        elif kind == 1:
            cv2.ellipse(image, (x, y), (across // 2, down // 2), 30, 0, 360, grey, -1, cv2.LINE_AA)
        else:
            end = (x + across - 80, y + down - 80)
            cv2.line(image, (x, y), end, grey, int(rng.integers(1, 6)), cv2.LINE_AA)
    return image
