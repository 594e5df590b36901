"""What the navigation panels say: words, numbers and colours for one moment.

In: a :class:`Navigation` and the present time. Out: plain text ready to show. A pose older than
its limit gives dashes and the word LOST, never its last numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.navigate.guidance import Tolerance
from app.navigate.navigation import Navigation
from render import palette
from render.bullseye import Bullseye, bullseye
from render.deviation import Deviation
from render.deviation import Tolerance as DrawnTolerance
from render.guidance_state import GuidanceState
from tracking.poses import POSE_LIMIT_NS, BodyPose, PoseQuality, TrackingState

NO_NUMBER = "–"
BODY_NAMES = {"head": "Head", "coil_body": "Coil", "pointer": "Pointer"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One large number.

    Attributes
    ----------
    value
        The number, or a dash.
    colour
        Of the number.
    mark
        A word that says the same as the colour: ``ok``, ``over`` or nothing.
    """

    value: str
    colour: str
    mark: str


@dataclass(frozen=True, slots=True)
class GuidanceReadings:
    """The numbers of the guidance panel, by their names there."""

    distance_to_target: Reading
    target_error: Reading
    angular_error: Reading
    twist_error: Reading
    scalp_distance: Reading
    cortex_distance: Reading


def guidance_readings(navigation: Navigation | None, now_ns: int) -> GuidanceReadings:
    """Give the numbers to show at `now_ns`."""
    blank = Reading(NO_NUMBER, palette.MUTED, "")
    if navigation is None or not navigation.fresh(now_ns):
        return GuidanceReadings(blank, blank, blank, blank, blank, blank)
    scalp = _plain(navigation.scalp_distance, "mm")
    cortex = _plain(navigation.cortex_distance, "mm")
    guidance = navigation.guidance
    if guidance is None:
        return GuidanceReadings(blank, blank, blank, blank, scalp, cortex)
    tolerance = navigation.setup.tolerance
    return GuidanceReadings(
        distance_to_target=_judged(guidance.distance_to_target, tolerance.position, "mm"),
        target_error=_plain(guidance.target_error, "mm"),
        angular_error=_judged(guidance.angular_error, tolerance.tilt, "°"),
        twist_error=_judged(guidance.twist_error, tolerance.twist, "°"),
        scalp_distance=scalp,
        cortex_distance=cortex,
    )


@dataclass(frozen=True, slots=True)
class BodyReading:
    """One line about one tracked body.

    Attributes
    ----------
    symbol
        A shape for each state, so that the state does not hang on colour.
    name, state, detail
        Who, the state in capitals, and what it rests on.
    colour
        Of symbol and state.
    """

    symbol: str
    name: str
    state: str
    detail: str
    colour: str


_STATES = {
    TrackingState.TRACKED: ("●", palette.GREEN),
    TrackingState.PREDICTED: ("◐", palette.YELLOW),
    TrackingState.AMBIGUOUS: ("▲", palette.ORANGE),
    TrackingState.LOST: ("✕", palette.VERMILION),
}


def body_reading(
    name: str, pose: BodyPose | None, seen: BodyPose | None, now_ns: int
) -> BodyReading:
    """Say how a body is tracked at `now_ns`; a pose past its limit is lost, whatever it says.

    Parameters
    ----------
    name
        The body's frame.
    pose
        The tracker's newest word on it.
    seen
        The last pose that was really seen; None if it never was.
    now_ns
        The present, ``time.monotonic_ns()``.
    """
    state = TrackingState.LOST if pose is None else pose.state
    if seen is None or (state is not TrackingState.AMBIGUOUS and _too_old(seen, now_ns)):
        state = TrackingState.LOST
    details = ["not seen yet" if seen is None else f"{_age(now_ns - seen.time_ns)} ago"]
    if pose is not None and pose.quality is not None and state is not TrackingState.LOST:
        details += _quality(pose.quality)
    symbol, colour = _STATES[state]
    return BodyReading(
        symbol, BODY_NAMES.get(name, name), state.value.upper(), " · ".join(details), colour
    )


def bullseye_reading(navigation: Navigation | None, now_ns: int, last: Bullseye | None) -> Bullseye:
    """Give the bullseye to draw at `now_ns`; an empty one that says LOST without a fresh pose.

    `last` is the one that was drawn before: its hint is kept while it is still good, so that the
    words do not flicker.
    """
    state = GuidanceState.LOST if navigation is None else navigation.state(now_ns)
    tolerance = Tolerance() if navigation is None else navigation.setup.tolerance
    guidance = None if navigation is None or state is GuidanceState.LOST else navigation.guidance
    deviation = None
    if navigation is not None and guidance is not None:
        deviation = Deviation(
            offset_x=guidance.offset_x,
            offset_y=guidance.offset_y,
            tilt_x=guidance.tilt_x,
            tilt_y=guidance.tilt_y,
            twist=guidance.twist_error,
            scalp_gap=navigation.scalp_distance,
            offset_z=guidance.offset_z,
        )
    drawn = DrawnTolerance(tolerance.position, tolerance.tilt, tolerance.twist)
    return bullseye(deviation, drawn, state, None if last is None else last.hint.kind)


def _quality(quality: PoseQuality) -> list[str]:
    if not quality.known:
        return ["quality unknown"]
    return [f"{quality.corners} corners", f"{quality.rms_px:.2f} px"]


def _too_old(seen: BodyPose, now_ns: int) -> bool:
    return now_ns - seen.time_ns > POSE_LIMIT_NS


def _age(age_ns: int) -> str:
    # The pose may have come in after the clock was read.
    age_ns = max(age_ns, 0)
    return f"{age_ns / 1e6:.0f} ms" if age_ns < 1_000_000_000 else f"{age_ns / 1e9:.0f} s"


def _judged(value: float, limit: float, unit: str) -> Reading:
    if abs(value) <= limit:
        return Reading(_number(value, unit), palette.GREEN, "✓")
    return Reading(_number(value, unit), palette.ORANGE, f"› {limit:g}")


def _plain(value: float | None, unit: str) -> Reading:
    if value is None:
        return Reading(NO_NUMBER, palette.MUTED, "")
    return Reading(_number(value, unit), palette.TEXT, "")


def _number(value: float, unit: str) -> str:
    # Minus zero would look like a direction.
    rounded = round(value, 1) + 0.0
    return f"{rounded:.1f}°" if unit == "°" else f"{rounded:.1f} {unit}"
