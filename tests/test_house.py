"""The rules of the house, held by tests: style, types, who may import whom, what files may say."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEMO_COMMAND = "python3 packaging/start.py"
TEST_COMMAND = "python3 packaging/start.py test"
RESOURCES_LIMIT_MB = 120
# Built or fetched on this machine, so never part of the project.
NOT_OURS = {".git", ".venv", ".start", "__pycache__", "build", "dist", ".hypothesis"}
PACKAGES = ("app", "render", "tracking", "resources")


def project_files() -> list[Path]:
    """Give the files that git tracks, or without git all files that are not built here."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return _walk()
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def _walk() -> list[Path]:
    files = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and "_cache" not in name]
        files += [Path(folder) / name for name in names]
    return files


def python_files(*packages: str) -> list[Path]:
    """Give the project's Python files, of all folders or of the given ones."""
    files = [path for path in project_files() if path.suffix == ".py"]
    if not packages:
        return files
    return [path for path in files if path.relative_to(ROOT).parts[0] in packages]


def text_files() -> list[tuple[str, str]]:
    """Give name and text of every file that is text."""
    texts = []
    for path in project_files():
        try:
            texts.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


def check(*command: str) -> None:
    """Run a checker in the checkout; fail with what it printed if it finds fault."""
    answer = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, f"{' '.join(command)}\n{answer.stdout}{answer.stderr}"


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_ruff(command: tuple[str, ...]) -> None:
    check("-m", "ruff", *command, ".")


@pytest.mark.timeout(900)
def test_mypy_strict() -> None:
    check("-m", "mypy")


def test_imports_keep_to_the_contracts() -> None:
    check("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")


def imported_modules(path: Path) -> set[str]:
    """Give the names of all modules that the file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_only_what_shows_knows_qt() -> None:
    def shows(path: Path) -> bool:
        inside = path.relative_to(ROOT / "app")
        return (
            path.stem.endswith("_panel")
            or inside.parts[0] == "widgets"
            # The window, and what opens it.
            or inside.as_posix() in {"window.py", "commands/window.py", "commands/demo.py"}
            # Works the window as a person would; looks at Qt in a process of its own.
            or inside.as_posix() in {"practice/script.py", "doctor_probes.py"}
        )

    guilty = [
        path.relative_to(ROOT).as_posix()
        for path in python_files("app")
        if not shows(path) and any(name.startswith("PySide6") for name in imported_modules(path))
    ]
    assert guilty == []


def test_nothing_is_pickled() -> None:
    guilty = [
        path.relative_to(ROOT).as_posix()
        for path in python_files(*PACKAGES)
        if imported_modules(path) & {"pickle", "shelve", "marshal", "dill", "joblib"}
        or "allow_pickle=True" in path.read_text(encoding="utf-8")
    ]
    assert guilty == []


def test_every_module_says_what_it_is() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in python_files()}
    silent = [
        path.relative_to(ROOT).as_posix()
        for path, text in texts.items()
        if text.strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_no_file_names_a_machine() -> None:
    # Put together here, so that this file does not name them either.
    places = "|".join(("/" + name + "/") for name in ("work", "home", "root", "Users", "opt/pypi"))
    pattern = re.compile(rf"(?<![\w.~*-])(?:{places})|[A-Z]:\\Users\\")
    guilty = [
        f"{name}:{number}: {line.strip()}"
        for name, text in text_files()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    assert guilty == []


def test_the_lock_file_names_no_private_registry() -> None:
    lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    registries = set(re.findall(r'registry = "([^"]+)"', lock))
    hosts = set(re.findall(r'url = "https://([^/"]+)/', lock))
    assert (len(registries), len(hosts)) == (1, 1), "one public registry, and where it keeps files"
    private = re.compile(r"file:|localhost|@|:\d|\d+\.\d+\.\d+\.\d+")
    assert not [name for name in registries | hosts if private.search(name)]
    assert 'url = "http://' not in lock


def test_readme_opens_with_the_two_commands() -> None:
    opening = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## ")[0]
    lines = opening.splitlines()
    assert DEMO_COMMAND in lines
    assert TEST_COMMAND in lines


def test_the_check_of_a_checkout_is_the_second_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == TEST_COMMAND


def test_packaging_does_not_hide_the_package_of_that_name() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()
    check("-c", "import packaging.version")


def test_resources_stay_small() -> None:
    size = sum(path.stat().st_size for path in (ROOT / "resources").rglob("*") if path.is_file())
    assert size < RESOURCES_LIMIT_MB * 1e6
