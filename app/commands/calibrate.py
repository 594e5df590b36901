"""``coilpilot calibrate``: cameras, marker bodies, the pointer's tip and the coil."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from app.commands.output import Failure

if TYPE_CHECKING:
    from app.commands.calibrate_bodies import Outcome

calibrate = App(
    name="calibrate",
    help="Calibrate cameras, bodies, pointer and coil from a recording or live.",
    result_action="return_value",
)


@calibrate.default
def calibrate_in_window(
    *,
    setup: Annotated[
        Path | None, Parameter(name="--setup", help="Setup to calibrate; this room's if none.")
    ] = None,
) -> int:
    """Open the wizard: choose a calibration, show what it asks for, look at the result, decide."""
    from app.commands.calibration_window import run_wizard

    return run_wizard(setup)


@calibrate.command(name="cameras")
def calibrate_cameras(
    feed: Path | None = None,
    *,
    board: Annotated[
        Path | None, Parameter(help="The board's file; the recording's, or the default, if none.")
    ] = None,
    setup: Annotated[
        Path | None, Parameter(help="Setup: its live cameras without FEED; keeps what is accepted.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Folder in which results are kept.")] = None,
    accept: Annotated[bool, Parameter(negative="", help="Put the results into force.")] = False,
    reject: Annotated[bool, Parameter(negative="", help="Keep the results as rejected.")] = False,
    intrinsics_only: Annotated[
        bool, Parameter(negative="", help="Only the lens of each camera.")
    ] = False,
    keep_intrinsics: Annotated[
        bool, Parameter(negative="", help="Keep known lenses; only find where cameras stand.")
    ] = False,
    seconds: Annotated[float, Parameter(help="How long live cameras are watched at most.")] = 120.0,
    json: Annotated[
        bool, Parameter(name="--json", negative="", help="Print JSON for programs.")
    ] = False,
) -> int:
    """Calibrate cameras with a ChArUco board: lenses and, with several, where they stand.

    FEED is a feed, a caliscope folder, a folder of videos or a video. Nothing is in force without
    --accept, and what is not good enough cannot be accepted.
    """
    from app.commands.calibrate_cameras import CamerasOrder, run_calibrate_cameras

    if accept and reject:
        raise Failure("--accept and --reject exclude each other. Choose one.", status=2)
    if intrinsics_only and keep_intrinsics:
        raise Failure(
            "--intrinsics-only and --keep-intrinsics exclude each other. Choose one.", status=2
        )
    return run_calibrate_cameras(
        CamerasOrder(
            recording=feed,
            board=board,
            setup=setup,
            out=out,
            decision=True if accept else False if reject else None,
            intrinsics_only=intrinsics_only,
            keep_intrinsics=keep_intrinsics,
            seconds=seconds,
        ),
        as_json=json,
    )


SetupFolder = Annotated[
    Path | None, Parameter(name="--setup", help="Setup whose cameras and bodies are used.")
]
OutFolder = Annotated[
    Path | None, Parameter(name="--out", help="Folder in which results are kept.")
]
Accept = Annotated[
    bool, Parameter(name="--accept", negative="", help="Put the results into force.")
]
Reject = Annotated[
    bool, Parameter(name="--reject", negative="", help="Keep the results as rejected.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON for programs.")]


@calibrate.command(name="bodies")
def calibrate_bodies(
    feed: Path,
    *,
    tag_size: Annotated[
        float | None, Parameter(help="Side of a tag's black square as measured, mm.")
    ] = None,
    tags: Annotated[
        list[str] | None, Parameter(help="Ids of a body, as in 6-11; one for each --name.")
    ] = None,
    name: Annotated[list[str] | None, Parameter(help="Body to calibrate; all if none.")] = None,
    nominal: Annotated[
        list[Path] | None, Parameter(help="Body file of a design; the feed's bodies if none.")
    ] = None,
    setup: SetupFolder = None,
    out: OutFolder = None,
    accept: Accept = False,
    reject: Reject = False,
    json: Json = False,
) -> int:
    """Calibrate marker bodies from a feed in which somebody slowly turns them for 20 to 30 s."""
    from app.commands.calibrate_bodies import run_bodies

    return run_bodies(
        feed,
        _outcome(setup, out, accept=accept, reject=reject, as_json=json),
        tag_size=tag_size,
        tags=tags or (),
        names=name or (),
        nominal=nominal or (),
    )


@calibrate.command(name="pointer")
def calibrate_pointer(
    feed: Path,
    *,
    name: Annotated[str, Parameter(help="The pointer's marker body.")] = "pointer",
    setup: SetupFolder = None,
    out: OutFolder = None,
    accept: Accept = False,
    reject: Reject = False,
    json: Json = False,
) -> int:
    """Calibrate the pointer's tip from a feed in which it is tilted about a divot."""
    from app.commands.calibrate_bodies import run_pointer

    return run_pointer(
        feed, _outcome(setup, out, accept=accept, reject=reject, as_json=json), name=name
    )


@calibrate.command(name="coil")
def calibrate_coil(
    feed: Path,
    *,
    method: Annotated[
        Literal["puck", "dimples"], Parameter(help="A clamped puck, or pointing at dimples.")
    ] = "puck",
    nominal: Annotated[
        Path | None, Parameter(help="The puck's body file; the setup's or feed's puck if none.")
    ] = None,
    dimples: Annotated[
        Path | None, Parameter(help="The coil's dimples, for --method dimples.")
    ] = None,
    setup: SetupFolder = None,
    out: OutFolder = None,
    accept: Accept = False,
    reject: Reject = False,
    json: Json = False,
) -> int:
    """Calibrate where the coil is on its marker body."""
    from app.commands.calibrate_bodies import run_coil

    return run_coil(
        feed,
        _outcome(setup, out, accept=accept, reject=reject, as_json=json),
        method=method,
        dimples=dimples,
        nominal=nominal,
    )


def _outcome(
    setup: Path | None, out: Path | None, *, accept: bool, reject: bool, as_json: bool
) -> Outcome:
    from app.commands.calibrate_bodies import Outcome

    if accept and reject:
        raise Failure("--accept and --reject exclude each other. Choose one.", status=2)
    return Outcome(setup, out, True if accept else False if reject else None, as_json)
