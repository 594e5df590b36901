"""Two commands for a machine on which nothing is prepared: run Coilpilot, or run its tests.

In: a checkout, Python and, the first time, a network. Out: the graphics libraries that Qt and VTK
open are on the machine, uv has built the environment that ``uv.lock`` describes, and the program
or the tests have run in it; the exit status is theirs. Standard library only, and every line
parses on Python 3.9, so that an old Python is answered with a sentence instead of a syntax error.
What the script says goes to stderr; stdout belongs to what it starts.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = ROOT / ".start"
OLDEST_PYTHON = (3, 11)
OLDEST_UV = (0, 5)

USAGE = """\
usage: python3 packaging/start.py [--no-install] [ARGUMENT ...]
       python3 packaging/start.py [--no-install] test [ARGUMENT ...]

The first form runs Coilpilot and hands the arguments on to it; with none it opens the window with
the default head, the practice feed and the simulated stimulator. The second runs the tests and
hands the arguments on to pytest.

On the way it looks for the graphics libraries that the window needs (on Debian and Ubuntu it
installs those that are missing: as root at once, otherwise through sudo), finds uv or brings it
into the folder .start of this checkout, and lets uv build the environment in .venv from uv.lock.

  --no-install  install nothing with apt-get: print the line to run, and stop
  -h, --help    show this text; for Coilpilot's own help: uv run coilpilot --help
"""


class StartError(Exception):
    """Something that a person has to mend first; the message says what and how."""


@dataclass(frozen=True)
class Need:
    """Something that the operating system has to provide.

    Attributes
    ----------
    soname
        File name of the shared library; empty for a package that is none.
    package
        The package that holds it on Debian and Ubuntu.
    why
        What needs it, as the end of a sentence.
    """

    soname: str
    package: str
    why: str


GRAPHICS = (
    Need("libEGL.so.1", "libegl1", "Qt links it; VTK draws with it when there is no display"),
    Need("libGL.so.1", "libgl1", "Qt links it; it brings Mesa's drivers, also for no GPU"),
    Need("libdbus-1.so.3", "libdbus-1-3", "Qt links it to talk to the desktop"),
    Need("libfontconfig.so.1", "libfontconfig1", "Qt finds the fonts with it"),
    Need("libglib-2.0.so.0", "libglib2.0-0", "Qt's event loop links it"),
    Need("libxcb-cursor.so.0", "libxcb-cursor0", "Qt's X11 window: the mouse pointer"),
    Need("libxcb-icccm.so.4", "libxcb-icccm4", "Qt's X11 window: talking to the window manager"),
    Need("libxcb-keysyms.so.1", "libxcb-keysyms1", "Qt's X11 window: the keyboard"),
    Need("libxcb-shape.so.0", "libxcb-shape0", "Qt's X11 window: its outline"),
    Need("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "Qt's X11 window: keyboard layouts"),
)
CERTIFICATES = Need("", "ca-certificates", "downloads are checked against them")


def say(text: str) -> None:
    """Tell the person at the terminal what happens."""
    print("start: " + text, file=sys.stderr, flush=True)


def runs(command: Sequence[str], *, quiet: bool = False) -> bool:
    """Run `command` and tell whether it succeeded; its output goes to stderr, or nowhere."""
    sink = subprocess.DEVNULL if quiet else sys.stderr
    try:
        return subprocess.run(list(command), stdout=sink, stderr=sink, check=False).returncode == 0
    except OSError:
        return False


# --- what the operating system has to provide -------------------------------------------------


def loads(soname: str) -> bool:
    """Tell whether the dynamic linker finds the library `soname` and all that it needs."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def missing_libraries() -> list[Need]:
    """Give the graphics libraries that this Linux lacks; other systems bring theirs along."""
    if not sys.platform.startswith("linux"):
        return []
    return [need for need in GRAPHICS if not loads(need.soname)]


def has_certificates() -> bool:
    """Tell whether OpenSSL finds a store of certificates to check downloads against."""
    paths = ssl.get_default_verify_paths()
    folder = paths.capath
    return bool(paths.cafile) or bool(folder and os.path.isdir(folder) and os.listdir(folder))


def is_debian(release: Path = Path("/etc/os-release")) -> bool:
    """Tell whether this is Debian, Ubuntu or another child of Debian with apt-get."""
    try:
        lines = release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    words: list[str] = []
    for line in lines:
        key, _, value = line.partition("=")
        if key in ("ID", "ID_LIKE"):
            words += value.strip("\"'").split()
    return ("debian" in words or "ubuntu" in words) and shutil.which("apt-get") is not None


