"""The command line: every capability without the window, for people and for programs.

Exit status: 0 success, 1 the work failed, 2 wrong use. A failure is one sentence on the error
stream that names what was wrong and what to do. Each command imports what it needs when it runs,
so that the window is not kept waiting by what it does not use.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from app.commands.calibrate import calibrate
from app.commands.output import Failure, show_failure
from app.identity import RESEARCH_USE, program_version

STIMULATOR_PROCESS = "stimulator-process"
DOCTOR_PROBE = "doctor-probe"
"""Hidden first words with which a frozen program starts its own further processes."""

command_line = App(
    name="coilpilot",
    version=program_version,
    help=f"Navigated transcranial magnetic stimulation. {RESEARCH_USE}",
    result_action="return_value",
)

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON for programs.")]
Head = Annotated[
    Path | None,
    Parameter(name="--head", help="Folder of a prepared head; the default head if none."),
]
Names = Annotated[
    list[str] | None,
    Parameter(
        name="--map",
        negative="",
        consume_multiple=True,
        help="Transforms and the bodies they place, such as HeadToTracker=head.",
    ),
]


@command_line.default
def window(
    *,
    feed: Annotated[
        Path | None, Parameter(name="--feed", help="Feed to replay; the practice feed if none.")
    ] = None,
    head: Head = None,
    sessions: Annotated[
        Path | None, Parameter(name="--sessions", help="Folder for session files.")
    ] = None,
    setup: Annotated[
        Path | None, Parameter(name="--setup", help="Setup whose live cameras to use.")
    ] = None,
    tracker: Annotated[
        str | None,
        Parameter(
            name="--tracker",
            help="HOST[:PORT] of an OpenIGTLink tracker to use instead of the setup's cameras.",
        ),
    ] = None,
    names: Names = None,
) -> int:
    """Open the window: head, feed, simulated stimulator, ready to go.

    Without a display the demo runs offscreen instead.
    """
    from app.commands.demo import run_demo
    from app.commands.window import other_tracker, run_window
    from app.widgets.display import has_display

    if setup is not None and feed is not None:
        raise Failure("Give --feed or --setup, not both.", status=2)
    if tracker is not None and setup is None:
        raise Failure(
            "--tracker needs --setup DIR, which says where the coil is on its body.", status=2
        )
    if setup is not None and not has_display():
        raise Failure(
            "No display was found, and live cameras need the window. Try them without one: "
            "'coilpilot cameras test'."
        )
    if not has_display():
        print("No display was found: the demo runs offscreen.", file=sys.stderr)  # noqa: T201
        return run_demo(feed=feed, head=head, out=None, as_json=False)
    other = other_tracker(tracker, names) if tracker is not None else None
    return run_window(feed=feed, head=head, sessions=sessions, setup=setup, other=other)


@command_line.command
def demo(
    *,
    offscreen: Annotated[
        bool, Parameter(negative="", help="Draw without a display, as fast as it goes.")
    ] = False,
    out: Annotated[Path | None, Parameter(help="Folder for what the demo writes.")] = None,
    feed: Annotated[Path | None, Parameter(help="Feed to replay.")] = None,
    head: Head = None,
    json: Json = False,
) -> int:
    """Run the demo: an operator's session on the practice feed with the simulated stimulator.

    With --offscreen it writes screenshots, a session file, a summary and a report into OUT.
    """
    from app.commands.demo import run_demo
    from app.commands.window import run_window
    from app.widgets.display import has_display

    if offscreen or json or out is not None or not has_display():
        return run_demo(feed=feed, head=head, out=out, as_json=json)
    return run_window(feed=feed, head=head, sessions=None)


@command_line.command
def replay(
    feed: Path,
    *,
    session: Annotated[
        Path | None, Parameter(help="Record the poses in this new session file.")
    ] = None,
    speed: Annotated[str, Parameter(help="Multiple of real speed, or max.")] = "max",
    poses: Annotated[
        Path | None, Parameter(help="Write one row per body and frame: .csv or .jsonl.")
    ] = None,
    igtl: Annotated[
        str | None,
        Parameter(
            help="[HOST:]PORT to send the poses from over OpenIGTLink; this machine if none."
        ),
    ] = None,
    names: Names = None,
    json: Json = False,
) -> int:
    """Run the tracker on a feed, or replay a sequence of PLUS (.igs.mha), and sum up."""
    from app.commands.replay import ReplayTo, run_replay

    to = ReplayTo(session=session, poses=poses, igtl=igtl)
    return run_replay(feed, to=to, speed=speed, names=names, as_json=json)


@command_line.command
def poses(
    *,
    source: Annotated[
        str, Parameter(name="--from", help="HOST[:PORT] of an OpenIGTLink server; port 18944.")
    ],
    names: Names = None,
    out: Annotated[Path | None, Parameter(help="Record the poses: .csv or .jsonl.")] = None,
    seconds: Annotated[float, Parameter(help="How long to listen.")] = 5.0,
    json: Json = False,
) -> int:
    """Show and record the poses of another tracker over OpenIGTLink: PLUS, 3D Slicer."""
    from app.commands.poses import run_poses

    return run_poses(source, names=names, out=out, seconds=seconds, as_json=json)


@command_line.command
def export(
    session: Path,
    *,
    to: Annotated[Literal["csv"], Parameter(help="Format to write.")],
    out: Annotated[Path, Parameter(help="New or empty folder to write into.")] = Path("export"),
    json: Json = False,
) -> int:
    """Write a session's pulses, poses and targets in another format."""
    from app.commands.export import run_export

    return run_export(session, to=to, out=out, as_json=json)


