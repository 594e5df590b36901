"""What is said of our poses over OpenIGTLink: transforms of what is tracked, statuses in words.

In: the tracker's word on each body at one instant. Out: messages. ``HeadToTracker`` is the head in
``world``, ``CoilToHead`` and ``PointerToHead`` are coil and pointer in the head's frame, mm. A
transform is only sent of bodies that were seen in that instant; what is predicted, ambiguous or
lost is a STATUS that is not well, never an old transform.
"""

from __future__ import annotations

from collections.abc import Mapping

from scipy.spatial.transform import RigidTransform

from tracking.igtl.contents import Status, StatusCode, Transform
from tracking.igtl.messages import Message
from tracking.poses import BodyPose, TrackingState
from tracking.rigid import difference

HEAD, COIL_BODY, POINTER = "head", "coil_body", "pointer"
HEAD_TO_TRACKER, COIL_TO_HEAD, POINTER_TO_HEAD = "HeadToTracker", "CoilToHead", "PointerToHead"
STATUS_EVERY_NS = 1_000_000_000
"""Statuses are repeated so often, for peers that come late."""

_RELATIVE = {COIL_TO_HEAD: COIL_BODY, POINTER_TO_HEAD: POINTER}
_CODES = {
    TrackingState.TRACKED: StatusCode.OK,
    TrackingState.PREDICTED: StatusCode.NOT_READY,
    TrackingState.AMBIGUOUS: StatusCode.NOT_READY,
    TrackingState.LOST: StatusCode.NOT_FOUND,
}
_WORDS = {
    TrackingState.TRACKED: "seen",
    TrackingState.PREDICTED: "hidden for the moment",
    TrackingState.AMBIGUOUS: "ambiguous: turn it so that more of its markers are seen",
    TrackingState.LOST: "lost: show its markers to a camera",
}


class Outgoing:
    """Makes messages of poses and remembers which statuses were told. For one thread.

    Parameters
    ----------
    coil_body_from_coil
        The coil calibration: ``CoilToHead`` is then of the coil itself (SimNIBS' axes), else of
        the marker body on it.
    """

    def __init__(self, coil_body_from_coil: RigidTransform | None = None) -> None:
        self._coil_body_from_coil = coil_body_from_coil
        self._told: dict[str, tuple[TrackingState, str]] = {}
        self._told_ns = 0

    def messages(
        self, poses: Mapping[str, BodyPose], time_ns: int, utc_from_time_ns: int
    ) -> list[Message]:
        """Give what is to be sent of one instant.

        Parameters
        ----------
        poses
            The tracker's word on each body.
        time_ns
            The instant, in the clock of the poses.
        utc_from_time_ns
            What makes that clock UTC when added to it.
        """
        repeat = abs(time_ns - self._told_ns) >= STATUS_EVERY_NS
        if repeat:
            self._told_ns = time_ns
        messages = []
        for name in (HEAD_TO_TRACKER, *_RELATIVE):
            state, who = _standing(name, poses)
            if state is None:
                continue
            if repeat or self._told.get(name) != (state, who):
                self._told[name] = (state, who)
                status = Status(
                    _CODES[state], name=state.value.upper(), text=f"{who} is {_WORDS[state]}"
                )
                messages.append(Message(name, status, time_ns + utc_from_time_ns))
            if state is TrackingState.TRACKED:
                messages.append(self._transform(name, poses, utc_from_time_ns))
        return messages

    def _transform(
        self, name: str, poses: Mapping[str, BodyPose], utc_from_time_ns: int
    ) -> Message:
        head = poses[HEAD]
        body = head if name == HEAD_TO_TRACKER else poses[_RELATIVE[name]]
        if head.world_from_body is None or body.world_from_body is None:
            raise ValueError("A tracked pose must have a transform.")
        if body is head:
            transform = head.world_from_body
        else:
            transform = difference(head.world_from_body, body.world_from_body)
        if name == COIL_TO_HEAD and self._coil_body_from_coil is not None:
            transform = transform * self._coil_body_from_coil
        oldest_ns = min(head.time_ns, body.time_ns)
        return Message(name, Transform(transform.as_matrix()), oldest_ns + utc_from_time_ns)


def _standing(
    name: str, poses: Mapping[str, BodyPose]
) -> tuple[TrackingState, str] | tuple[None, str]:
    """State of a transform and the body that it hangs on; None without such a body."""
    body = poses.get(_RELATIVE.get(name, HEAD))
    if body is None:
        return None, ""
    head = poses.get(HEAD)
    if head is None:
        return TrackingState.LOST, HEAD
    if head.state is not TrackingState.TRACKED:
        return head.state, HEAD
    return body.state, body.body