def uv_need() -> Need:
    """Give the package with which this Debian's Python can bring uv."""
    why = "with it Python can set up a private folder for uv"
    if sys.base_prefix == "/usr":
        return Need("", "python{}.{}-venv".format(*sys.version_info[:2]), why)
    return Need("", "pipx", "it runs uv")


def apt_line(needs: Sequence[Need]) -> list[str]:
    """Give the one command that installs `needs`, as root."""
    line = ["apt-get", "install", "-y", "--no-install-recommends"]
    return line + [need.package for need in needs]


def elevation() -> list[str] | None:
    """Give what has to stand before a command that only root may run; None if nothing serves."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    if runs(["sudo", "-n", "true"], quiet=True):
        return ["sudo", "-n"]
    return ["sudo"] if sys.stdin is not None and sys.stdin.isatty() else None


def install(needs: Sequence[Need], *, allowed: bool) -> None:
    """Install `needs` with apt-get, or say which line does.

    Raises
    ------
    StartError
        If installing is not allowed, or apt-get failed; the message holds the line to run.
    """
    line = apt_line(needs)
    by_hand = "sudo apt-get update && sudo " + shlex.join(line)
    prefix = elevation() if allowed else None
    if prefix is None:
        reason = "it would need root" if allowed else "--no-install was given"
        raise StartError(
            f"These packages are not installed by this script, because {reason}. "
            f"Run this line, then the same command again:\n  {by_hand}"
        )
    say("installing them with apt-get" + (", through sudo" if prefix else ""))
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    wait = ["-o", "DPkg::Lock::Timeout=300"]
    # Without fresh lists apt-get asks mirrors for versions that are gone.
    if not runs([*prefix, *environment, "apt-get", *wait, "update"]):
        say("apt-get update failed; trying with the package lists that are there")
    if not runs([*prefix, *environment, "apt-get", *wait, *line[1:]]):
        raise StartError(
            "apt-get could not install the packages; what it printed above says why. "
            f"Mend that, or install them by hand, then run the same command again:\n  {by_hand}"
        )


def prepare_system(*, allowed: bool) -> None:
    """See to it that the operating system provides all that is needed.

    Raises
    ------
    StartError
        If something is missing that this script cannot or must not install.
    """
    needs = missing_libraries()
    debian = sys.platform.startswith("linux") and is_debian()
    if debian:
        way = next(ways_to_uv(), None)
        if way is None:
            needs.append(uv_need())
        # A uv that is there brings certificates of its own; pip trusts those of the system.
        if not has_certificates() and (way is None or way.setup):
            needs.append(CERTIFICATES)
    if not needs:
        say("the operating system provides all that is needed")
        return
    say("missing on this machine:")
    for need in needs:
        say(f"  {need.package if debian else need.soname:<20} {need.why}")
    if not debian:
        raise StartError(
            "Install the packages of this Linux distribution that hold these libraries, "
            "then run the same command again."
        )
    install(needs, allowed=allowed)
    left = missing_libraries()
    if left:
        names = ", ".join(need.soname for need in left)
        raise StartError(
            f"apt-get succeeded, but {names} still cannot be loaded. Check that this Python "
            "is built for the same processor as the system (`file` on both tells)."
        )


# --- uv ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way to have uv: what to say, how to set it up, and the command that then is uv."""

    words: str
    setup: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]


def in_venv(folder: Path, name: str) -> str:
    """Give the path of the program `name` in the virtual environment `folder`."""
    return str(folder / "Scripts" / f"{name}.exe" if os.name == "nt" else folder / "bin" / name)


def is_uv(command: Sequence[str]) -> bool:
    """Tell whether `command` is a uv that runs and is new enough to read the lock file."""
    try:
        answer = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    words = answer.stdout.split()
    if answer.returncode != 0 or len(words) < 2 or words[0] != "uv":
        return False
    numbers = [part for part in words[1].split(".")[:2] if part.isdigit()]
    return tuple(int(part) for part in numbers) >= OLDEST_UV


def ways_to_uv() -> Iterator[Way]:
    """Give the ways in which this machine can have uv, the least intrusive first."""
    asked = f"uv>={OLDEST_UV[0]}.{OLDEST_UV[1]}"
    found = shutil.which("uv")
    if found and is_uv([found]):
        yield Way(f"uv is here: {found}", (), (found,))
    own = in_venv(PRIVATE / "uv", "uv")
    for command in ((own,), (in_venv(PRIVATE / "uv", "python"), "-m", "uv")):
        if is_uv(command):
            yield Way("uv is in the folder .start of this checkout", (), command)
    if is_uv([sys.executable, "-m", "uv"]):
        yield Way("uv is a module of this Python", (), (sys.executable, "-m", "uv"))
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        make = (sys.executable, "-m", "venv", "--clear", str(PRIVATE / "uv"))
        fill = (in_venv(PRIVATE / "uv", "python"), "-m", "pip", "install", "--quiet", asked)
        yield Way("bringing uv into the folder .start with venv and pip", (make, fill), (own,))
    if importlib.util.find_spec("pip"):
        # A folder of its own: nothing of this Python changes, which Debian's pip would refuse.
        folder = PRIVATE / "uv"
        fill = (sys.executable, "-m", "pip", "install", "--quiet", "--upgrade")
        fill += ("--target", str(folder), asked)
        name = "uv.exe" if os.name == "nt" else "uv"
        command = (str(folder / "bin" / name),)
        yield Way("bringing uv into the folder .start with pip", (fill,), command)
    pipx = shutil.which("pipx")
    if pipx:
        yield Way("uv is run by pipx", (), (pipx, "run", "--spec", asked, "uv"))


