"""The benchmark harness: goals, faults, the table and the JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from tests.benchmarks import __main__ as harness
from tests.benchmarks import report


def test_goals_are_met_at_the_limit_and_missed_beyond() -> None:
    assert report.at_most("latency", 60.0, 60.0, "ms").meets is True
    assert report.at_most("latency", 60.1, 60.0, "ms").meets is False
    assert report.at_least("rate", 50.0, 50.0, "frames/s").meets is True
    assert report.at_least("rate", 49.9, 50.0, "frames/s").meets is False


def test_a_fault_is_told_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = ModuleType("good_benchmark"), ModuleType("bad_benchmark")
    good.measure = lambda: [report.at_most("latency p95", 41.5, 60, "ms", "two cameras")]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "good_benchmark", good)
    monkeypatch.setitem(sys.modules, "bad_benchmark", bad)
    register = (
        harness.Benchmark("bad", "bad_benchmark", "nothing"),
        harness.Benchmark("good", "good_benchmark", "latency"),
    )
    monkeypatch.setattr(harness, "BENCHMARKS", register)
    # In this process, where the two made-up modules are known.
    monkeypatch.setattr(harness, "measure_alone", lambda name: sys.modules[name].measure())
    target = tmp_path / "figures.json"
    assert harness.main(["--json", str(target)]) == 1
    data = json.loads(target.read_text(encoding="utf-8"))
    assert [entry["passed"] for entry in data["benchmarks"]] == [False, True]
    assert "AttributeError" in data["benchmarks"][0]["fault"]
    assert data["benchmarks"][1]["figures"][0]["value"] == 41.5
    assert "python" in data["conditions"]
    shown = capsys.readouterr().out
    assert "latency p95" in shown
    assert "did not run" in shown
    assert harness.main(["good"]) == 0


def test_an_unknown_name_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        harness.main(["no-such"])
    assert ended.value.code == 2
    assert "there is no benchmark no-such" in capsys.readouterr().err


def test_the_register_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [benchmark.name for benchmark in harness.BENCHMARKS]


def test_every_registered_module_is_there() -> None:
    folder = Path(harness.__file__).parent
    for benchmark in harness.BENCHMARKS:
        assert (folder / (benchmark.module.rpartition(".")[2] + ".py")).is_file()


def test_a_missed_goal_stands_out_without_colour() -> None:
    out = io.StringIO()
    missed = report.Outcome("draw", (report.at_least("rate", 3.0, 50.0, "frames/s"),))
    report.show({}, [missed], Console(file=out, width=120))
    assert "NO" in out.getvalue()
