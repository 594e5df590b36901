"""Prints, cuts, folds and photographs sheets without paper, independently of the code under test.

A page of the PDF is rasterised; its panels are bent along the fold lines with plain trigonometry,
and each is drawn into a camera's image by the homography of its plane, many samples to a pixel.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pypdfium2
from scipy.spatial.transform import RigidTransform, Rotation

from tests.tracking import rendering
from tracking.sheets.drawing import draw_sheets

DPI = 300
SAMPLES = 3
BACKGROUND, PAPER_GREY, INK_GREY = 110.0, 215.0, 30.0


def page_image(sheet, dpi=DPI):
    """Grey image of the sheet's page, and its pixels per mm along x and y."""
    document = pypdfium2.PdfDocument(draw_sheets([sheet]))
    try:
        image = document[0].render(scale=dpi / 72, grayscale=True).to_numpy()
    finally:
        document.close()
    image = np.ascontiguousarray(image.reshape(image.shape[:2]))
    return image, np.array(image.shape[::-1]) / [sheet.paper.width, sheet.paper.height]


def page_text(sheet):
    document = pypdfium2.PdfDocument(draw_sheets([sheet]))
    try:
        return document[0].get_textpage().get_text_range()
    finally:
        document.close()


def pixels_of(points, per_mm):
    """Pixels, first centre at (0, 0), of points of the page in mm."""
    return np.asarray(points) * per_mm - 0.5


def outline(sheet):
    """Left, top, right, bottom of what is cut out along the first cut line."""
    cut = next(line for line in sheet.drawing.lines if line.style == "cut")
    return *cut.points.min(axis=0), *cut.points.max(axis=0)


def panels(sheet):
    """Four corners on the page of each panel, and where they are in space after folding.

    Space is the page's: x right, y down, z away from the reader, mm. Only upright folds are known.
    """
    left, top, right, bottom = outline(sheet)
    folds = sorted(sheet.drawing.folds, key=lambda fold: fold.start[0])
    edges = [left, *(fold.start[0] for fold in folds), right]
    assert all(fold.start[0] == fold.end[0] for fold in folds)
    assert len(folds) in (0, 2)
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        flat = np.array([[low, top], [high, top], [high, bottom], [low, bottom]])
        space = np.column_stack([flat, np.zeros(4)])
        if folds and number != 1:
            fold = folds[0] if number == 0 else folds[1]
            bend, hinge = np.deg2rad(fold.angle_deg), fold.start[0]
            reach = flat[:, 0] - hinge
            space[:, 0] = hinge + reach * np.cos(bend)
            space[:, 2] = np.abs(reach) * np.sin(bend)
        yield flat, space


def page_from_body(sheet, *, backing=0.0, z_to_reader=False):
    """Where the body's frame should lie in the page's space, by its description."""
    left, top, right, bottom = outline(sheet)
    turn = Rotation.from_rotvec([np.pi if z_to_reader else 0.0, 0.0, 0.0])
    middle = np.array([(left + right) / 2, (top + bottom) / 2, backing])
    return RigidTransform.from_components(middle, turn)


def print_out(sheet):
    """The page as grey levels of ink on paper, and its pixels per mm: what is photographed."""
    page, _ = page_image(sheet)
    page = cv2.resize(page, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    ink = INK_GREY + (PAPER_GREY - INK_GREY) * page.astype(np.float32) / 255
    return ink, np.array(page.shape[::-1]) / [sheet.paper.width, sheet.paper.height]


def photograph(sheet, print_, view, world_from_page, *, scale=1.0, seed=0, blur=0.7, noise=2.0):
    """Image that `view` takes of the cut and folded page, printed at `scale`."""
    ink, per_mm = print_
    image = np.full((view.height, view.width), BACKGROUND, dtype=np.float32)
    placed = [
        (flat, view.project_world(world_from_page.apply(space * scale)))
        for flat, space in panels(sheet)
    ]
    seen = np.concatenate([pixels for _, pixels in placed])
    low = np.maximum(np.floor(seen.min(axis=0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(seen.max(axis=0)).astype(int) + 3, [view.width, view.height])
    width, height = high - low
    size = (int(width) * SAMPLES, int(height) * SAMPLES)
    fine = np.full(size[::-1], BACKGROUND, dtype=np.float32)
    for flat, pixels in placed:
        target = ((pixels - low + 0.5) * SAMPLES - 0.5).astype(np.float32)
        way = cv2.getPerspectiveTransform(pixels_of(flat, per_mm).astype(np.float32), target)
        on_panel = cv2.fillConvexPoly(
            np.zeros(size[::-1], np.uint8), np.rint(target).astype(int), 1
        )
        drawn = cv2.warpPerspective(ink, way, size, flags=cv2.INTER_LINEAR, borderValue=PAPER_GREY)
        np.copyto(fine, drawn, where=on_panel > 0)
    part = cv2.resize(fine, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    image[low[1] : high[1], low[0] : high[0]] = part
    rng = np.random.default_rng(seed)
    image = cv2.GaussianBlur(image, (0, 0), blur) + rng.normal(0, noise, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def views():
    """A camera without distortion, and poses of a page in front of it (``world_from_body``)."""
    camera = rendering.camera(distorted=False)
    turns = [(0, 0, 0), (0, 24, 0), (0, -24, 0), (22, 6, 15), (-20, -8, 200)]
    return camera, [rendering.pose([20, -10, 650], turn) for turn in turns]