@command_line.command
def report(
    session: Path,
    *,
    out: Annotated[Path | None, Parameter(help="HTML file; SESSION.html if none.")] = None,
    json: Json = False,
) -> int:
    """Write a session's report as one HTML page."""
    from app.commands.export import run_report

    return run_report(session, out=out, as_json=json)


@command_line.command
def markers(
    out: Path,
    *,
    kinds: Annotated[
        str | None,
        Parameter(name="--for", help="Of head,coil,pointer,puck,sticker,board; all if none."),
    ] = None,
    paper: Annotated[Literal["a4", "letter", "a3"], Parameter(help="Paper.")] = "a4",
    family: Annotated[
        Literal["36h11", "mip_36h12"], Parameter(help="Tag family of the bodies.")
    ] = "36h11",
    tag_size: Annotated[float | None, Parameter(help="Side of a body's tags, mm.")] = None,
    gap: Annotated[float | None, Parameter(help="White between a body's tags, mm.")] = None,
    bend: Annotated[float, Parameter(help="Fold angle of bent plates, degrees.")] = 35.0,
    backing: Annotated[float, Parameter(help="Thickness of the finished puck, mm.")] = 3.0,
    first_tag: Annotated[
        int | None, Parameter(help="Id of the first tag; the sheets' own ids if none.")
    ] = None,
    square: Annotated[float, Parameter(help="Side of the board's squares, mm.")] = 25.0,
    measured_scale: Annotated[
        str | None,
        Parameter(help="What the rulers measured on the print, X,Y: writes its body files only."),
    ] = None,
    force: Annotated[bool, Parameter(negative="", help="Replace files that are there.")] = False,
    json: Json = False,
) -> int:
    """Write printable marker sheets at true scale into OUT.pdf, and body files into OUT/."""
    from app.commands.markers import run_markers
    from tracking.sheets.catalogue import SheetOptions

    options = SheetOptions(
        paper=paper,
        family=family,
        tag_size=tag_size,
        gap=gap,
        bend_deg=bend,
        backing=backing,
        first_tag=first_tag,
        square=square,
    )
    return run_markers(
        out,
        kinds=kinds,
        options=options,
        measured_scale=measured_scale,
        force=force,
        as_json=json,
    )


