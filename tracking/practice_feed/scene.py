"""The practice scene: cameras, marker bodies, patient, target and their motion, in one object.

In: a seed and the target's pose in ``mri``. Out: a :class:`Scene` that gives every pose at any
time and the ``feed.json`` that describes it. Lengths are mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from tracking.bodies import MarkerBody, bent_plate
from tracking.cameras import Camera
from tracking.feed_description import (
    BodyModel,
    CameraModel,
    FeedDescription,
    TargetModel,
    TransformModel,
)
from tracking.practice_feed.trajectories import (
    CoilMotion,
    HeadSway,
    coil_motion,
    head_sway,
    sleeve_advance,
)

FloatArray = NDArray[np.float64]

WIDTH, HEIGHT = 1280, 720

MRI_FROM_HEAD = RigidTransform.from_components(
    np.array([3.5, 98.0, 58.0]),
    Rotation.from_matrix([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]])
    * Rotation.from_rotvec([-13.0, -5.5, 2.5], degrees=True),
)
"""Registration: the head's marker plate sits on a band on the forehead, leaning back a little."""

PLATE_CENTRE_IN_COIL = np.array([8.0, -42.0, -92.0])
"""Where the coil's marker plate stands: on a post above the root of the handle, mm in ``coil``."""

PLATE_SKEW = Rotation.from_rotvec([1.0, 0.8, 5.0], degrees=True)
"""How far the plate was clamped on from facing the cameras squarely."""

SLEEVE_TRAVEL = 620.0
"""How far the sleeve comes from out of sight, mm."""


@dataclass(frozen=True, eq=False)
class Poses:
    """Where things are in ``world`` at one time, mm."""

    world_from_mri: RigidTransform
    world_from_head: RigidTransform
    world_from_coil: RigidTransform
    world_from_coil_body: RigidTransform
    world_from_sleeve: RigidTransform
    sleeve_in_sight: bool


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that the practice feed shows.

    Attributes
    ----------
    seed
        From which motion, texture and noise are drawn.
    cameras
        The first one is ``world``.
    head, coil_body
        Marker bodies.
    world_from_rest
        Where ``mri`` lies in ``world`` while the head is at rest.
    target
        The coil pose to reach, and what it is called.
    mri_from_target
        That pose, mm.
    coil_body_from_coil
        Calibration of the coil.
    world_from_hiding_sleeve
        Where the sleeve is when it hides the coil's marker body.
    sway, guidance
        Motion of the head and of the coil.
    """

    seed: int
    cameras: tuple[Camera, ...]
    head: MarkerBody
    coil_body: MarkerBody
    world_from_rest: RigidTransform
    target: TargetModel
    mri_from_target: RigidTransform
    coil_body_from_coil: RigidTransform
    world_from_hiding_sleeve: RigidTransform
    sway: HeadSway
    guidance: CoilMotion

    def camera(self, name: str) -> Camera:
        """Give the camera of that name; KeyError if there is none."""
        return {camera.name: camera for camera in self.cameras}[name]

    def body_poses(self, seconds: FloatArray) -> dict[str, RigidTransform]:
        """``world_from_body`` (N,) of each marker body at times (N,) in seconds."""
        world_from_mri = self.world_from_rest * self.sway.rest_from_mri(seconds)
        world_from_coil = (
            world_from_mri * self.mri_from_target * self.guidance.target_from_coil(seconds)
        )
        return {
            self.head.name: world_from_mri * MRI_FROM_HEAD,
            self.coil_body.name: world_from_coil * self.coil_body_from_coil.inv(),
        }

    def poses(self, seconds: float) -> Poses:
        """Give all poses at one time, in seconds since the feed's start."""
        bodies = self.body_poses(np.array([seconds]))
        world_from_head = bodies[self.head.name][0]
        world_from_coil_body = bodies[self.coil_body.name][0]
        advance = float(sleeve_advance(np.array([seconds]))[0])
        back = RigidTransform.from_translation([(1.0 - advance) * SLEEVE_TRAVEL, 0.0, 0.0])
        return Poses(
            world_from_mri=world_from_head * MRI_FROM_HEAD.inv(),
            world_from_head=world_from_head,
            world_from_coil=world_from_coil_body * self.coil_body_from_coil,
            world_from_coil_body=world_from_coil_body,
            world_from_sleeve=self.world_from_hiding_sleeve * back,
            sleeve_in_sight=advance > 0.0,
        )

    def description(self) -> FeedDescription:
        """Describe the feed."""
        return FeedDescription(
            schema_version=1,
            name="Practice",
            cameras=[_camera_model(camera) for camera in self.cameras],
            bodies=[BodyModel.of(self.head), BodyModel.of(self.coil_body)],
            mri_from_head=TransformModel.of(MRI_FROM_HEAD),
            coil_body_from_coil=TransformModel.of(self.coil_body_from_coil),
            target=self.target,
            note=(
                "Rendered, not filmed: `python -m tracking.practice_feed`, "
                f"seed {self.seed}. truth.csv holds the true poses."
            ),
        )


