"""How far the recorded poses at the pulses are from the feed's truth.

In: pulses with their poses, the playback that they happened on. Out: errors of the coil's focal
point and rotation on the head. Only a feed with a truth can be judged by this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.navigate.navigation import COIL_BODY, HEAD, coil_on_head
from app.navigate.pulse_poses import PulsePose
from tracking.playback import Playback
from tracking.truth import PointError, Truth


def pulse_errors(poses: Sequence[PulsePose], truth: Truth, playback: Playback) -> list[PointError]:
    """Give the error of each pose that was found; those without a pose are left out.

    Parameters
    ----------
    poses
        Poses at pulses, with ``time.monotonic_ns()`` times.
    truth
        True poses over the feed's own time.
    playback
        Translates the one time into the other.
    """
    errors = []
    for pose in poses:
        if pose.mri_from_coil is None:
            continue
        feed_ns = playback.feed_time_ns(pose.time_ns)
        true = coil_on_head(pose.setup, truth[HEAD].at(feed_ns), truth[COIL_BODY].at(feed_ns))
        between = true.inv() * pose.mri_from_coil
        errors.append(
            PointError(
                distance_mm=float(np.linalg.norm(between.translation)),
                angle_deg=float(np.rad2deg(between.rotation.magnitude())),
            )
        )
    return errors
