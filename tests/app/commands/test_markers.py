"""``coilpilot markers``: what it writes and says, and what it refuses in one sentence."""

import json

import pypdfium2
import pytest

from app.__main__ import main
from tracking.body_file import read_body_file
from tracking.calibration.board import read_board
from tracking.sheets.files import write_files
from tracking.sheets.sheet import SheetError

BODY_NAMES = ["head", "coil_body", "pointer", "puck", "sticker"]


def run(capsys, *words):
    status = main(["markers", *map(str, words)])
    answer = capsys.readouterr()
    return status, answer.out, answer.err


def refused(capsys, *words, status=2):
    answer = run(capsys, *words)
    assert answer[0] == status
    assert answer[2].startswith("coilpilot: ")
    assert answer[2].count("\n") == 1
    return answer[2]


@pytest.fixture
def pdf(tmp_path):
    return tmp_path / "sheets" / "markers.pdf"


def test_pages_and_their_files_are_written_side_by_side(pdf, capsys):
    status, told, _ = run(capsys, pdf)
    assert status == 0
    assert "Research use only" in told
    assert "Print at 100 %" in " ".join(told.split())
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 6
    document.close()
    folder = pdf.with_suffix("")
    names = [read_body_file(folder / f"{name}.json").name for name in BODY_NAMES]
    assert names == BODY_NAMES
    assert read_board(folder / "board.json").square == 25.0
    assert len(list(folder.iterdir())) == 6


def test_options_reach_the_page_and_the_files(pdf, capsys):
    options = ["--for", "pointer,puck", "--family", "mip_36h12", "--tag-size", "30", "--gap", "18"]
    options += ["--bend", "30", "--backing", "5", "--first-tag", "40", "--paper", "a3", "--json"]
    status, told, _ = run(capsys, pdf, *options)
    assert status == 0
    answer = json.loads(told)
    assert [sheet["tags"] for sheet in answer["sheets"]] == [[*range(40, 46)], [*range(46, 50)]]
    assert {sheet["paper"] for sheet in answer["sheets"]} == {"A3"}
    pointer = read_body_file(pdf.with_suffix("") / "pointer.json")
    assert (pointer.family, pointer.sheet.tag_size, pointer.sheet.gap) == ("mip_36h12", 30.0, 18.0)
    assert pointer.sheet.bend_deg == 30.0
    puck = read_body_file(pdf.with_suffix("") / "puck.json")
    assert puck.body().corners[46][0].tolist() == [-39.0, 39.0, 5.0]
    assert answer["files"] == [
        str(path)
        for path in (pdf, *(pdf.with_suffix("") / f"{n}.json" for n in ("pointer", "puck")))
    ]


def test_a_measured_scale_changes_the_files_and_leaves_the_page(pdf, capsys):
    run(capsys, pdf)
    page, head = pdf.read_bytes(), pdf.with_suffix("") / "head.json"
    assert "there already" in refused(capsys, pdf, "--measured-scale", "99.4", status=1)
    status, _, _ = run(capsys, pdf, "--measured-scale", "99.4,99.5", "--force")
    assert status == 0
    assert pdf.read_bytes() == page
    file = read_body_file(head)
    assert (file.sheet.scale_x_percent, file.sheet.scale_y_percent) == (99.4, 99.5)
    top_left, top_right, _, bottom_left = file.body().corners[2]
    assert (top_right - top_left)[0] == pytest.approx(36 * 0.994, abs=1e-3)
    assert (bottom_left - top_left)[1] == pytest.approx(36 * 0.995, abs=1e-3)
    assert read_board(head.with_name("board.json")).square == pytest.approx(25 * 0.9945, abs=1e-3)


def test_what_is_there_is_replaced_only_if_asked(pdf, capsys):
    run(capsys, pdf, "--for", "head")
    (pdf.with_suffix("") / "head.json").write_text("mine", encoding="utf-8")
    told = refused(capsys, pdf, "--for", "head", status=1)
    assert "markers.pdf and 1 more are there already" in told
    assert "--force" in told
    assert (pdf.with_suffix("") / "head.json").read_text(encoding="utf-8") == "mine"
    assert run(capsys, pdf, "--for", "head", "--force")[0] == 0
    assert read_body_file(pdf.with_suffix("") / "head.json").name == "head"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--for", "head,hat"], "There is no sheet 'hat'"),
        (["--for", "head,head"], "asked for twice"),
        (["--for", ""], "There is no sheet ''"),
        (["--for", "head", "--tag-size", "60"], "Use --tag-size 46 or less, or --paper a3"),
        (["--for", "head", "--tag-size", "90", "--gap", "12", "--paper", "a3"], "or less."),
        (["--for", "board", "--square", "30"], "Use --square 25 or less"),
        (["--for", "board", "--square", "1"], "suit no camera"),
        (["--for", "puck", "--gap", "5"], "Use --gap 14 or more"),
        (["--for", "puck", "--backing", "-1"], "State --backing in mm"),
        (["--for", "coil", "--bend", "80"], "Choose --bend between 5 and 60"),
        (["--for", "coil", "--tag-size", "nan"], "A tag of nan mm is not printed"),
        (["--for", "coil", "--gap", "0"], "Choose --gap between"),
        (["--first-tag", "583"], "The head sheet needs 6 ids from 583 on"),
        (["--first-tag", "-1"], "ids from -1 on"),
        (["--measured-scale", "wide"], "is no scale"),
        (["--measured-scale", "99,99,99"], "is no scale"),
        (["--measured-scale", "1.01,0.99"], "in mm, as 100.4,99.8"),
        (["--measured-scale", "9.94"], "in mm, as 100.4,99.8"),
        (["--measured-scale", "nan"], "in mm, as 100.4,99.8"),
        (["--measured-scale", "99,99.9"], "squares are not square"),
    ],
)
def test_what_cannot_be_printed_is_refused_with_what_can(pdf, capsys, options, told):
    assert told in refused(capsys, pdf, *options)
    assert not pdf.parent.exists()


def test_what_is_said_to_fit_does(pdf, capsys):
    assert "--tag-size 46 " in refused(capsys, pdf, "--for", "head", "--tag-size", "60")
    assert run(capsys, pdf, "--for", "head", "--tag-size", "46")[0] == 0
    assert "--tag-size 46 " in refused(capsys, pdf, "--for", "head", "--tag-size", "47")


def test_names_and_folders_that_do_not_serve(tmp_path, capsys):
    assert "is no name for a PDF" in refused(capsys, tmp_path / "markers.txt")
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    told = refused(capsys, blocked / "markers.pdf", "--for", "head", status=1)
    assert "cannot be written" in told
    assert "Choose another folder" in told


def test_a_folder_that_may_not_be_written_to(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(SheetError, match=r"a\.json cannot be written \(Permission denied\)"):
        write_files({tmp_path / "a.json": b"{}"}, replace=False)
    assert list(tmp_path.iterdir()) == []
