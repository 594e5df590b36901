"""The rig: everything that runs behind the window, and works the same without one.

In: a head, a feed (or cameras), a session file. Out: live navigation, a stimulator in its own
process, a record of all that happens. The rig joins the rooms; what each does, it does itself.

Threads: the tracker's thread brings poses, the stimulator client's thread brings the word of the
stimulator's process, the recorder's thread says what is on the disk. Each hands over immutable
values; the window reads the newest ones when it draws.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scipy.spatial.transform import RigidTransform

from app.live.camera_watch import CameraWatch
from app.live.feed_recording import FeedRecording
from app.live.live_cameras import LiveCameras
from app.live.room import Room
from app.navigate.guidance import Tolerance
from app.navigate.navigation import COIL_BODY, HEAD, HeadSurfaces, Navigation, Setup
from app.navigate.navigator import Navigator
from app.navigate.pulse_poses import PulsePose, PulsePoses
from app.navigate.window_facts import window_facts
from app.plan.target import Target
from app.session import events
from app.session.errors import SessionError
from app.session.pulse_log import PulseLog, PulseRow
from app.session.pulse_poses import guidance_errors, pulse_pose_event
from app.session.recorder import SessionRecorder
from app.session.store import NewEvent, SessionWriter
from app.session.transforms import rigid_pose
from app.stimulate.client import ClientEvent, ProcessEnded, StimulatorClient
from app.stimulate.messages import ErrorEvent, PulseEvent
from app.stimulate.permission import Permit, permits
from app.stimulate.readings import StimulatorReading, stimulator_reading
from app.subject.distance import SurfaceDistance
from app.subject.head import Head
from render.coil_model import CoilModel
from tracking.bodies import MarkerBody
from tracking.cameras import Camera
from tracking.dense_stage import Dense
from tracking.feed_description import BodyModel, FeedDescription, TargetModel, TransformModel
from tracking.feed_recorder import feed_of
from tracking.frames import FrameSource, FrameSourceError
from tracking.igtl.opening import igtl_pipeline
from tracking.pipeline import PipelineCounters, TrackingPipeline
from tracking.pose_source import PosePipeline
from tracking.tracker import Tracker
from tracking.turns import Turns

NOT_REGISTERED = "NOT REGISTERED: the nominal place of the head's markers"
"""How a registration that is none is recorded."""
REFUSAL_SHOWN_NS = 6_000_000_000
"""How long the refusal of a wish stays on screen."""


@dataclass(frozen=True, slots=True)
class OtherTracker:
    """Another tracker that sends poses by OpenIGTLink.

    Attributes
    ----------
    address
        Of its server: ``HOST`` or ``HOST:PORT``.
    names
        Name of the transform -> name of our body.
    """

    address: str
    names: Mapping[str, str]


class RigError(Exception):
    """The rig cannot be set up; the message says what is missing and what to do."""


@dataclass(frozen=True, eq=False)
class Equipment:
    """What the rig is made of.

    Attributes
    ----------
    head
        Surfaces, landmarks and targets in ``mri``.
    coil
        Shape of the coil, to be drawn.
    cameras, bodies
        Calibrated cameras and marker bodies; head and coil body must be among the bodies.
    sources
        One source of frames for each camera.
    lossless
        Frames wait for the tracker, as in a replay at full speed; a live camera does not.
    mri_from_head, coil_body_from_coil
        Registration and coil calibration.
    target
        The first target; None to start without one.
    mode
        What is not real, in words; always on screen.
    registered
        Whether `mri_from_head` was measured. If not, no navigated pulse is permitted.
    origin
        Where registration and calibration come from, for the record.
    room
        The room whose live cameras these are; None for a recording or another tracker.
    other_tracker
        Where poses come from instead of cameras; then `cameras`, `bodies` and `sources` are empty.
    """

    head: Head
    coil: CoilModel
    cameras: Sequence[Camera]
    bodies: Sequence[MarkerBody]
    sources: Sequence[FrameSource]
    lossless: bool
    mri_from_head: RigidTransform
    coil_body_from_coil: RigidTransform
    target: Target | None
    mode: str
    registered: bool = True
    origin: str = "from the feed"
    room: Room | None = None
    other_tracker: OtherTracker | None = None

    @property
    def body_names(self) -> tuple[str, ...]:
        """Names of the bodies that are tracked, each once."""
        if self.other_tracker is not None:
            return tuple(dict.fromkeys(self.other_tracker.names.values()))
        return tuple(body.name for body in self.bodies)


class Rig:
    """Cameras, tracker, navigator, stimulator and record, joined.

    Parameters
    ----------
    equipment
        What it is made of. The sources belong to the rig from here on.
    session
        The new session file; the recorder takes it over.
    stimulator_arguments
        Further arguments of the stimulator's process.

    Raises
    ------
    RigError
        If head or coil body is not among the bodies.
    """

    def __init__(
        self,
        equipment: Equipment,
        session: SessionWriter,
        *,
        stimulator_arguments: Sequence[str] = (),
    ) -> None:
        for needed in (HEAD, COIL_BODY):
            if needed not in equipment.body_names:
                raise RigError(
                    f"There is no marker body '{needed}', so the coil cannot be navigated. "
                    "Add it to the feed's or the site's bodies."
                )
        self.equipment = equipment
        self.start_ns = time.monotonic_ns()
        self.cameras = LiveCameras(equipment.sources)
        self.feed_recording = FeedRecording(self.cameras, self._describe_feed, session.path)
        self.pulse_log = PulseLog()
        self.turns = Turns()
        self._session_path = session.path
        self._closed = False
        self._faults: tuple[str, ...] = ()
        self._faults_lock = threading.Lock()
        self._refusal = ("", 0)
        self._process_ended: str | None = None
        self._poses_at_pulses: dict[str, PulsePose] = {}
        self._recorder = SessionRecorder(
            session, on_recorded=self._on_recorded, on_failure=self._on_recording_failed
        )
        surfaces = HeadSurfaces(
            SurfaceDistance(equipment.head.scalp), SurfaceDistance(equipment.head.cortex)
        )
        setup = Setup(
            mri_from_head=equipment.mri_from_head,
            coil_body_from_coil=equipment.coil_body_from_coil,
            target=equipment.target,
            tolerance=Tolerance(),
        )
        self.navigator = Navigator(setup, surfaces, self._on_navigation)
        self._pipeline = self._make_pipeline()
        self._camera_watch = (
            None
            if equipment.room is None
            else CameraWatch(self.cameras, equipment.room, lambda: self.navigator.newest_frames)
        )
        self._pulse_poses = PulsePoses(
            self._pipeline.histories[HEAD],
            self._pipeline.histories[COIL_BODY],
            surfaces,
            self._on_pulse_pose,
        )
        self.stimulator = StimulatorClient(self._on_stimulator, stimulator_arguments)
        self._record_setup(setup)

    @property
    def mode(self) -> str:
        """What is not real, in words."""
        return self.equipment.mode

    @property
    def session_path(self) -> Path:
        """The session file."""
        return self._session_path

    @property
    def bodies(self) -> tuple[str, ...]:
        """Names of the tracked bodies."""
        return self.equipment.body_names

    @property
    def body_of_tag(self) -> dict[int, str]:
        """Tag id -> the body that carries it."""
        return {tag: body.name for body in self.equipment.bodies for tag in body.corners}

    @property
    def finished(self) -> bool:
        """Whether every source has ended."""
        return self._pipeline.finished

    @property
    def counters(self) -> PipelineCounters:
        """Frames captured, processed and dropped."""
        return self._pipeline.counters

    def start(self) -> None:
        """Begin to track, and let the stimulator's process write to the session."""
        self.stimulator.open_session(self._session_path)
        self._pipeline.start()
        if self._camera_watch is not None:
            self._camera_watch.start()

    def close(self) -> None:
        """Disarm, end all threads and processes, close the session. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self.stimulator.close()
        if self._camera_watch is not None:
            self._camera_watch.close()
        self._pipeline.stop()
        self.feed_recording.close()
        with suppress(SessionError):
            self._recorder.record(events.SESSION_CLOSED, events.SessionClosed(reason="").body())
        self._recorder.close()

    def choose_target(self, target: Target) -> None:
        """Steer to `target` and record that."""
        self._record_target(target)
        self.navigator.choose_target(target)

    def set_tolerance(self, tolerance: Tolerance) -> None:
        """Count hits by `tolerance` and record that."""
        self._record_tolerance(tolerance)
        self.navigator.set_tolerance(tolerance)

    def renew_operator_lease(self) -> None:
        """Say that the window answers. For its event loop only."""
        self.stimulator.operator_lease()

    def stop_stimulation(self) -> None:
        """Stop pulses and disarm, from any state."""
        self.stimulator.stop()

    def stimulator_reading(self, now_ns: int) -> StimulatorReading:
        """Give the stimulator's standing and whether a pulse may be sent, in words."""
        state = self.stimulator.last_state
        return stimulator_reading(state, self.permits(now_ns))

    def permits(self, now_ns: int) -> list[Permit]:
        """List all conditions of a pulse, first the one to see to first."""
        facts = window_facts(
            self.navigator.newest,
            self.navigator.setup.target,
            registered=self.equipment.registered,
            recording=self._recorder.failure is None,
            process_ended=self._process_ended,
            now_ns=now_ns,
        )
        return permits(facts, self.stimulator.last_state, now_ns)

    def about(self) -> str:
        """Give what the About box says beside the program's name."""
        return (
            f"Head: {self.equipment.head.name}\n"
            f"Coil: {self.equipment.coil.name}\n"
            f"Session: {self._session_path}\n\n"
            "A fit's residual is not an accuracy. Targets are unverified unless they say otherwise."
        )

    def recording(self) -> tuple[str, bool]:
        """Say where the session is recorded, and whether recording has failed."""
        failure = self._recorder.failure
        if failure is not None:
            return f"NOT RECORDED: {failure}", True
        return f"Recording to {self._session_path.name}", False

    def fault(self, now_ns: int) -> str:
        """Say what is wrong: the newest lasting fault, cameras gone or changed, or a refusal."""
        lasting = self._faults[-1] if self._faults else self._tracking_fault()
        if lasting:
            return lasting
        sentence, time_ns = self._refusal
        return sentence if now_ns - time_ns < REFUSAL_SHOWN_NS else ""

    def _tracking_fault(self) -> str:
        other = self._pipeline.fault if isinstance(self._pipeline, PosePipeline) else None
        watched = "" if self._camera_watch is None else self._camera_watch.fault()
        return other or self.cameras.fault() or watched

    def _make_pipeline(self) -> TrackingPipeline | PosePipeline:
        equipment = self.equipment
        if equipment.other_tracker is not None:
            return igtl_pipeline(
                equipment.other_tracker.address,
                self.navigator.on_tracked,
                on_error=self._on_source_failed,
                names=equipment.other_tracker.names,
                turns=self.turns,
            )
        return TrackingPipeline(
            self.cameras.sources,
            Tracker(equipment.cameras, equipment.bodies, dense=Dense.NEVER),
            self.navigator.on_tracked,
            on_error=self._on_source_failed,
            lossless=equipment.lossless,
            turns=self.turns,
        )

    def _describe_feed(self, name: str) -> FeedDescription:
        equipment, target = self.equipment, self.navigator.setup.target
        place = TransformModel.of(equipment.mri_from_head) if equipment.registered else None
        return feed_of(
            name,
            equipment.cameras,
            bodies=[BodyModel.of(body) for body in equipment.bodies],
            mri_from_head=place,
            coil_body_from_coil=TransformModel.of(equipment.coil_body_from_coil),
            target=None
            if target is None
            else TargetModel(
                name=target.name, mri_from_target=TransformModel.of(target.mri_from_target)
            ),
        )

    def _record_setup(self, setup: Setup) -> None:
        self._recorder.record(
            events.REGISTRATION,
            events.Registration(
                mri_from_head=rigid_pose(setup.mri_from_head),
                method=self.equipment.origin if self.equipment.registered else NOT_REGISTERED,
            ).body(),
        )
        self._recorder.record(
            events.CALIBRATION,
            events.Calibration(
                coil_body_from_coil=rigid_pose(setup.coil_body_from_coil),
                method=self.equipment.origin,
                coil=self.equipment.coil.name,
            ).body(),
        )
        if setup.target is not None:
            self._record_target(setup.target)
        self._record_tolerance(setup.tolerance)

    def _record_target(self, target: Target) -> None:
        x, y, z = (float(v) for v in target.cortex_point)
        self._recorder.record(
            events.TARGET_CHOSEN,
            events.TargetChosen(
                target_id=target.id,
                name=target.name,
                mri_from_target=rigid_pose(target.mri_from_target),
                cortex_point=(x, y, z),
                version=target.version,
            ).body(),
        )

    def _record_tolerance(self, tolerance: Tolerance) -> None:
        self._recorder.record(
            events.TOLERANCE_CHANGED,
            events.ToleranceChanged(
                position=tolerance.position, tilt=tolerance.tilt, twist=tolerance.twist
            ).body(),
        )

    def _on_navigation(self, navigation: Navigation) -> None:
        """On the tracker's thread, with every set of images."""
        # Where the head is not known, nothing is on target, however well it is tracked.
        if navigation.tracked and self.equipment.registered:
            self._renew_pose_lease(navigation)
        self._recorder.record_poses(navigation.poses.values())
        self._pulse_poses.resolve(time.monotonic_ns())

    def _renew_pose_lease(self, navigation: Navigation) -> None:
        target = navigation.setup.target
        guidance = navigation.guidance
        self.stimulator.pose_lease(
            navigation.time_ns,
            navigation.on_target,
            None if target is None else target.id,
            {} if guidance is None else guidance_errors(guidance, navigation.scalp_distance),
        )

    def _on_stimulator(self, event: ClientEvent) -> None:
        """On the stimulator client's thread, with every word of the process."""
        if isinstance(event, PulseEvent):
            self._enter_pulse(event)
        elif isinstance(event, ErrorEvent):
            self._refusal = (event.sentence, time.monotonic_ns())
        elif isinstance(event, ProcessEnded) and not event.expected:
            self._process_ended = event.sentence
            self._add_fault(event.sentence)

    def _enter_pulse(self, event: PulseEvent) -> None:
        self.pulse_log.add(
            PulseRow(
                pulse_id=event.pulse_id,
                number=0,
                time_ns=event.time_ns,
                source=event.source,
                intensity=event.intensity,
                navigated=event.navigated,
                outcome=event.outcome,
                reason=event.reason or "",
                recorded=event.recorded,
            )
        )
        if event.outcome != "refused":
            setup = self.navigator.setup
            if not self.equipment.registered:
                # Neither hit nor miss: nobody knows.
                setup = replace(setup, target=None)
            self._pulse_poses.add(event.pulse_id, event.time_ns, setup)

    def _on_pulse_pose(self, pose: PulsePose) -> None:
        """On the tracker's thread: record it; it is shown once it is on the disk."""
        self._poses_at_pulses[pose.pulse_id] = pose
        with suppress(SessionError):
            self._recorder.record(events.PULSE_POSE, pulse_pose_event(pose).body())

    def _on_recorded(self, _seq: int, event: NewEvent) -> None:
        """On the recorder's thread, for each event that is on the disk."""
        if event.kind == events.PULSE_POSE:
            pulse_id = json.loads(event.body)["pulse_id"]
            self.pulse_log.complete(self._poses_at_pulses.pop(pulse_id))

    def _on_recording_failed(self, error: SessionError) -> None:
        # What cannot be recorded must not be sent.
        self.stimulator.stop()
        self._add_fault(str(error))

    def _on_source_failed(self, error: FrameSourceError) -> None:
        self._add_fault(str(error))

    def _add_fault(self, sentence: str) -> None:
        with self._faults_lock:
            self._faults = (*self._faults, sentence)
