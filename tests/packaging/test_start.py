"""packaging/start.py: what it finds missing, what it installs, which uv it takes, what it runs."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "packaging" / "start.py"
TEN = [
    "libegl1",
    "libgl1",
    "libdbus-1-3",
    "libfontconfig1",
    "libglib2.0-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
    "libxkbcommon-x11-0",
]
GOOD_UV = 'if [ "$1" = --version ]; then echo "uv 0.9.1"; else echo "$@"; exit 7; fi'

pytestmark = pytest.mark.skipif(os.name != "posix", reason="stands in for programs with sh scripts")

Program = Callable[[str, str], Path]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Give the script as a module; what it does to the variables of this process is undone."""
    spec = importlib.util.spec_from_file_location("start", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "start", module)
    spec.loader.exec_module(module)
    before = dict(os.environ)
    yield module
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def start(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """Give the script on an empty checkout, on a Debian that provides all that is needed."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    monkeypatch.setattr(script, "ROOT", checkout)
    monkeypatch.setattr(script, "PRIVATE", checkout / ".start")
    monkeypatch.setattr(script, "missing_libraries", list)
    monkeypatch.setattr(script, "is_debian", lambda: True)
    monkeypatch.setattr(script, "has_certificates", lambda: True)
    return script


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Program:
    """Leave PATH with nothing but programs made by the function that this gives."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "env").symlink_to(shutil.which("env") or "env")
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return make


def with_modules(start: ModuleType, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let this Python have the modules `names` and no others to bring uv with."""
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: name in names or None)


def lacking(start: ModuleType, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the machine lack the first `count` libraries until something has been installed."""
    monkeypatch.setattr(start, "missing_libraries", lambda: list(start.GRAPHICS[:count]))


# --- the script itself


def test_parses_on_python_3_9_and_needs_the_standard_library_only() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names <= sys.stdlib_module_names


def test_help_names_both_commands_and_starts_nothing(
    start: ModuleType, capsys: pytest.CaptureFixture[str], program: Program
) -> None:
    program("uv", GOOD_UV)
    assert start.main(["--help"]) == 0
    said = capsys.readouterr()
    assert "python3 packaging/start.py [--no-install] test" in said.out
    assert said.err == ""


# --- libraries


def test_the_ten_libraries_each_with_a_reason(start: ModuleType) -> None:
    assert [need.package for need in start.GRAPHICS] == TEN
    assert all(need.why and ".so." in need.soname for need in start.GRAPHICS)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libraries of Linux")
def test_a_library_is_missing_exactly_if_it_cannot_be_loaded(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = script.Need("libc.so.6", "libc6", "everything")
    gone = script.Need("libnowhere.so.9", "libnowhere9", "nothing")
    monkeypatch.setattr(script, "GRAPHICS", (here, gone))
    assert script.missing_libraries() == [gone]
    monkeypatch.setattr(script.sys, "platform", "darwin")
    assert script.missing_libraries() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=debian\nVERSION_ID="12"\n', True),
        ('NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ('ID="fedora"\n', False),
        ("", False),
    ],
)
def test_debian_and_its_children_are_known(
    script: ModuleType, program: Program, tmp_path: Path, text: str, expected: bool
) -> None:
    program("apt-get", "exit 0")
    release = tmp_path / "os-release"
    release.write_text(text, encoding="utf-8")
    assert script.is_debian(release) is expected
    assert script.is_debian(tmp_path / "absent") is False


def test_without_root_and_sudo_it_prints_the_line_and_stops(
    start: ModuleType,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program("uv", GOOD_UV)
    program("apt-get", "echo must not run; exit 3")
    monkeypatch.setattr(start.os, "geteuid", lambda: 1000)
    lacking(start, monkeypatch, 10)
    assert start.main([]) == 1
    said = capsys.readouterr().err
    line = "apt-get install -y --no-install-recommends " + " ".join(TEN)
    assert f"sudo apt-get update && sudo {line}\n" in said
    assert "2 of 3" not in said
    assert "must not run" not in said


def test_no_install_prints_the_line_even_as_root(
    start: ModuleType,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program("uv", GOOD_UV)
    monkeypatch.setattr(start.os, "geteuid", lambda: 0)
    lacking(start, monkeypatch, 2)
    assert start.main(["--no-install", "test"]) == 1
    assert "apt-get install -y --no-install-recommends libegl1 libgl1\n" in capsys.readouterr().err


@pytest.mark.parametrize("root", [True, False])
def test_as_root_or_through_sudo_it_installs_and_goes_on(
    start: ModuleType,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    root: bool,
) -> None:
    log = tmp_path / "log"
    program("uv", GOOD_UV)
    program("apt-get", f'echo "$DEBIAN_FRONTEND $@" >> {log}')
    program("sudo", 'shift; if [ "$1" = true ]; then exit 0; fi; exec "$@"')
    monkeypatch.setattr(start.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(
        start, "missing_libraries", lambda: [] if log.exists() else list(start.GRAPHICS[:2])
    )
    assert start.main([]) == 7
    update, install = log.read_text(encoding="utf-8").splitlines()
    assert update.startswith("noninteractive")
    assert update.endswith(" update")
    assert install.endswith(" install -y --no-install-recommends libegl1 libgl1")


def test_a_failing_apt_get_leaves_the_line_to_run(
    start: ModuleType,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program("uv", GOOD_UV)
    program("apt-get", "exit 100")
    monkeypatch.setattr(start.os, "geteuid", lambda: 0)
    lacking(start, monkeypatch, 1)
    assert start.main([]) == 1
    assert "apt-get install -y --no-install-recommends libegl1\n" in capsys.readouterr().err


def test_other_distributions_are_told_the_file_names(
    start: ModuleType,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program("uv", GOOD_UV)
    monkeypatch.setattr(start, "is_debian", lambda: False)
    lacking(start, monkeypatch, 10)
    assert start.main([]) == 1
    said = capsys.readouterr().err
    assert all(need.soname in said and need.why in said for need in start.GRAPHICS)
    assert "apt-get" not in said


def test_debian_without_venv_and_pip_gets_the_package_that_brings_uv(
    start: ModuleType, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    program("apt-get", f'echo "$@" >> {log}')
    monkeypatch.setattr(start.os, "geteuid", lambda: 0)
    monkeypatch.setattr(start, "has_certificates", lambda: False)
    monkeypatch.setattr(start.sys, "base_prefix", "/usr")
    monkeypatch.setattr(start, "is_uv", lambda command: False)
    with_modules(start, monkeypatch, "venv")
    assert start.main([]) == 1
    venv = "python{}.{}-venv".format(*sys.version_info[:2])
    assert log.read_text(encoding="utf-8").splitlines()[1].endswith(f" {venv} ca-certificates")


@pytest.mark.parametrize(("uv_is_here", "needed"), [(True, False), (False, True)])
def test_certificates_are_needed_only_to_bring_uv(
    start: ModuleType,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    uv_is_here: bool,
    needed: bool,
) -> None:
    program("uv", GOOD_UV if uv_is_here else "exit 1")
    monkeypatch.setattr(start, "has_certificates", lambda: False)
    monkeypatch.setattr(start.os, "geteuid", lambda: 1000)
    with_modules(start, monkeypatch, "venv", "ensurepip")
    assert start.main([]) == (1 if needed else 7)
    assert ("ca-certificates" in capsys.readouterr().err) is needed


# --- uv


@pytest.mark.parametrize(
    ("answer", "usable"),
    [
        ("echo 'uv 0.9.1 (abc 2025-01-01)'", True),
        ("echo 'uv 0.4.30'", False),
        ("echo 'no such command' >&2; exit 127", False),
        ("echo 'uvula 9.9'", False),
    ],
)
def test_a_uv_that_does_not_run_or_is_too_old_is_none(
    start: ModuleType, program: Program, answer: str, usable: bool
) -> None:
    assert start.is_uv([str(program("uv", answer))]) is usable


def test_the_uv_that_is_there_is_taken(start: ModuleType, program: Program) -> None:
    path = program("uv", GOOD_UV)
    assert start.bring_uv() == [str(path)]


def ways(start: ModuleType) -> list[str]:
    return [way.words for way in start.ways_to_uv()]


def test_ways_to_uv_by_what_the_machine_has(
    start: ModuleType, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "is_uv", lambda command: False)
    with_venv = "bringing uv into the folder .start with venv and pip"
    with_pip = "bringing uv into the folder .start with pip"
    with_modules(start, monkeypatch, "venv")
    assert ways(start) == []
    with_modules(start, monkeypatch, "venv", "ensurepip")
    assert ways(start) == [with_venv]
    with_modules(start, monkeypatch, "venv", "pip")
    assert ways(start) == [with_pip]
    program("pipx", "exit 0")
    assert ways(start) == [with_pip, "uv is run by pipx"]


def test_a_way_that_fails_gives_way_to_the_next(
    start: ModuleType, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = start.Way("broken", (("false-that-is-not-there",),), ("uv",))
    path = program("other-uv", GOOD_UV)
    works = start.Way("works", (("env", "true-is-not-needed=1"),), (str(path),))
    monkeypatch.setattr(start, "ways_to_uv", lambda: iter([broken, works]))
    assert start.bring_uv() == [str(path)]


def test_no_way_to_uv_is_one_sentence_and_a_remedy(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "ways_to_uv", lambda: iter([]))
    monkeypatch.setattr(start, "is_debian", lambda: False)
    assert start.main([]) == 1
    assert "install uv yourself" in capsys.readouterr().err


# --- running


def test_arguments_and_exit_status_pass_through(
    start: ModuleType, program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    program("uv", GOOD_UV)
    assert start.main(["demo", "--out", "a b"]) == 7
    said = capfd.readouterr()
    # stdout belongs to what was started.
    assert said.out == (
        f"run --project {start.ROOT} --locked --python {sys.executable} "
        "--no-dev coilpilot demo --out a b\n"
    )
    assert start.main(["test", "-k", "house"]) == 7
    assert capfd.readouterr().out.endswith("pytest -k house\n")


def test_an_environment_that_is_there_keeps_its_python(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_PYTHON", raising=False)
    assert start.python_choice() == ["--python", sys.executable]
    (start.ROOT / ".venv").mkdir()
    (start.ROOT / ".venv" / "pyvenv.cfg").touch()
    assert start.python_choice() == []


def test_an_old_python_says_so_and_leaves_the_choice_to_uv(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start.sys, "version_info", (3, 9, 6, "final", 0))
    monkeypatch.delenv("UV_PYTHON_DOWNLOADS", raising=False)
    assert start.python_choice() == ["--python", ">=3.11"]
    assert "this Python is 3.9, but Coilpilot needs 3.11 or newer" in capsys.readouterr().err
    assert "UV_PYTHON_DOWNLOADS" not in start.child_environment({"HOME": str(start.ROOT)})


def test_a_killed_child_gives_the_status_that_a_shell_gives(
    start: ModuleType, program: Program
) -> None:
    program("uv", 'if [ "$1" = --version ]; then echo "uv 0.9.1"; else kill -TERM $$; fi')
    assert start.main([]) == 128 + 15


@pytest.mark.parametrize("home", ["", "relative", "/nowhere-at-all"])
def test_a_home_that_is_none_is_replaced(start: ModuleType, home: str) -> None:
    child = start.child_environment({"HOME": home, "VIRTUAL_ENV": "elsewhere"})
    assert Path(child["HOME"]).is_dir()
    assert os.access(child["HOME"], os.W_OK)
    assert "VIRTUAL_ENV" not in child
    if home:
        assert child["HOME"] == str(start.PRIVATE / "home")


def test_uv_trusts_whom_the_machine_trusts(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = {"HOME": str(tmp_path)}
    child = start.child_environment(home)
    assert child["UV_SYSTEM_CERTS"] == child["UV_NATIVE_TLS"] == "true"
    assert start.child_environment(home | {"UV_SYSTEM_CERTS": "0"})["UV_SYSTEM_CERTS"] == "0"
    monkeypatch.setattr(start, "has_certificates", lambda: False)
    if sys.platform.startswith("linux"):
        assert "UV_SYSTEM_CERTS" not in start.child_environment(home)


def test_a_home_that_is_there_is_kept(start: ModuleType, tmp_path: Path) -> None:
    assert start.child_environment({"HOME": str(tmp_path)})["HOME"] == str(tmp_path)
    assert Path(start.child_environment({})["HOME"]).is_dir()


def test_a_checkout_that_cannot_be_written_to_is_named(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start.os, "access", lambda path, mode: False)
    assert start.main([]) == 1
    assert "cannot be written to" in capsys.readouterr().err


def test_as_a_script_it_runs_what_uv_runs(program: Program) -> None:
    program("uv", GOOD_UV)
    answer = subprocess.run(
        [sys.executable, str(SCRIPT), "--no-install", "test", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 7, answer.stderr
    assert answer.stdout.endswith("pytest -q\n")
    assert answer.stderr.count("start: ") >= 4
