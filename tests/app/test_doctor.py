"""The doctor finds what is wrong with a machine, says what to do, and is not brought down by it."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from app import doctor, doctor_probes
from app.doctor import Check
from app.doctor_probes import Findings, ProbeError, run_probe


def _finds(monkeypatch: pytest.MonkeyPatch, found: Findings | ProbeError) -> None:
    def probe(_name: str) -> Findings:
        if isinstance(found, ProbeError):
            raise found
        return found

    monkeypatch.setattr(doctor, "run_probe", probe)


def test_this_machine_can_draw_and_start_qt() -> None:
    found = run_probe("graphics")
    assert found["drawn"] > 1000
    assert found["rate"] > 0
    assert run_probe("qt")["platform"]


def test_the_list_is_complete_and_every_finding_has_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _finds(monkeypatch, ProbeError("it ended with status -6: no message"))
    checks = doctor.run_checks(tmp_path / "not" / "made" / "yet")
    assert [check.name for check in checks] == [
        "Python and libraries",
        "Graphics",
        "Display",
        "Cameras",
        "Session disk",
        "Clock",
        "Default head",
        "Practice feed",
        "Stimulator process",
    ]
    for check in checks:
        assert check.detail
        assert (check.state == "ok") is (not check.remedy)
    states = {check.name: check.state for check in checks}
    assert {states[name] for name in ("Graphics", "Display", "Cameras")} == {"failure"}
    assert states["Stimulator process"] == "ok"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("check", "found", "state", "words"),
    [
        ("graphics", {"renderer": "card", "rate": 60.0, "drawn": 9}, "ok", "card, 60 frames/s"),
        ("graphics", {"renderer": "card", "rate": 2.0, "drawn": 9}, "warning", "slow"),
        ("graphics", {"renderer": "card", "rate": 60.0, "drawn": 0}, "failure", "empty"),
        ("display", {"platform": "xcb", "screens": ["1920x1080"]}, "ok", "1920x1080"),
        ("display", {"platform": "offscreen", "screens": ["800x800"]}, "warning", "No display"),
        ("cameras", {"devices": ["Webcam", "Lab camera"]}, "ok", "Webcam, Lab camera"),
        ("cameras", {"devices": []}, "warning", "None found"),
    ],
)
def test_what_a_probe_found_is_judged(
    monkeypatch: pytest.MonkeyPatch, check: str, found: Findings, state: str, words: str
) -> None:
    _finds(monkeypatch, found)
    result: Check = getattr(doctor, f"check_{check}")()
    assert result.state == state
    assert words in result.detail


def test_a_probe_that_fails_or_hangs_ends_only_itself() -> None:
    with pytest.raises(ProbeError, match="status 2: Give one of graphics"):
        run_probe("nothing")
    with pytest.raises(ProbeError, match="no answer within"):
        run_probe("graphics", timeout=0.01)


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Check:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor, "check_clock", broken)
    _finds(monkeypatch, {})
    (clock,) = [check for check in doctor.run_checks() if check.name == "Clock"]
    assert clock.state == "failure"
    assert "libGL.so.1" in clock.detail


@pytest.mark.parametrize(
    ("free_mb", "state"), [(100, "failure"), (1000, "warning"), (50_000, "ok")]
)
def test_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, state: str
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(free_mb * 1_000_000))
    monkeypatch.setattr(doctor, "_write_latencies_ms", lambda _path: [1.0, 2.0, 3.0])
    assert doctor.check_disk(tmp_path).state == state


def test_a_slow_disk_and_one_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_write_latencies_ms", lambda _path: [90.0])
    assert "slow" in doctor.check_disk(tmp_path).detail

    def refuse(_path: Path) -> list[float]:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(doctor, "_write_latencies_ms", refuse)
    check = doctor.check_disk(tmp_path)
    assert check.state == "failure"
    assert "Read-only file system" in check.detail


def test_probes_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor_probes.main([]) == 2
    assert "graphics" in capsys.readouterr().err
