"""Sheets cut and folded in simulation: every tag is where the body file beside the sheet says."""

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform

from tests.tracking import rendering
from tests.tracking.sheets.printing import page_from_body, photograph, print_out, views
from tracking.bodies import MarkerBody, bent_plate
from tracking.body_file import read_body_file
from tracking.corners import refine_corners
from tracking.detection import TagDetector
from tracking.sheets.catalogue import SheetOptions, make_sheets
from tracking.sheets.files import sheet_files, write_files
from tracking.sheets.printed import PrintScale, printed_body
from tracking.sheets.printed_scale import printed_scale

PUCK = {"backing": 4.5}
CASES = [
    ("head", {}),
    ("coil", {"family": "mip_36h12", "paper": "letter", "tag_size": 30.0, "gap": 6.0}),
    ("pointer", {"bend_deg": 25.0, "first_tag": 100}),
    ("puck", PUCK),
    ("sticker", {}),
]


def body_as_written(sheet, folder):
    files = sheet_files(folder / "sheets.pdf", [sheet])
    write_files(files, replace=False)
    (path,) = (path for path in files if path.suffix == ".json")
    return read_body_file(path).body()


def seen_by(camera, sheet, print_, world_from_page, **how):
    image = photograph(sheet, print_, camera, world_from_page, **how)
    found = refine_corners(image, TagDetector(sheet.family).detect(image), camera)
    return {one.tag: one.corners for one in found}


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_every_tag_is_found_where_the_body_file_says(kind, options, tmp_path):
    (sheet,) = make_sheets([kind], SheetOptions(**options))
    body = body_as_written(sheet, tmp_path)
    frame = page_from_body(sheet, backing=options.get("backing", 0.0), z_to_reader=kind == "puck")
    camera, poses = views()
    print_ = print_out(sheet)
    times_seen = dict.fromkeys(body.corners, 0)
    for number, world_from_page_middle in enumerate(poses):
        middle = RigidTransform.from_translation(-np.array([*frame.translation[:2], 0.0]))
        world_from_page = world_from_page_middle * middle
        found = seen_by(camera, sheet, print_, world_from_page, seed=number)
        assert set(found) <= set(body.corners)
        for tag, corners in found.items():
            expected = camera.project_world((world_from_page * frame).apply(body.corners[tag]))
            assert np.abs(corners - expected).max() < 0.3, "px"
            times_seen[tag] += 1
    assert min(times_seen.values()) >= 4


def test_the_default_sheets_become_the_default_bodies():
    for kind, name, first in (("head", "head", 0), ("coil", "coil_body", 6)):
        (sheet,) = make_sheets([kind], SheetOptions())
        printed, usual = printed_body(sheet), bent_plate(name, first)
        assert printed.name == usual.name
        for tag, corners in usual.corners.items():
            assert printed.corners[tag] == pytest.approx(corners, abs=1e-9)


def test_the_puck_has_the_frame_of_the_coil():
    (sheet,) = make_sheets(["puck"], SheetOptions(backing=4.5))
    corners = printed_body(sheet).corners
    every = np.concatenate(list(corners.values()))
    assert every[:, 2] == pytest.approx(4.5), "the print lies before its back, towards the head"
    assert every.mean(axis=0)[:2] == pytest.approx([0.0, 0.0])
    arrow = next(line for line in sheet.drawing.lines if line.filled)
    tip, base = arrow.points[0], arrow.points[1:3].mean(axis=0)
    upper = [
        tag.tag for tag in sheet.drawing.tags if tag.corners[:, 1].max() < sheet.plan.origin[1]
    ]
    assert (base - tip)[1] > 0, "the arrow points up the page"
    assert all(corners[tag][:, 1].min() > 0 for tag in upper), "so do the handle's far side and y"
    right = [
        tag.tag for tag in sheet.drawing.tags if tag.corners[:, 0].min() > sheet.plan.origin[0]
    ]
    assert all(corners[tag][:, 0].min() > 0 for tag in right)


def test_a_measured_scale_stretches_the_page_before_it_is_folded():
    (sheet,) = make_sheets(["head"], SheetOptions())
    body = printed_body(sheet, PrintScale(99.0, 98.0))
    usual = bent_plate("head", 0)
    for tag, corners in usual.corners.items():
        assert body.corners[tag] == pytest.approx(corners * [0.99, 0.98, 0.99])


def measured_from_photographs(sheet, scale):
    """A body as two calibrated cameras see the folded print, by triangulation alone."""
    left, right = (
        rendering.camera(distorted=False),
        rendering.camera("right", x=350.0, toe_in_deg=-24.0, distorted=False),
    )
    frame = page_from_body(sheet)
    page = RigidTransform.from_translation(-frame.translation * scale)
    print_ = print_out(sheet)
    world_from_page = rendering.pose([60, 10, 700], (8, 6, 5)) * page
    first, second = (
        seen_by(view, sheet, print_, world_from_page, scale=scale, noise=1.0, seed=seed)
        for seed, view in enumerate((left, right))
    )
    corners = {
        tag: np.array(
            [_meet(left, right, *pair) for pair in zip(first[tag], second[tag], strict=True)]
        )
        for tag in set(first) & set(second)
    }
    return MarkerBody("head", sheet.family, corners)


def _meet(one, other, first, second):
    """Point (3,) in world, mm, that is seen at a pixel of each camera (linear triangulation)."""
    rows = []
    for view, pixel in ((one, first), (other, second)):
        ray = np.linalg.inv(view.matrix) @ [*pixel, 1.0]
        world = view.camera_from_world
        matrix = np.column_stack([world.rotation.as_matrix(), world.translation])
        rows += [ray[0] * matrix[2] - matrix[0], ray[1] * matrix[2] - matrix[1]]
    point = np.linalg.svd(np.array(rows))[2][-1]
    return point[:3] / point[3]


@pytest.mark.parametrize("percent", [97.0, 100.0])
def test_a_print_at_the_wrong_scale_is_told_from_two_photographs(percent):
    (sheet,) = make_sheets(["head"], SheetOptions())
    measured = measured_from_photographs(sheet, percent / 100)
    assert len(measured.corners) >= 4
    answer = printed_scale(measured, printed_body(sheet))
    assert answer.percent == pytest.approx(percent, abs=0.1)
    if percent == 100.0:
        assert answer.fault == ""
    else:
        assert "printed at 97.0 %" in answer.fault
        assert "--measured-scale 97." in answer.fault
    # Once its file says so, the print is right.
    stated = printed_scale(measured, printed_body(sheet, PrintScale(percent, percent)))
    assert stated.fault == ""


def moved(body, scale=(1, 1, 1)):
    where = rendering.pose([100, -50, 700], (20, 30, 40))
    return MarkerBody(
        body.name, body.family, {t: where.apply(c * scale) for t, c in body.corners.items()}
    )


def test_a_stretched_print_and_another_shape_are_told():
    (sheet,) = make_sheets(["head"], SheetOptions())
    body = printed_body(sheet)
    stretched = printed_scale(moved(printed_body(sheet, PrintScale(99.0, 100.5))), body)
    assert "stretched, 99.0 % across and 100.5 % down" in stretched.fault
    other = printed_scale(moved(body, (1, 1, -1)), body)
    assert "has not the shape of its file" in other.fault
    assert "folding direction" in other.fault