def practice_scene(seed: int, target: TargetModel) -> Scene:
    """Set the scene up so that both cameras see the coil's plate when it lies on the target."""
    rng = np.random.default_rng([seed, 1])
    mri_from_target = target.mri_from_target.transform()
    mri_from_cameras = _mri_from_cameras(
        aim=np.array([-40.0, 30.0, 92.0]), distance=688.0, azimuth=4.0, elevation=22.0, baseline=440
    )
    world_from_rest = mri_from_cameras[0].inv()
    eye_in_rest = mri_from_cameras[0].translation / 2 + mri_from_cameras[1].translation / 2
    rest_from_plate = _facing(mri_from_target.apply(PLATE_CENTRE_IN_COIL), eye_in_rest, PLATE_SKEW)
    plate_from_target = rest_from_plate.inv() * mri_from_target
    sleeve_centre = rest_from_plate.translation + 0.12 * (eye_in_rest - rest_from_plate.translation)
    rest_from_sleeve = _facing(
        sleeve_centre, eye_in_rest, Rotation.from_rotvec([0, 0, -28], degrees=True)
    )
    lenses = (
        (918.0, 921.0, 648.0, 352.0, [-0.083, 0.061, 0.0011, -0.0008, 0.0]),
        (926.0, 924.5, 631.0, 366.0, [0.094, -0.102, -0.0007, 0.0013, 0.0]),
    )
    cameras = tuple(
        Camera(
            name=name,
            width=WIDTH,
            height=HEIGHT,
            matrix=np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]),
            distortion=np.array(distortion),
            camera_from_world=mri_from_camera.inv() * mri_from_cameras[0],
        )
        for name, mri_from_camera, (fx, fy, cx, cy, distortion) in zip(
            ("left", "right"), mri_from_cameras, lenses, strict=True
        )
    )
    return Scene(
        seed=seed,
        cameras=cameras,
        head=bent_plate("head", 0),
        coil_body=bent_plate("coil_body", 6),
        world_from_rest=world_from_rest,
        target=target,
        mri_from_target=mri_from_target,
        coil_body_from_coil=plate_from_target,
        world_from_hiding_sleeve=world_from_rest * rest_from_sleeve,
        sway=head_sway(rng, MRI_FROM_HEAD.translation),
        guidance=coil_motion(rng),
    )


def _mri_from_cameras(
    *, aim: FloatArray, distance: float, azimuth: float, elevation: float, baseline: float
) -> tuple[RigidTransform, RigidTransform]:
    """Stand two cameras before the patient, toed in on `aim`, rolled a little as tripods are."""
    turn, rise = np.deg2rad([azimuth, elevation])
    out = np.array([-np.sin(turn) * np.cos(rise), np.cos(turn) * np.cos(rise), np.sin(rise)])
    right = np.array([-np.cos(turn), -np.sin(turn), 0.0])
    left_eye, right_eye = (
        _facing(
            aim,
            aim + distance * out + side * baseline / 2 * right,
            Rotation.from_rotvec([0.0, 0.0, roll], degrees=True),
        )
        for side, roll in ((-1.0, 1.2), (1.0, -0.7))
    )
    eyes = (
        aim + distance * out - baseline / 2 * right,
        aim + distance * out + baseline / 2 * right,
    )
    return (
        RigidTransform.from_components(eyes[0], left_eye.rotation),
        RigidTransform.from_components(eyes[1], right_eye.rotation),
    )


def _facing(centre: FloatArray, eye: FloatArray, skew: Rotation) -> RigidTransform:
    """Pose at `centre` whose -z looks at `eye` with y down (towards -z of ``mri``), then skewed."""
    z = (centre - eye) / np.linalg.norm(centre - eye)
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    upright = Rotation.from_matrix(np.column_stack([x, np.cross(z, x), z]))
    return RigidTransform.from_components(centre, upright * skew)


def _camera_model(camera: Camera) -> CameraModel:
    return CameraModel.model_validate(
        {
            "name": camera.name,
            "video": f"{camera.name}.mp4",
            "times": f"{camera.name}.csv",
            "width": camera.width,
            "height": camera.height,
            "matrix": camera.matrix.tolist(),
            "distortion": camera.distortion.tolist(),
            "camera_from_world": TransformModel.of(camera.camera_from_world),
        }
    )
