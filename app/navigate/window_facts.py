"""What navigation knows of whether a pulse may be sent, in sentences.

In: the newest navigation and the time. Out: the :class:`~app.stimulate.permission.WindowFacts`
from which the list of permits is made.
"""

from __future__ import annotations

from app.navigate.navigation import COIL_BODY, HEAD, Navigation
from app.plan.target import Target
from app.stimulate.leases import POSE_LEASE_NS
from app.stimulate.permission import WindowFacts
from tracking.poses import TrackingState


def window_facts(
    navigation: Navigation | None,
    target: Target | None,
    *,
    recording: bool,
    registered: bool = True,
    process_ended: str | None,
    now_ns: int,
) -> WindowFacts:
    """Gather the facts at `now_ns`.

    Parameters
    ----------
    navigation
        The newest; None before the first images.
    target
        The chosen target, if any.
    recording
        Whether the session file takes records.
    registered
        Whether it was measured where the head is.
    process_ended
        Sentence about the end of the stimulator's process, if it has ended.
    now_ns
        ``time.monotonic_ns()``.
    """
    guidance = None if navigation is None else navigation.guidance
    out: tuple[str, ...] = ()
    if navigation is not None and guidance is not None:
        out = guidance.exceeded(navigation.setup.tolerance)
    return WindowFacts(
        session_open=recording,
        registered=registered,
        target_name=None if target is None else target.name,
        head_missing=_missing(navigation, HEAD, "The head", now_ns),
        coil_missing=_missing(navigation, COIL_BODY, "The coil", now_ns),
        out_of_tolerance=out,
        process_ended=process_ended,
    )


def _missing(navigation: Navigation | None, body: str, name: str, now_ns: int) -> str | None:
    pose = None if navigation is None else navigation.poses.get(body)
    if pose is None:
        return f"{name} has not been seen yet: show its markers to a camera"
    if pose.state is TrackingState.AMBIGUOUS:
        return f"{name}'s pose is ambiguous: turn it so that more of its markers are seen"
    age_ns = now_ns - pose.time_ns
    if pose.state is TrackingState.LOST or age_ns > POSE_LEASE_NS:
        return f"{name} is LOST: show its markers to a camera"
    if pose.state is TrackingState.PREDICTED:
        return f"{name} is hidden: show its markers to a camera"
    return None
