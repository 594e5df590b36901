"""``coilpilot``: the window on a feed or on live cameras, with the simulated stimulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.commands.output import Failure
from app.commands.pose_names import address_from_words
from app.live.equipment import foreign_equipment, live_equipment
from app.practice.equipment import Practice, practice
from app.rig import OtherTracker, Rig, RigError
from app.session.errors import SessionError
from app.session.new_session import new_session
from app.subject.head import HeadError
from tracking.foreign_poses import KNOWN_NAMES, NamesError, parse_names
from tracking.frames import FrameSourceError
from tracking.igtl.address import AddressError
from tracking.setups import SetupError


def run_window(
    *,
    feed: Path | None,
    head: Path | None,
    sessions: Path | None,
    setup: Path | None = None,
    other: OtherTracker | None = None,
) -> int:
    """Open the window, on live cameras if a setup is given, and run it until closed; status.

    With `other`, poses come from that tracker, and the setup only tells where coil and head are.
    """
    from app.widgets.application import open_application
    from app.window import Window

    application = open_application()
    if setup is None:
        rig = open_rig(open_practice(feed, head, speed=1.0, loop=True), sessions)
    else:
        rig = open_live_rig(setup, head, sessions, other)
    # The cameras begin while the window is still being built: the coil is there when it opens.
    rig.start()
    window = Window(rig)
    rig.stimulator.connect()
    window.show()
    return application.exec()


def open_practice(
    feed: Path | None, head: Path | None, *, speed: float | None, loop: bool
) -> Practice:
    """Make the equipment; :class:`Failure` with a sentence if that is not possible."""
    try:
        return practice(feed, head, speed=speed, loop=loop)
    except (FrameSourceError, HeadError, RigError) as error:
        raise Failure(str(error)) from error


def open_rig(opened: Practice, sessions: Path | None) -> Rig:
    """Make the rig with a new session file; :class:`Failure` if that is not possible."""
    try:
        session = new_session(
            sessions, {"feed": opened.feed.description.name, "mode": opened.equipment.mode}
        )
        return Rig(opened.equipment, session)
    except (SessionError, RigError) as error:
        opened.playback.close()
        raise Failure(str(error)) from error


def open_live_rig(
    setup: Path, head: Path | None, sessions: Path | None, other: OtherTracker | None = None
) -> Rig:
    """Make the rig on a setup's live cameras or on another tracker.

    :class:`Failure` if that is not possible.
    """
    try:
        equipment = (
            live_equipment(setup, head) if other is None else foreign_equipment(setup, other, head)
        )
        return Rig(equipment, new_session(sessions, {"setup": setup.stem, "mode": equipment.mode}))
    except (SetupError, HeadError, SessionError, RigError, AddressError, NamesError) as error:
        raise Failure(str(error)) from error


def other_tracker(address: str, words: Sequence[str] | None) -> OtherTracker:
    """Read what a person says of another tracker; :class:`Failure` if it cannot be followed."""
    address_from_words(address)
    try:
        names = parse_names(words) if words else dict(KNOWN_NAMES)
    except NamesError as error:
        raise Failure(str(error), status=2) from error
    return OtherTracker(address, names)
