"""Chessboard corners against rendered truth, beside OpenCV's own refinement."""

import cv2
import numpy as np
import pytest

from tracking.saddles import refine_saddles

SAMPLES = 6


def _board(seed, *, blur=0.7, noise=2.5, spacing=24.0, inverted=False):
    """A tilted 5 x 4 chessboard's inner corners, each pixel the mean of exact samples."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1, rng.uniform(-0.3, 0.3)], [0, rng.uniform(0.7, 1)]])
    to_image = np.eye(3)
    to_image[:2, :2] = turn @ shear * spacing
    to_image[:2, 2] = np.array([110.0, 105.0]) + rng.uniform(-1, 1, 2)
    to_image[2, :2] = rng.uniform(-0.015, 0.015, 2)
    part = (np.arange(220 * SAMPLES) + 0.5) / SAMPLES - 0.5
    x, y = np.meshgrid(part, part)
    u, v, w = np.einsum("ij,jab->iab", np.linalg.inv(to_image), np.stack([x, y, np.ones_like(x)]))
    column, row = np.floor(u / w), np.floor(v / w)
    white = ((column + row) % 2 == 1) != inverted
    level = np.where(
        (np.abs(column + 0.5) < 3) & (np.abs(row + 0.5) < 2.6), white * 180.0 + 30, 120
    )
    image = level.reshape(220, SAMPLES, 220, SAMPLES).mean(axis=(1, 3))
    image = cv2.GaussianBlur(image, (0, 0), blur) + rng.normal(0, noise, image.shape)
    grid = np.array([[i, j, 1] for j in (-1, 0, 1) for i in (-2, -1, 0, 1, 2)]) @ to_image.T
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), grid[:, :2] / grid[:, 2:]


def _rms(errors):
    return np.sqrt(np.square(np.concatenate(errors)).mean())


@pytest.mark.parametrize(
    ("blur", "noise", "limit"), [(0.7, 2.5, 0.02), (1.2, 6.0, 0.05), (2.0, 2.5, 0.04)]
)
def test_corners_come_to_hundredths_and_beat_opencv(blur, noise, limit):
    ours, theirs = [], []
    for seed in range(6):
        image, true = _board(seed, blur=blur, noise=noise, inverted=seed % 2 == 1)
        rough = true + np.random.default_rng(seed).uniform(-1.2, 1.2, true.shape)
        points, ok = refine_saddles(image, rough, spacing=20.0)
        assert ok.mean() > 0.9
        ours.append((points - true)[ok])
        start = rough.astype(np.float32)[:, None].copy()
        end = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-4)
        theirs.append((cv2.cornerSubPix(image, start, (5, 5), (-1, -1), end)[:, 0] - true)[ok])
    assert _rms(ours) < limit
    assert _rms(ours) < _rms(theirs)


def test_what_moves_far_or_shows_no_saddle_is_given_back_as_it_came():
    image, true = _board(1)
    far = true[:3] + np.array([[5.0, 0], [0, -5.0], [4, 4]])
    wild = np.array([[np.nan, 3], [-50.0, 10], [1e12, 4], [0.0, 0.0], [219, 219]])
    given = np.concatenate([far, wild])
    points, ok = refine_saddles(image, given, spacing=20.0)
    assert not ok.any()
    np.testing.assert_array_equal(points, given)


def test_edges_flat_areas_and_noise_are_no_saddles():
    edge = np.full((60, 60), 30, np.uint8)
    edge[:, 30:] = 210
    noise = np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)
    middle = np.array([[29.5, 30.0]])
    for image in (edge, np.zeros_like(edge), np.full_like(edge, 255), edge[:5, :5], edge[:1, :1]):
        assert not refine_saddles(image, middle)[1].any()
    places = np.random.default_rng(1).uniform(8, 52, (100, 2))
    assert refine_saddles(noise, places, spacing=20.0)[1].mean() < 0.1


def test_no_points_give_no_points():
    points, ok = refine_saddles(np.zeros((50, 50), np.uint8), np.zeros((0, 2)))
    assert points.shape == (0, 2)
    assert ok.shape == (0,)
