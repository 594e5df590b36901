"""The main window: lays the panels out and shows them the newest state as soon as it is there.

In: a :class:`~app.rig.Rig`, which runs behind it. Out: what the operator sees; wishes go to the
rig at once. The operator's lease is renewed here, by the event loop itself: a window that hangs
renews nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.calibrate.entrance_panel import EntrancePanel
from app.identity import NAME, RESEARCH_USE, program_version
from app.live.recording_panel import RecordingPanel
from app.navigate.bullseye_panel import BullseyePanel
from app.navigate.camera_panel import CameraPanel
from app.navigate.guidance_panel import GuidancePanel
from app.navigate.latency import LatencyLog
from app.navigate.readings import body_reading, bullseye_reading, guidance_readings
from app.navigate.scene_panel import ScenePanel, SceneView
from app.navigate.tracking_panel import TrackingPanel
from app.plan.target_panel import TargetPanel
from app.rig import Rig
from app.session.pulse_log import PulseRow
from app.session.pulses_panel import PulsesPanel
from app.stimulate.stimulate_panel import StimulateActions, StimulatePanel
from app.widgets.theme import number_font, set_colour
from render import palette
from render.bullseye import Bullseye
from render.markers import Hit
from render.markers import Target as DrawnTarget
from render.scene import HeadScene
from render.views import ViewPreset

if TYPE_CHECKING:
    from app.calibrate.desk import RoomDesk

DRAW_INTERVAL_MS = 5
"""How often the window looks for a new pose. Looking costs next to nothing; a pose that has just
come in is not left lying until the next sixtieth of a second."""
PATIENCE_S = 0.03
"""How long the window lets the tracker finish a frame, which it then draws, before it goes on."""
LEASE_INTERVAL_MS = 100
"""A fifth of the operator's lease: a busy moment of the window does not end it."""
PICTURE_INTERVAL_NS = 66_000_000
"""Camera pictures and numbers are renewed 15 times a second, which is as fast as they are read."""
LIST_INTERVAL_NS = 250_000_000
"""The list of pulses is renewed four times a second, also while a train adds twenty."""
HITS_PAUSE_NS = 700_000_000
"""New hits are drawn on the head when the pulses pause: that draws the whole picture anew, which
would hold up the tracker, and with it the permission, in the middle of a train."""


