"""A calibrated camera: pinhole with OpenCV's distortion, and where it stands in ``world``.

In: intrinsics, distortion, extrinsics. Out: pixels from points, viewing rays from pixels.
Pixel coordinates are OpenCV's: (0, 0) is the centre of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Camera:
    """One camera's intrinsics, distortion and extrinsics.

    Attributes
    ----------
    name
        What the operator calls it, unique within a set of cameras.
    width, height
        Image size in pixels for which the intrinsics hold.
    matrix
        (3, 3) intrinsic matrix, pixels.
    distortion
        (4,), (5,) or (8,) OpenCV distortion coefficients k1 k2 p1 p2 [k3 [k4 k5 k6]].
    camera_from_world
        Extrinsics, mm.
    """

    name: str
    width: int
    height: int
    matrix: FloatArray
    distortion: FloatArray
    camera_from_world: RigidTransform

    def project(self, points_camera: FloatArray) -> FloatArray:
        """Pixels (N, 2) of points (N, 3) given in this camera's frame, mm."""
        pixels, _ = cv2.projectPoints(
            np.ascontiguousarray(points_camera, dtype=np.float64).reshape(-1, 1, 3),
            np.zeros(3),
            np.zeros(3),
            self.matrix,
            self.distortion,
        )
        return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)

    def project_world(self, points_world: FloatArray) -> FloatArray:
        """Pixels (N, 2) of points (N, 3) given in ``world``, mm."""
        return self.project(self.camera_from_world.apply(points_world))

    def undistort(self, pixels: FloatArray) -> FloatArray:
        """Normalised image coordinates (N, 2), on the plane z = 1, of pixels (N, 2)."""
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 1e-9)
        points = np.ascontiguousarray(pixels, dtype=np.float64).reshape(-1, 1, 2)
        rays = cv2.undistortPoints(
            points, self.matrix, self.distortion, R=None, P=None, criteria=criteria
        )
        return np.asarray(rays, dtype=np.float64).reshape(-1, 2)
