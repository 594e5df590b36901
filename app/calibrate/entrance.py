"""Where calibrating begins: which room it is for, and beside which rig.

In: a setup folder, or none; a running rig, or none. Out: the folder of a setup that is there, made
empty if it is the machine's own and was never used; the desk of that room.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from platformdirs import user_data_path

from app.calibrate.desk import RoomDesk
from app.live.live_cameras import LiveCameras
from app.live.room import Room
from app.live.shared_frames import SharedCameras
from tracking.setups import SETUP_FILE, Setup, SetupError, write_setup

SUFFIX = ".setup"


def default_setup_folder() -> Path:
    """Folder of this machine's room where none is named, beside its sessions."""
    return user_data_path("coilpilot") / f"room{SUFFIX}"


def setup_folder(named: Path | None) -> Path:
    """Give `named`, or the default; the default is made, empty, when it is used first.

    Raises
    ------
    SetupError
        If the default cannot be made.
    """
    if named is not None:
        return named
    folder = default_setup_folder()
    if not (folder / SETUP_FILE).exists():
        try:
            write_setup(folder, Setup(name="This room"))
        except OSError as error:
            raise SetupError(
                f"The setup {folder} cannot be made ({error.strerror}). Name another with --setup."
            ) from error
    return folder


def desk_beside(
    rig_cameras: LiveCameras, room: Room | None, accepted: Callable[[str], None]
) -> RoomDesk:
    """Give the desk of the room in which a rig runs, whose cameras it shares.

    Parameters
    ----------
    rig_cameras
        The rig's.
    room
        Its room; None if it runs on a recording: then the desk is of this machine's room.
    accepted
        Called with what to do for an accepted calibration to be used.

    Raises
    ------
    SetupError
        If the setup cannot be read or made.
    """
    if room is None:
        folder = setup_folder(None)
        desk = RoomDesk(folder)
        words = f"Calibration accepted: start 'coilpilot --setup {folder}' to use it"
    else:
        shared = SharedCameras(rig_cameras, room)
        desk = RoomDesk(
            room.folder,
            open_raw=shared.open_raw,
            open_calibrated=shared.open_calibrated,
            in_force="from the next start on",
        )
        words = "Calibration accepted: start again to use it"
    desk.accepted.connect(lambda _subject: accepted(words))
    return desk
