"""``python -m tracking.practice_feed OUT.feed``: make a practice feed.

Exit status: 0 done, 1 the work failed, 2 wrong use.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tracking.practice_feed.encode import FRAMES_PER_SECOND
from tracking.practice_feed.generate import FeedExistsError, generate_feed
from tracking.practice_feed.scene import practice_scene
from tracking.practice_feed.target import TargetError, default_head_file, read_target
from tracking.practice_feed.trajectories import PERIOD

TARGET = "M1 hand left"


def main(arguments: list[str] | None = None) -> int:
    """Run the command with `arguments` (the process's own if None); returns the exit status."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    problem = _misuse(chosen)
    console = Console(stderr=True)
    if problem:
        console.print(problem, style="red", markup=False, highlight=False)
        return 2
    head_file = chosen.head or default_head_file()
    try:
        scene = practice_scene(chosen.seed, read_target(head_file, chosen.target))
        with Progress(console=console) as progress:
            frames = round(chosen.seconds * FRAMES_PER_SECOND) * len(scene.cameras)
            bar = progress.add_task("Rendering", total=frames)
            generate_feed(chosen.out, scene, chosen.seconds, lambda n: progress.advance(bar, n))
    except (TargetError, FeedExistsError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 2
    except OSError as error:
        console.print(
            f"{chosen.out} cannot be written ({error.strerror or error}). "
            "Name a folder on a disk with 100 MB of space where you may write.",
            style="red",
            markup=False,
            highlight=False,
        )
        return 1
    megabytes = sum(file.stat().st_size for file in chosen.out.iterdir()) / 1e6
    console.print(f"{chosen.out}: {frames} frames, {megabytes:.1f} MB", highlight=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tracking.practice_feed",
        description="Render a practice feed: two cameras, a swaying head, a hand-held coil.",
    )
    parser.add_argument("out", type=Path, metavar="OUT.feed", help="folder to make")
    parser.add_argument("--seed", type=int, default=1, help="equal seeds give equal pixels")
    parser.add_argument(
        "--seconds", type=float, default=PERIOD, help=f"how much of {PERIOD:.0f} s to film"
    )
    parser.add_argument("--target", default=TARGET, help="name of a target in the head file")
    parser.add_argument("--head", type=Path, help="head.json with the target (default head's)")
    return parser


def _misuse(chosen: argparse.Namespace) -> str:
    """Say what is wrong with the arguments in one sentence with a remedy; empty if nothing."""
    if chosen.out.suffix != ".feed":
        return f"{chosen.out} is no name for a feed: a feed is a folder whose name ends in .feed."
    if chosen.seed < 0:
        return f"--seed {chosen.seed} is negative: give a whole number from 0 on."
    if not 1 / FRAMES_PER_SECOND <= chosen.seconds <= PERIOD:
        return f"--seconds {chosen.seconds:g} is out of range: give 0.04 to {PERIOD:.0f} seconds."
    return ""


if __name__ == "__main__":
    sys.exit(main())