@command_line.command
def detect(
    images: list[Path],
    *,
    dictionary: Annotated[
        str, Parameter(help="Tag family: 36h11, mip_36h12, 4x4_50, DICT_4X4_1000 and so on.")
    ] = "36h11",
    inverted: Annotated[
        bool, Parameter(negative="", help="The tags are printed white on black.")
    ] = False,
    calibration: Annotated[
        Path | None, Parameter(help="Calibration of the camera, or a feed.json.")
    ] = None,
    camera: Annotated[str | None, Parameter(help="Which camera of the feed.json.")] = None,
    json: Json = False,
) -> int:
    """Find tags in still images; corners in OpenCV's pixels, refined.

    (0, 0) is the centre of the first pixel. With a calibration the lens's distortion is used.
    """
    from app.commands.detect import run_detect

    return run_detect(
        images,
        dictionary=dictionary,
        inverted=inverted,
        calibration=calibration,
        camera=camera,
        as_json=json,
    )


command_line.command(calibrate)

cameras = App(name="cameras", help="List cameras, add them to a setup, try and record them.")
command_line.command(cameras)
SetupFolder = Annotated[Path, Parameter(name="--setup", help="The setup's folder.")]


@cameras.command(name="list")
def list_cameras(*, json: Json = False) -> int:
    """List the cameras of this machine by name and identity."""
    from app.commands.cameras import run_list

    return run_list(as_json=json)


@cameras.command(name="add")
def add_camera(
    name: str,
    *,
    address: Annotated[str, Parameter(help="Identity or number of a camera, http:// or rtsp://.")],
    setup: SetupFolder,
    resolution: Annotated[str, Parameter(help="Width x height, pixels.")] = "1280x720",
    rate: Annotated[float, Parameter(help="Frames a second.")] = 30.0,
    pixel_format: Annotated[str, Parameter(help="Four letters, as MJPG or YUYV.")] = "MJPG",
    json: Json = False,
) -> int:
    """Add a camera to a setup, which is made if need be, with the settings that it takes."""
    from app.commands.cameras import run_add

    width, _, height = resolution.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise Failure(f"--resolution {resolution!r} is not like 1280x720.", status=2)
    return run_add(
        name,
        address=address,
        setup=setup,
        size=(int(width), int(height)),
        frames_per_s=rate,
        pixel_format=pixel_format,
        as_json=json,
    )


@cameras.command(name="record")
def record_cameras(
    *,
    setup: SetupFolder,
    out: Annotated[Path, Parameter(help="New folder NAME.feed.")],
    seconds: Annotated[float | None, Parameter(help="How long; until Ctrl+C if none.")] = None,
    json: Json = False,
) -> int:
    """Record the cameras of a setup into a feed, to replay it or to calibrate from it."""
    from app.commands.cameras import run_record

    return run_record(setup, out=out, seconds=seconds, as_json=json)


@cameras.command(name="test")
def try_cameras(
    *,
    setup: SetupFolder,
    seconds: Annotated[float, Parameter(help="How long.")] = 5.0,
    json: Json = False,
) -> int:
    """Try the cameras of a setup: rate, damage, age of pictures, settings, sharpness."""
    from app.commands.cameras import run_test

    return run_test(setup, seconds=seconds, as_json=json)


@command_line.command
def doctor(*, json: Json = False) -> int:
    """Check this machine: graphics, cameras, disk, clock, resources; say what to do."""
    from app.commands.doctor import run_doctor

    return run_doctor(as_json=json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [STIMULATOR_PROCESS]:
        from app.stimulate.process import main as stimulator_process

        return stimulator_process(words[1:])
    if words[:1] == [DOCTOR_PROBE]:
        from app.doctor_probes import main as probe

        return probe(words[1:])
    try:
        status = command_line(words, exit_on_error=False, print_error=True)
    except CycloptsError:
        return 2
    except Failure as failure:
        return show_failure(failure)
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    sys.exit(main())
