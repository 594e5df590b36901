"""Pulse poses and guidance numbers in the words of the session file."""

from __future__ import annotations

from app.navigate.guidance import Guidance
from app.navigate.pulse_poses import PulsePose
from app.session import events
from app.session.transforms import rigid_pose
from tracking.poses import TrackingState


def guidance_errors(guidance: Guidance, scalp_distance: float | None) -> dict[str, float]:
    """Give the numbers that are recorded of a comparison with the target, by name."""
    errors = {
        "distance_to_target": guidance.distance_to_target,
        "target_error": guidance.target_error,
        "angular_error": guidance.angular_error,
        "twist_error": guidance.twist_error,
    }
    return errors if scalp_distance is None else {**errors, "scalp_distance": scalp_distance}


def pulse_pose_event(pose: PulsePose) -> events.PulsePose:
    """Describe `pose` for the session file."""
    found = pose.mri_from_coil is not None
    return events.PulsePose(
        pulse_id=pose.pulse_id,
        time_ns=pose.time_ns,
        state=TrackingState.TRACKED.value if found else TrackingState.LOST.value,
        mri_from_coil=None if pose.mri_from_coil is None else rigid_pose(pose.mri_from_coil),
        reason=pose.reason or None,
        age_ms=None if pose.age_ns is None else pose.age_ns / 1e6,
        rms_px=pose.rms_px,
        sigma_mm=pose.sigma_mm,
        sigma_deg=pose.sigma_deg,
        errors=None
        if pose.guidance is None
        else events.GuidanceErrors.model_validate(
            guidance_errors(pose.guidance, pose.scalp_distance)
        ),
        hit=pose.hit,
    )
