"""One camera's image of the scene at one time: light, lens, motion and sensor.

In: a scene, a camera's name, a time. Out: (height, width) uint8 grey. The same scene, camera and
time always give the same pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.practice_feed.panels import draw_panels, printed_panels
from tracking.practice_feed.scene import PLATE_CENTRE_IN_COIL, Poses, Scene
from tracking.practice_feed.surroundings import (
    draw_body,
    draw_coil,
    draw_head,
    light_field,
    room,
    sleeve_panel,
)
from tracking.practice_feed.view import Image, view_of

EXPOSURE = 0.006
"""Time that the shutter is open, seconds; a frame's capture time is the middle of it."""
STILL_PX = 0.08
"""Below this motion during the exposure one sample of it is enough, pixels."""
EXPOSURE_SAMPLES = (-1 / 3, 0.0, 1 / 3)
PSF_SIGMA = 0.7
"""Blur of the lens, pixels."""
READ_NOISE, SHOT_NOISE = 1.2, 0.021
"""Sensor noise: variance is READ_NOISE**2 + SHOT_NOISE * grey, about 2 grey levels at mid-grey."""


class FrameRenderer:
    """Renders one camera of a scene; keeps what does not change from frame to frame."""

    def __init__(self, scene: Scene, camera: str) -> None:
        self._scene = scene
        self._index = [each.name for each in scene.cameras].index(camera)
        self._camera = scene.camera(camera)
        self._view = view_of(self._camera)
        rng = np.random.default_rng([scene.seed, 2, self._index])
        height, width = self._camera.height, self._camera.width
        self._background = room(rng, height, width)
        draw_body(
            self._background, self._view, self._camera.camera_from_world * scene.world_from_rest
        )
        self._light = light_field(height, width, 0.10 if self._index == 0 else -0.07)
        self._head_panels = printed_panels(scene.head)
        self._coil_panels = printed_panels(scene.coil_body)
        self._sleeve_panels = [sleeve_panel(np.random.default_rng([scene.seed, 3]))]

    def expose(self, seconds: float) -> Image:
        """Image (height, width) float32 before noise and quantisation, at mid-exposure time."""
        samples = EXPOSURE_SAMPLES if self._moves(seconds) else (0.0,)
        behind = self._background.copy()
        world_from_mri = self._scene.poses(seconds).world_from_mri
        draw_head(behind, self._view, self._camera.camera_from_world * world_from_mri)
        total = np.zeros_like(behind)
        for part in samples:
            total += self._sharp(behind, self._scene.poses(seconds + part * EXPOSURE))
        lit = total * (self._light / np.float32(len(samples)))
        return np.asarray(cv2.GaussianBlur(lit, (0, 0), PSF_SIGMA), dtype=np.float32)

    def render(self, time_ns: int) -> NDArray[np.uint8]:
        """Image (height, width) as the sensor gives it, at the feed's time `time_ns`."""
        image = self.expose(time_ns * 1e-9)
        rng = np.random.Generator(np.random.SFC64([self._scene.seed, 4, self._index, time_ns]))
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        noise *= np.sqrt(READ_NOISE**2 + SHOT_NOISE * image)
        return np.asarray(np.clip(np.rint(image + noise), 0, 255), dtype=np.uint8)

    def _moves(self, seconds: float) -> bool:
        """Whether anything moves by more than `STILL_PX` while the shutter is open."""
        early = self._scene.poses(seconds - EXPOSURE / 2)
        late = self._scene.poses(seconds + EXPOSURE / 2)
        steps = [
            np.linalg.norm(late_pose.translation - early_pose.translation)
            for early_pose, late_pose in (
                (early.world_from_coil_body, late.world_from_coil_body),
                (early.world_from_coil, late.world_from_coil),
                (early.world_from_head, late.world_from_head),
                (early.world_from_sleeve, late.world_from_sleeve),
            )
        ]
        focal = self._camera.matrix[0, 0]
        depth = early.world_from_head.translation[2]
        return bool(max(steps) * focal / depth > STILL_PX)

    def _sharp(self, behind: Image, poses: Poses) -> Image:
        """Draw coil and plates at one instant over what is `behind`, far things first."""
        camera_from_world = self._camera.camera_from_world
        canvas = behind.copy()
        draw_coil(
            canvas, self._view, camera_from_world * poses.world_from_coil, PLATE_CENTRE_IN_COIL
        )
        plates = [
            (self._head_panels, camera_from_world * poses.world_from_head),
            (self._coil_panels, camera_from_world * poses.world_from_coil_body),
        ]
        if poses.sleeve_in_sight:
            plates.append((self._sleeve_panels, camera_from_world * poses.world_from_sleeve))
        light = (camera_from_world * self._scene.world_from_rest).rotation.apply([0.2, 0.6, 0.77])
        for panels, pose in sorted(plates, key=lambda plate: -_depth(plate[1])):
            draw_panels(canvas, self._view, panels, pose, light)
        return canvas


def _depth(camera_from_body: RigidTransform) -> float:
    return float(camera_from_body.translation[2])


def render_frame(scene: Scene, camera: str, time_ns: int) -> NDArray[np.uint8]:
    """Render one frame, as the feed holds it before encoding.

    For many frames of one camera keep a :class:`FrameRenderer`: setting it up takes far longer
    than a frame.
    """
    return FrameRenderer(scene, camera).render(time_ns)
