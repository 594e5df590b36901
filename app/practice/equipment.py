"""What a rig is made of when it runs on a recorded feed.

In: a feed and a head, the shipped ones by default. Out: the rig's :class:`~app.rig.Equipment` and
the playback that it runs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from app.plan.target import Target
from app.rig import Equipment, RigError
from app.subject.distance import SurfaceDistance
from app.subject.head import Head, load_head
from render.coil_model import read_coil_model
from tracking.feed import Feed, open_feed
from tracking.playback import Playback
from tracking.rigid import rotation_matrix

MODE = "PRACTICE · recorded feed · simulated stimulator"
SAME_TARGET = 0.5
"""Poses nearer than this, mm, are the same target under the same name."""


@dataclass(frozen=True, eq=False)
class Practice:
    """Equipment on a recorded feed, with the playback that it runs on."""

    equipment: Equipment
    feed: Feed
    playback: Playback


def practice(
    feed: Path | None = None,
    head: Path | None = None,
    *,
    speed: float | None = 1.0,
    loop: bool = True,
) -> Practice:
    """Make equipment on a feed.

    Parameters
    ----------
    feed, head
        Folders; the practice feed and the default head if None.
    speed
        Multiple of real speed; None for as fast as the frames can be tracked.
    loop
        Start again after the last frame.

    Raises
    ------
    tracking.feed_description.FeedError
        If the feed cannot be used.
    app.subject.head_description.HeadError
        If the head cannot be used.
    RigError
        If the feed has no registration or no coil calibration.
    """
    opened = open_feed(practice_feed_folder() if feed is None else feed)
    loaded = load_head(head)
    description = opened.description
    if description.mri_from_head is None or description.coil_body_from_coil is None:
        raise RigError(
            f"The feed {opened.path} has no registration or no coil calibration, so its coil "
            "cannot be placed on a head. Replay it without the window, or add them to feed.json."
        )
    playback = Playback(opened, speed=speed, loop=loop)
    with as_file(files("resources") / "coils" / "figure8_70mm.json") as coil_file:
        coil = read_coil_model(coil_file)
    equipment = Equipment(
        head=loaded,
        coil=coil,
        cameras=opened.cameras,
        bodies=opened.bodies,
        sources=playback.sources,
        lossless=playback.lossless,
        mri_from_head=description.mri_from_head.transform(),
        coil_body_from_coil=description.coil_body_from_coil.transform(),
        target=_target(opened, loaded),
        mode=MODE,
    )
    return Practice(equipment, opened, playback)


def practice_feed_folder() -> Path:
    """Where the shipped practice feed lies."""
    return Path(str(files("resources") / "practice.feed"))


def _target(feed: Feed, head: Head) -> Target | None:
    """Give the head's target that the feed was recorded for, else the feed's own."""
    wanted = feed.description.target
    if wanted is None:
        return head.targets[0] if head.targets else None
    mri_from_target = wanted.mri_from_target.transform()
    for target in head.targets:
        gap = (target.mri_from_target.inv() * mri_from_target).translation
        if target.name == wanted.name and float((gap**2).sum()) ** 0.5 < SAME_TARGET:
            return target
    depth = SurfaceDistance(head.cortex).along(
        mri_from_target.translation, rotation_matrix(mri_from_target)[:, 2]
    )
    return Target(
        id=f"feed-{feed.description.name}",
        name=wanted.name,
        mri_from_target=mri_from_target,
        cortex_point=mri_from_target.apply([0.0, 0.0, depth or 0.0]),
        description="From the feed; on the cortex where its axis meets this head's. Unverified.",
    )
