"""The pages themselves: true to size, everything there, nothing where it must stay white."""

import itertools

import cv2
import numpy as np
import pypdfium2
import pytest
from reportlab.pdfbase.pdfmetrics import stringWidth

from tests.tracking import rendering
from tests.tracking.sheets.printing import page_image, page_text, pixels_of
from tracking.corners import refine_corners
from tracking.detection import TagDetector, TagObservation
from tracking.sheets.catalogue import KINDS, SheetOptions, make_sheets
from tracking.sheets.drawing import draw_sheets
from tracking.sheets.page import BOLD_FONT, FONT, MM_PT
from tracking.sheets.sheet import MODULES, PAPERS

BODIES = [kind for kind in KINDS if kind != "board"]
FLAT_LENS = rendering.camera(distorted=False, size=(2480, 3508))


def sheet_of(kind, **options):
    return make_sheets([kind], SheetOptions(**options))[0]


@pytest.mark.parametrize("paper", PAPERS)
def test_pages_have_the_size_of_the_paper_and_ask_to_be_printed_at_full_size(paper):
    sheets = make_sheets(KINDS, SheetOptions(paper=paper))
    data = draw_sheets(sheets)
    document = pypdfium2.PdfDocument(data)
    assert len(document) == len(KINDS)
    for page, sheet in zip(document, sheets, strict=True):
        # Half a micrometre, of which PDF's decimals leave some.
        assert np.array(page.get_size()) / MM_PT == pytest.approx(
            [sheet.paper.width, sheet.paper.height], abs=2e-3
        )
        assert {sheet.paper.width, sheet.paper.height} == {
            PAPERS[paper].width,
            PAPERS[paper].height,
        }
    document.close()
    assert b"/PrintScaling /None" in data
    assert draw_sheets(sheets) == data


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, {}) for kind in BODIES]
    + [("head", {"family": "mip_36h12", "paper": "letter", "tag_size": 30.0, "gap": 6.0})],
)
def test_every_tag_is_printed_where_the_sheet_says(kind, options):
    sheet = sheet_of(kind, **options)
    image, per_mm = page_image(sheet)
    found = refine_corners(image, TagDetector(sheet.family).detect(image), FLAT_LENS)
    corners = {one.tag: one.corners for one in found}
    assert set(corners) == {tag.tag for tag in sheet.drawing.tags}
    for tag in sheet.drawing.tags:
        error = corners[tag.tag] - pixels_of(tag.corners, per_mm)
        assert np.abs(error / per_mm).max() < 0.02, "mm"


@pytest.mark.parametrize("paper", PAPERS)
def test_every_corner_of_the_board_is_printed_where_its_file_says(paper):
    sheet = sheet_of("board", paper=paper)
    board, corner = sheet.board.board, np.array(sheet.board.corner)
    image, per_mm = page_image(sheet, dpi=150)
    saddles, ids, quads, tags = cv2.aruco.CharucoDetector(board.pattern()).detectBoard(image)
    assert sorted(ids.ravel()) == list(range(len(board.saddles)))
    wanted = pixels_of(corner + board.saddles[ids.ravel(), :2], per_mm)
    assert np.abs((saddles.reshape(-1, 2) - wanted) / per_mm).max() < 0.1, "mm"
    assert sorted(tags.ravel()) == list(range(len(board.tag_corners)))
    coarse = [
        TagObservation(int(tag), np.asarray(quad, dtype=np.float64).reshape(4, 2))
        for tag, quad in zip(tags.ravel(), quads, strict=True)
    ]
    fine = refine_corners(image, coarse, FLAT_LENS)
    assert len(fine) == len(coarse)
    for one in fine:
        wanted = pixels_of(corner + board.tag_corners[one.tag, :, :2], per_mm)
        assert np.abs((one.corners - wanted) / per_mm).max() < 0.1, "mm"


@pytest.mark.parametrize("kind", BODIES)
def test_nothing_is_printed_within_one_module_of_a_tag(kind):
    sheet = sheet_of(kind)
    image, per_mm = page_image(sheet)
    ink = image < 250
    for tag in sheet.drawing.tags:
        low, high = (np.rint(c * per_mm).astype(int) for c in tag.corners[[0, 2]])
        ink[low[1] - 2 : high[1] + 2, low[0] - 2 : high[0] + 2] = False
    for tag in sheet.drawing.tags:
        quiet = sheet.plan.tag_size / MODULES
        low = np.rint((tag.corners[0] - quiet) * per_mm).astype(int)
        high = np.rint((tag.corners[2] + quiet) * per_mm).astype(int)
        assert not ink[low[1] : high[1], low[0] : high[0]].any(), tag.tag


