"""The stimulation panel: connect, arm, intensity, single pulse, train, fire when on target.

Shows what the stimulator's process and the permits say, and hands the operator's wishes on.
STOP is not here but in the window's head, where it is always visible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.stimulate.readings import StimulatorReading
from app.stimulate.trains import Train, TrainError
from app.widgets.theme import caption, number_font, set_colour
from render import palette


@dataclass(frozen=True, slots=True)
class StimulateActions:
    """What the panel hands on; each returns at once."""

    connect: Callable[[], None]
    set_intensity: Callable[[int], None]
    arm: Callable[[], None]
    disarm: Callable[[], None]
    fire: Callable[[], object]
    start_train: Callable[[Train], object]
    fire_on_target: Callable[[bool], None]
    waive_navigation: Callable[[bool], None]


class StimulatePanel(QWidget):
    """Buttons and numbers; decides nothing."""

    def __init__(self, actions: StimulateActions) -> None:
        super().__init__()
        self._actions = actions
        self._reading: StimulatorReading | None = None
        self._why_not = QLabel("")
        self._why_not.setAccessibleName("Why a pulse cannot be sent now")
        self._why_not.setFont(number_font(16))
        self._why_not.setWordWrap(True)
        self._why_not.setMinimumHeight(28)
        self._state = QLabel("")
        self._state.setAccessibleName("Stimulator state")
        self._state.setFont(number_font(15))
        self._device = caption("")
        self._navigated = QLabel("NOT NAVIGATED")
        self._navigated.setFont(number_font(22))
        set_colour(self._navigated, palette.VERMILION)
        self._navigated.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._train_fault = caption("")
        set_colour(self._train_fault, palette.ORANGE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.setSpacing(6)
        layout.addWidget(self._why_not)
        head = QHBoxLayout()
        head.addWidget(self._state)
        head.addWidget(self._device, 1)
        head.addWidget(self._navigated)
        layout.addLayout(head)
        layout.addLayout(self._device_row())
        layout.addWidget(_rule())
        layout.addLayout(self._train_row())
        layout.addWidget(self._train_fault)
        layout.addStretch(1)
        self._show_train_fault()

    def show_reading(self, reading: StimulatorReading) -> None:
        """Show the stimulator and the permits of one moment."""
        if reading == self._reading:
            return
        self._reading = reading
        self._why_not.setText(reading.permission)
        set_colour(self._why_not, palette.GREEN if reading.permitted else palette.YELLOW)
        self._state.setText(f"{reading.symbol}  {reading.state}")
        set_colour(self._state, reading.colour)
        self._device.setText(reading.device)
        self._navigated.setVisible(not reading.navigated)
        self._connect.setText("Connected" if reading.connected else "Connect")
        self._connect.setEnabled(not reading.connected)
        self._arm.setText("Disarm" if reading.armed else "Arm")
        self._arm.setChecked(reading.armed)
        self._arm.setEnabled(reading.connected)
        self._set.setEnabled(reading.connected)
        self._fire.setEnabled(reading.permitted)
        self._fire.setToolTip("Send one pulse (key F)" if reading.permitted else reading.permission)
        self._train.setEnabled(reading.permitted and self._wanted() is not None)
        self._train.setToolTip("Start the trains" if reading.permitted else reading.permission)
        self._on_target.setEnabled(reading.armed)
        for box, value in (
            (self._on_target, reading.firing_on_target),
            (self._waive, not reading.navigated),
        ):
            box.blockSignals(True)
            box.setChecked(value)
            box.blockSignals(False)

    def _device_row(self) -> QHBoxLayout:
        self._connect = _button(
            "Connect", "connect", "Connect the stimulator; after a fault, connect it again"
        )
        self._connect.clicked.connect(lambda: self._actions.connect())
        self._arm = _button("Arm", "armed", "Charge the stimulator (key A); pulses become possible")
        self._arm.setCheckable(True)
        self._arm.setShortcut(QKeySequence("A"))
        self._arm.clicked.connect(self._toggle_arm)
        self._intensity = QSpinBox()
        self._intensity.setRange(0, 100)
        self._intensity.setValue(50)
        self._intensity.setSuffix(" %MSO")
        self._intensity.setAccessibleName("Intensity")
        self._set = _button("Set", "set-intensity", "Send this intensity to the stimulator")
        self._set.clicked.connect(lambda: self._actions.set_intensity(self._intensity.value()))
        self._fire = _button("Single pulse", "fire", "Send one pulse (key F)")
        # Not the button's own shortcut: a key that is held down must not fire again.
        self._fire_key = QShortcut(QKeySequence("F"), self)
        self._fire_key.setAutoRepeat(False)
        self._fire_key.activated.connect(self._fire.click)
        self._fire.clicked.connect(lambda: self._actions.fire())
        self._on_target = QCheckBox("Fire when on target")
        self._on_target.setObjectName("fire-on-target")
        self._on_target.setToolTip(
            "While armed, send one pulse each time the coil has rested on the target"
        )
        self._on_target.toggled.connect(lambda on: self._actions.fire_on_target(on))
        self._waive = QCheckBox("Without navigation")
        self._waive.setObjectName("waive-navigation")
        self._waive.setToolTip("Allow pulses without a tracked coil; each is recorded as such")
        self._waive.toggled.connect(lambda on: self._actions.waive_navigation(on))
        row = QHBoxLayout()
        for widget in (
            self._connect,
            self._arm,
            self._intensity,
            self._set,
            self._fire,
            self._on_target,
            self._waive,
        ):
            row.addWidget(widget)
        row.addStretch(1)
        return row

    def _train_row(self) -> QGridLayout:
        self._frequency = QDoubleSpinBox()
        self._frequency.setRange(0.1, 50.0)
        self._frequency.setDecimals(1)
        self._frequency.setValue(10.0)
        self._frequency.setSuffix(" Hz")
        self._pulses = _count(10, "Pulses per train", 10_000)
        self._trains = _count(1, "Number of trains", 1_000)
        self._interval = QDoubleSpinBox()
        self._interval.setRange(0.0, 600.0)
        self._interval.setDecimals(1)
        self._interval.setValue(10.0)
        self._interval.setSuffix(" s")
        self._train = _button("Start train", "start-train", "Start the trains")
        self._train.clicked.connect(self._start_train)
        row = QGridLayout()
        row.setVerticalSpacing(0)
        for column, (title, box) in enumerate(
            (
                ("Frequency", self._frequency),
                ("Pulses per train", self._pulses),
                ("Trains", self._trains),
                ("Interval", self._interval),
            )
        ):
            row.addWidget(caption(title), 0, column)
            row.addWidget(box, 1, column)
            box.setAccessibleName(title)
        self._frequency.valueChanged.connect(self._show_train_fault)
        self._interval.valueChanged.connect(self._show_train_fault)
        self._pulses.valueChanged.connect(self._show_train_fault)
        self._trains.valueChanged.connect(self._show_train_fault)
        row.addWidget(self._train, 1, 4)
        row.setColumnStretch(5, 1)
        return row

    def _wanted(self) -> Train | None:
        try:
            return Train(
                frequency_hz=self._frequency.value(),
                pulses_per_train=self._pulses.value(),
                trains=self._trains.value(),
                interval_s=self._interval.value(),
            )
        except TrainError:
            return None

    def _show_train_fault(self) -> None:
        try:
            train = Train(
                frequency_hz=self._frequency.value(),
                pulses_per_train=self._pulses.value(),
                trains=self._trains.value(),
                interval_s=self._interval.value(),
            )
        except TrainError as error:
            self._train_fault.setText(str(error))
            set_colour(self._train_fault, palette.ORANGE)
        else:
            self._train_fault.setText(f"{train.pulses_total} pulses in {train.duration_s:.1f} s")
            set_colour(self._train_fault, palette.MUTED)

    def _start_train(self) -> None:
        train = self._wanted()
        if train is not None:
            self._actions.start_train(train)

    def _toggle_arm(self) -> None:
        armed = self._reading is not None and self._reading.armed
        # The button follows the device, not the click.
        self._arm.setChecked(armed)
        (self._actions.disarm if armed else self._actions.arm)()


def _button(title: str, name: str, why: str) -> QPushButton:
    button = QPushButton(title)
    button.setObjectName(name)
    button.setToolTip(why)
    return button


def _count(value: int, name: str, most: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(1, most)
    box.setValue(value)
    box.setAccessibleName(name)
    return box


def _rule() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    line.setFrameShadow(QFrame.Shadow.Plain)
    return line