class Window(QMainWindow):
    """Everything the operator needs, in one place that does not change."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self._rig = rig
        self.latency = LatencyLog()
        self._scene = HeadScene(
            rig.equipment.head.scalp, rig.equipment.head.cortex, rig.equipment.coil
        )
        self._pictures_ns = 0
        self._list_ns = 0
        self._hits_drawn: tuple[PulseRow, ...] = ()
        self._drawn_bullseye: Bullseye | None = None
        self.setWindowTitle(f"{NAME} – {rig.mode} – {RESEARCH_USE}")
        self._scene_panel = ScenePanel(self._scene, self.latency)
        self._bullseye = BullseyePanel()
        self._guidance = GuidancePanel()
        self._tracking = TrackingPanel(rig.bodies)
        self._cameras = {
            camera.name: CameraPanel(camera, rig.body_of_tag) for camera in rig.equipment.cameras
        }
        self._recording = RecordingPanel(rig.feed_recording.start, rig.feed_recording.stop)
        self._pulses = PulsesPanel(rig.start_ns)
        self._stimulate = StimulatePanel(_actions(rig))
        self._calibrate = EntrancePanel(self._desk)
        self._stop = QPushButton("STOP  (Esc)")
        self._build()
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self._escape.setContext(Qt.ShortcutContext.ApplicationShortcut)
        self._escape.activated.connect(rig.stop_stimulation)
        self._stop.pressed.connect(rig.stop_stimulation)
        rig.navigator.target_changed.connect(self._draw_target)
        self._draw_target()
        self._scene.set_view(ViewPreset.OVER_COIL)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(DRAW_INTERVAL_MS)
        self._lease_timer = QTimer(self)
        self._lease_timer.timeout.connect(rig.renew_operator_lease)
        self._lease_timer.start(LEASE_INTERVAL_MS)

    @property
    def scene_view(self) -> SceneView:
        """The 3-D picture."""
        return self._scene_panel.view

    @property
    def frames_drawn(self) -> int:
        """How many 3-D pictures were drawn so far."""
        return self._scene_panel.view.frames_drawn

    def refresh(self) -> None:
        """Show the newest state. Called by the timer."""
        with self._rig.turns.turn(PATIENCE_S):
            self._show_newest()

    def _show_newest(self) -> None:
        navigation = self._rig.navigator.newest
        now_ns = time.monotonic_ns()
        self._scene_panel.view.show_navigation(navigation, now_ns)
        if now_ns - self._pictures_ns < PICTURE_INTERVAL_NS:
            return
        self._pictures_ns = now_ns
        self._guidance.show_readings(guidance_readings(navigation, now_ns))
        self._drawn_bullseye = bullseye_reading(navigation, now_ns, self._drawn_bullseye)
        self._bullseye.show_bullseye(self._drawn_bullseye)
        self._show_cameras(now_ns)
        self._show_tracking(now_ns)
        stimulator = self._rig.stimulator_reading(now_ns)
        self._stimulate.show_reading(stimulator)
        self._calibrate.show_armed(stimulator.armed)
        self._show_fault(now_ns)
        if now_ns - self._list_ns > LIST_INTERVAL_NS:
            self._list_ns = now_ns
            self._show_pulses(now_ns)

    def _show_pulses(self, now_ns: int) -> None:
        rows = self._rig.pulse_log.rows
        self._pulses.show_rows(rows, self._rig.pulse_log.counts())
        sentence, failed = self._rig.recording()
        self._pulses.show_recording(sentence, failed=failed)
        if rows is not self._hits_drawn and now_ns - rows[-1].time_ns > HITS_PAUSE_NS:
            self._draw_hits(rows)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: D102
        self._timer.stop()
        self._lease_timer.stop()
        self._calibrate.close_wizard()
        self._rig.navigator.target_changed.disconnect(self._draw_target)
        self._rig.close()
        self._scene.close()
        super().closeEvent(event)

    def _show_tracking(self, now_ns: int) -> None:
        frames = self._rig.navigator.newest_frames
        navigation = self._rig.navigator.newest
        for body in self._rig.bodies:
            pose = None if navigation is None else navigation.poses.get(body)
            seen = self._rig.navigator.last_seen(body)
            self._tracking.show_body(body, body_reading(body, pose, seen, now_ns))
        if frames is None:
            return
        for camera, panel in self._cameras.items():
            frame = frames.frames.get(camera)
            if frame is not None:
                panel.show_frame(frame.image, frames.detections.get(camera, ()))

    def _show_cameras(self, now_ns: int) -> None:
        for camera, panel in self._cameras.items():
            panel.show_reading(self._rig.cameras.reading(camera, now_ns))
        self._recording.show_reading(self._rig.feed_recording.reading(now_ns))

    def _show_fault(self, now_ns: int) -> None:
        sentence = self._rig.fault(now_ns)
        if sentence != self._fault.text():
            self._fault.setText(sentence)
            self._fault.setVisible(bool(sentence))

    def _draw_target(self) -> None:
        target = self._rig.navigator.setup.target
        self._scene.set_target(
            None if target is None else DrawnTarget(target.mri_from_target, target.cortex_point)
        )
        self._scene_panel.view.invalidate()

    def _draw_hits(self, rows: tuple[PulseRow, ...]) -> None:
        self._hits_drawn = rows
        poses = [row.pose for row in rows if row.outcome == "fired" and row.pose is not None]
        self._scene.set_hits(
            [Hit(pose.cortex_point, pose.hit) for pose in poses if pose.cortex_point is not None]
        )
        self._scene_panel.view.invalidate()

    def _build(self) -> None:
        middle = QHBoxLayout()
        middle.setSpacing(8)
        middle.addWidget(self._left_column())
        middle.addWidget(self._scene_panel, 1)
        middle.addWidget(self._right_column())
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        bottom.addWidget(_titled("Stimulation", self._stimulate), 11)
        bottom.addWidget(_titled("Pulses", self._pulses), 9)
        self._fault = QLabel("")
        self._fault.setFont(number_font(15))
        self._fault.setWordWrap(True)
        self._fault.setAccessibleName("Fault")
        set_colour(self._fault, palette.VERMILION)
        self._fault.setVisible(False)
        self._accepted = QLabel("")
        self._accepted.setFont(number_font(15))
        self._accepted.setWordWrap(True)
        self._accepted.setAccessibleName("Accepted calibration")
        set_colour(self._accepted, palette.PURPLE)
        self._accepted.setVisible(False)
        layout = QVBoxLayout()
        layout.setContentsMargins(8, 6, 8, 8)
        layout.setSpacing(6)
        layout.addLayout(self._head_line())
        layout.addWidget(self._fault)
        layout.addWidget(self._accepted)
        if not self._rig.equipment.registered:
            layout.addWidget(_not_registered())
        layout.addLayout(middle, 1)
        layout.addLayout(bottom)
        centre = QWidget()
        centre.setLayout(layout)
        self.setCentralWidget(centre)
        self.resize(1280, 800)

    def _head_line(self) -> QHBoxLayout:
        mode = QLabel(self._rig.mode)
        mode.setFont(number_font(13))
        mode.setAccessibleName("Mode")
        # In two lines where there is no room for one: it is never cut off.
        mode.setWordWrap(True)
        mode.setMinimumWidth(230)
        set_colour(mode, palette.PURPLE)
        setup = self._rig.navigator.setup
        targets = TargetPanel(
            self._rig.equipment.head.targets,
            setup.target,
            setup.tolerance,
            self._rig.choose_target,
            self._rig.set_tolerance,
        )
        about = QPushButton("About")
        about.setObjectName("about")
        about.clicked.connect(self._about)
        self._stop.setObjectName("stop")
        self._stop.setAccessibleName("Stop stimulation")
        self._stop.setToolTip("Stop pulses and disarm at once (Esc)")
        self._stop.setMinimumSize(170, 48)
        self._stop.setFont(number_font(20))
        self._stop.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(mode, 1)
        line.addWidget(targets)
        line.addWidget(self._calibrate)
        line.addWidget(about)
        line.addWidget(self._stop)
        return line

    def _left_column(self) -> QWidget:
        column = QWidget()
        column.setFixedWidth(280)
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for panel in self._cameras.values():
            layout.addWidget(panel)
        layout.addWidget(_titled("Tracking", self._tracking))
        layout.addWidget(self._recording)
        layout.addStretch(1)
        return column

    def _right_column(self) -> QWidget:
        column = QWidget()
        column.setFixedWidth(350)
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._bullseye, 1)
        layout.addWidget(self._guidance)
        return column

    def _desk(self) -> RoomDesk:
        from app.calibrate.entrance import desk_beside

        return desk_beside(self._rig.cameras, self._rig.equipment.room, self._say_accepted)

    def _say_accepted(self, words: str) -> None:
        self._accepted.setText(words)
        self._accepted.setVisible(True)

    def _about(self) -> None:
        box = QMessageBox(self)
        box.setWindowTitle(f"About {NAME}")
        box.setText(f"<b>{NAME}</b> {program_version()}<br><br><b>{RESEARCH_USE}</b>")
        box.setInformativeText(self._rig.about())
        box.setStandardButtons(QMessageBox.StandardButton.Close)
        box.open()


def _actions(rig: Rig) -> StimulateActions:
    return StimulateActions(
        connect=rig.stimulator.connect,
        set_intensity=rig.stimulator.set_intensity,
        arm=rig.stimulator.arm,
        disarm=rig.stimulator.disarm,
        fire=rig.stimulator.fire,
        start_train=lambda train: rig.stimulator.start_train(
            train.frequency_hz, train.pulses_per_train, train.trains, train.interval_s
        ),
        fire_on_target=rig.stimulator.fire_on_target,
        waive_navigation=rig.stimulator.waive_pose_lease,
    )


def _not_registered() -> QLabel:
    words = QLabel("NOT REGISTERED: the head is drawn at a nominal place, no navigated pulse")
    words.setFont(number_font(22))
    words.setAccessibleName("Registration")
    words.setAlignment(Qt.AlignmentFlag.AlignCenter)
    set_colour(words, palette.VERMILION)
    return words


def _titled(title: str, panel: QWidget) -> QGroupBox:
    box = QGroupBox(title)
    box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    layout = QVBoxLayout(box)
    layout.setContentsMargins(2, 2, 2, 2)
    layout.addWidget(panel)
    return box