def bring_uv() -> list[str]:
    """Give the command that is uv, set up in the first way that works.

    Raises
    ------
    StartError
        If none works.
    """
    importlib.invalidate_caches()
    for way in ways_to_uv():
        say(way.words)
        if all(runs(step) for step in way.setup) and is_uv(way.command):
            return list(way.command)
        say("that did not work")
    raise StartError(
        "uv could not be brought here. Check that this machine reaches the Python package index, "
        "or install uv yourself (https://docs.astral.sh/uv/), then run the same command again."
    )


# --- running ----------------------------------------------------------------------------------


def usable_home(environment: Mapping[str, str]) -> Path | None:
    """Give the home folder if there is one that can be written to."""
    name = environment.get("HOME") or ""
    if not name and os.name == "posix":
        import pwd

        try:
            name = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    home = Path(name)
    return home if home.is_absolute() and os.access(home, os.W_OK | os.X_OK) else None


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the variables for uv and what it runs, from those of this process."""
    child = dict(environment)
    child.pop("VIRTUAL_ENV", None)
    # Nothing outside the checkout changes, so pip's advice on root and newer versions misleads.
    child.setdefault("PIP_ROOT_USER_ACTION", "ignore")
    child.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    if os.name == "posix":
        home = usable_home(environment)
        if home is None:
            home = PRIVATE / "home"
            home.mkdir(parents=True, exist_ok=True)
            say(f"there is no home folder to write to; {home} serves as one")
        child["HOME"] = str(home)
    if sys.version_info >= OLDEST_PYTHON:
        child.setdefault("UV_PYTHON_DOWNLOADS", "never")
    if not sys.platform.startswith("linux") or has_certificates():
        # Trust whom the machine trusts: clinics often inspect what they download. Older uv knows
        # the second name only.
        child.setdefault("UV_SYSTEM_CERTS", "true")
        child.setdefault("UV_NATIVE_TLS", "true")
    return child


def python_choice() -> list[str]:
    """Give uv's option for the Python to build the environment with, if it has to build it."""
    if (ROOT / ".venv" / "pyvenv.cfg").exists() or "UV_PYTHON" in os.environ:
        return []
    if sys.version_info >= OLDEST_PYTHON:
        return ["--python", sys.executable]
    old, new = ("{}.{}".format(*version[:2]) for version in (sys.version_info, OLDEST_PYTHON))
    say(f"this Python is {old}, but Coilpilot needs {new} or newer: uv looks for one or fetches it")
    return ["--python", f">={new}"]


def command_line(uv: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Give the uv command that does what `arguments` of this script ask for."""
    run = [*uv, "run", "--project", str(ROOT), "--locked", *python_choice()]
    if arguments[:1] == ["test"]:
        return [*run, "pytest", *arguments[1:]]
    return [*run, "--no-dev", "coilpilot", *arguments]


def start(arguments: Sequence[str], *, allowed: bool) -> int:
    """Prepare the machine, run what `arguments` ask for, and give its exit status."""
    if not os.access(ROOT, os.W_OK):
        raise StartError(f"{ROOT} cannot be written to. Copy it to a folder of your own.")
    testing = arguments[:1] == ["test"]
    say("1 of 3: what the operating system has to provide")
    prepare_system(allowed=allowed)
    say("2 of 3: uv, which builds the Python environment")
    child = child_environment(os.environ)
    os.environ.clear()
    os.environ.update(child)
    uv = bring_uv()
    what = "the tests" if testing else "Coilpilot"
    say(f"3 of 3: {what}, in the environment of uv.lock (downloaded the first time)")
    command = command_line(uv, arguments)
    say(shlex.join(command))
    status = subprocess.call(command, cwd=ROOT if testing else None)
    return status if status >= 0 else 128 - status


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for and give the exit status."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    allowed = arguments[:1] != ["--no-install"]
    try:
        return start(list(arguments[0 if allowed else 1 :]), allowed=allowed)
    except StartError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
