"""A room with network cameras on loopback that look at the practice scene, and its setup."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from app.practice.equipment import practice_feed_folder
from tests.tracking.mjpeg_server import MjpegServer
from tracking.calibration.result import DeviceSettings, IntrinsicsValue
from tracking.feed import open_feed
from tracking.feed_description import FeedDescription
from tracking.setups import Setup, SetupCamera, write_setup

NO_SIGMA = ((0.0, 0.0, 0.0),) * 3


def jpegs_of(picture: np.ndarray, count: int = 4) -> list[bytes]:
    """Encode `picture` as a real camera would see it again and again: no two are quite equal."""
    rng = np.random.default_rng(1)
    noisy = (
        np.clip(picture + rng.normal(0, 1.0, picture.shape), 0, 255).astype(np.uint8)
        for _ in range(count)
    )
    return [cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes() for one in noisy]


class Room:
    """Network cameras that show given pictures, and a setup of them in `folder`."""

    def __init__(self, folder: Path, jpegs: dict[str, list[bytes]], rate: float = 30.0) -> None:
        self.folder = folder
        self.description: FeedDescription = open_feed(practice_feed_folder()).description
        self.servers = {name: MjpegServer(given, rate) for name, given in jpegs.items()}
        self.write()

    def write(self, **changes: object) -> Setup:
        """Write the setup, with `changes` to it."""
        setup = Setup(
            name="room",
            cameras=tuple(
                SetupCamera(
                    name=camera.name,
                    address=self.servers[camera.name].address,
                    settings=DeviceSettings(width=camera.width, height=camera.height),
                    intrinsics=IntrinsicsValue(
                        matrix=camera.matrix,
                        distortion=camera.distortion,
                        matrix_sigma=NO_SIGMA,
                        distortion_sigma=[0.0] * 5,
                    ),
                    camera_from_world=camera.camera_from_world,
                )
                for camera in self.description.cameras
                if camera.name in self.servers
            ),
            bodies=tuple(self.description.bodies),
            coil_body_from_coil=self.description.coil_body_from_coil,
            mri_from_head=self.description.mri_from_head,
        ).model_copy(update=changes)
        write_setup(self.folder, setup)
        return setup

    def close(self) -> None:
        """Pull all plugs."""
        for server in self.servers.values():
            server.close()