@pytest.mark.parametrize("kind", KINDS)
def test_both_rulers_measure_100_mm(kind):
    sheet = sheet_of(kind)
    image, per_mm = page_image(sheet)
    assert page_text(sheet).count("measure: must be 100.0 mm") == 2
    for ruler in sheet.rulers:
        x, y = ruler.start
        # 3.1 mm from its line only the ticks of the full centimetres are left.
        if ruler.upright:
            column, row = pixels_of([x - 3.1, y], per_mm)
            profile, along = image[:, round(column)], per_mm[1]
            start = row
        else:
            start, row = pixels_of([x, y + 3.1], per_mm)
            profile, along = image[round(row)], per_mm[0]
        first, last = round(start - 1.5 * along), round(start + 101.5 * along)
        dark = 255.0 - profile[first:last]
        runs = np.split(np.flatnonzero(dark), np.flatnonzero(np.diff(np.flatnonzero(dark)) > 1) + 1)
        ticks = [np.average(run, weights=dark[run]) / along for run in runs]
        assert np.diff(ticks) == pytest.approx([10.0] * 10, abs=0.05)
        assert ticks[-1] - ticks[0] == pytest.approx(100.0, abs=0.03)


@pytest.mark.parametrize("kind", BODIES)
def test_cut_lines_and_fold_marks_are_drawn(kind):
    sheet = sheet_of(kind)
    image, per_mm = page_image(sheet)
    for line in sheet.drawing.lines:
        if line.style == "fine":
            continue
        points = np.concatenate(
            [np.linspace(start, end, 60) for start, end in itertools.pairwise(line.points.tolist())]
        )
        columns, rows = np.rint(pixels_of(points, per_mm)).astype(int).T
        dark = image[rows, columns] < 160
        assert dark.mean() > (0.95 if line.style == "cut" else 0.4), line.style


def test_folds_are_marked_at_both_ends_and_their_angle_and_direction_stated():
    sheet = sheet_of("head", bend_deg=30.0)
    assert page_text(sheet).count("fold back 30°") == 2
    marks = [line.points for line in sheet.drawing.lines if line.style == "fold"]
    for fold in sheet.drawing.folds:
        on_fold = [mark for mark in marks if mark[0, 0] == fold.start[0]]
        assert len(on_fold) == 2
        ends = sorted([fold.start[1], fold.end[1]])
        top, bottom = sorted(on_fold, key=lambda mark: mark[0, 1])
        assert top.min() < ends[0] < top[:, 1].max() < bottom[:, 1].min() < ends[1] < bottom.max()


@pytest.mark.parametrize("bend", [20.0, 35.0, 45.0])
def test_the_gauge_has_the_profile_of_the_folded_plate(bend):
    sheet = sheet_of("coil", bend_deg=bend)
    gauge = [line for line in sheet.drawing.lines if line.style == "cut"][1].points
    profile = gauge[2:6]
    directions = np.diff(profile, axis=0)
    slopes = np.rad2deg(np.arctan2(directions[:, 1], -directions[:, 0]))
    assert slopes == pytest.approx([-bend, 0.0, bend])
    low, high = sorted(fold.start[0] for fold in sheet.drawing.folds)
    assert np.linalg.norm(directions[1]) == pytest.approx(high - low)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("kind", KINDS)
def test_words_stay_on_the_page_and_apart(kind, paper):
    sheet = sheet_of(kind, paper=paper)
    boxes = [_box(label) for label in sheet.drawing.labels]
    for left, top, right, bottom in boxes:
        assert left > 4
        assert top > 4
        assert right < sheet.paper.width - 4
        assert bottom < sheet.paper.height - 4
    for one, other in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


def _box(label):
    width = stringWidth(label.text, BOLD_FONT if label.bold else FONT, label.size_pt) / MM_PT
    left = label.at[0] - {"left": 0.0, "centre": 0.5, "right": 1.0}[label.align] * width
    height = label.size_pt / MM_PT
    return left, label.at[1] - 0.72 * height, left + width, label.at[1] + 0.2 * height


def test_every_page_says_what_it_is_for():
    for sheet in make_sheets(KINDS, SheetOptions()):
        text = page_text(sheet)
        assert "Research use only; not a medical device." in " ".join(text.split())
        assert sheet.title in text
        for tag in sheet.drawing.tags:
            assert f"{sheet.plan.name} {tag.tag}" in text
