"""What a rig is made of when it runs on the live cameras of a setup, or on another tracker.

In: a setup folder and a head. Out: the rig's :class:`~app.rig.Equipment`. No camera is opened
before the rig starts; one that is missing is named on screen and waited for.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from app.live.room import Room
from app.rig import Equipment, OtherTracker, RigError
from app.subject.head import Head, load_head
from render.coil_model import read_coil_model
from tracking.live_camera import open_live_camera
from tracking.setups import Setup, read_setup

MODE = "LIVE cameras · simulated stimulator"
OTHER_MODE = "LIVE OpenIGTLink tracker · simulated stimulator"

ABOVE_NASION = np.array([0.0, 15.0, 40.0])
"""Where the head's marker sheet is worn on its band, from the nasion, mm in ``mri``."""


def live_equipment(setup_folder: Path, head: Path | None = None) -> Equipment:
    """Make equipment on live cameras.

    Parameters
    ----------
    setup_folder
        The room's setup.
    head
        Folder of a prepared head; the default head if None.

    Raises
    ------
    tracking.setups.SetupError
        If the setup cannot be read or one of its cameras is not calibrated.
    app.subject.head_description.HeadError
        If the head cannot be used.
    RigError
        If the setup has no cameras, or its cameras or its coil are not placed yet.
    """
    setup = read_setup(setup_folder)
    _check_cameras(setup, setup_folder)
    return replace(
        _placed(setup, setup_folder, head),
        cameras=[camera.camera() for camera in setup.cameras],
        bodies=[body.body() for body in setup.bodies],
        sources=[open_live_camera(camera) for camera in setup.cameras],
        room=Room(setup_folder, setup),
    )


def foreign_equipment(
    setup_folder: Path, other: OtherTracker, head: Path | None = None
) -> Equipment:
    """Make equipment on another tracker; the setup tells where coil and head are on its bodies.

    Raises
    ------
    tracking.setups.SetupError
        If the setup cannot be read.
    app.subject.head_description.HeadError
        If the head cannot be used.
    RigError
        If the setup's coil is not placed yet.
    """
    return replace(
        _placed(read_setup(setup_folder), setup_folder, head),
        mode=OTHER_MODE,
        other_tracker=other,
    )


def _placed(setup: Setup, folder: Path, head: Path | None) -> Equipment:
    """Give equipment without anything that tracks."""
    if setup.coil_body_from_coil is None:
        raise RigError(
            f"The coil of {folder} is not calibrated, so it cannot be placed on a head. Run "
            "'coilpilot calibrate coil'."
        )
    loaded = load_head(head)
    registration = setup.mri_from_head
    with as_file(files("resources") / "coils" / "figure8_70mm.json") as coil_file:
        coil = read_coil_model(coil_file)
    return Equipment(
        head=loaded,
        coil=coil,
        cameras=[],
        bodies=[],
        sources=[],
        lossless=False,
        mri_from_head=nominal_place(loaded) if registration is None else registration.transform(),
        coil_body_from_coil=setup.coil_body_from_coil.transform(),
        # Without a registration, how far the coil is from a target is not known.
        target=loaded.targets[0] if registration is not None and loaded.targets else None,
        mode=MODE,
        registered=registration is not None,
        origin=f"from the setup {setup.name}",
    )


def nominal_place(head: Head) -> RigidTransform:
    """``mri_from_head`` as the sheet is meant to be worn: upright on the forehead, face to front.

    To draw a head where none is registered; never to stimulate by.
    """
    # Seen from the front: the sheet's x to the patient's left, y down, z into the head.
    axes = Rotation.from_matrix([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]])
    return RigidTransform.from_components(head.landmarks["nasion"] + ABOVE_NASION, axes)


def _check_cameras(setup: Setup, folder: Path) -> None:
    if not setup.cameras:
        raise RigError(f"The setup {folder} has no cameras. Add one with 'coilpilot cameras add'.")
    for camera in setup.cameras:
        camera.camera()
        if len(setup.cameras) > 1 and camera.camera_from_world is None:
            raise RigError(
                f"It is not known where camera '{camera.name}' of {folder} stands among the "
                "others. Run 'coilpilot calibrate cameras' with a board that all of them see."
            )
