"""The cameras of the room: which there are, trying a new one, adding and removing."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.calibrate.picture_panel import PicturePanel
from app.live.adding_camera import CameraRefused
from app.live.camera_trial import CameraTrial
from app.live.room_cameras import CameraRow, DeviceSearch, RoomCameras, trial_reading
from app.widgets import theme
from render import palette

REFRESH_MS = 66
SIZES = ("1280 x 720", "1920 x 1080", "640 x 480")
RATES = ("30", "60", "15")
LOOKING = "Looking for cameras …"
ATTACHED = "Choose an attached camera"
NONE_ATTACHED = "No camera is attached"


class CamerasPanel(QWidget):
    """Shows and changes the cameras of a room."""

    def __init__(self, cameras: RoomCameras) -> None:
        super().__init__()
        self._cameras = cameras
        self._search: DeviceSearch | None = None
        self._trial: CameraTrial | None = None
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(16)
        self._devices = QComboBox()
        self._devices.setObjectName("devices")
        self._devices.activated.connect(self._choose_device)
        self._look = QPushButton("Look again")
        self._look.clicked.connect(self._begin_search)
        self._name = _field("name", "As left or front")
        self._address = _field(
            "address", "Or a network camera or phone: http://…:8080/video, rtsp://…"
        )
        self._size, self._rate = _choice("resolution", SIZES), _choice("rate", RATES)
        self._try = QPushButton("Try")
        self._try.setObjectName("try")
        self._try.clicked.connect(self._try_out)
        self._picture = PicturePanel("")
        self._headline = QLabel("")
        self._headline.setFont(theme.number_font(16))
        self._headline.setWordWrap(True)
        self._headline.setAccessibleName("What the camera gives")
        self._sentences = QLabel("")
        self._sentences.setWordWrap(True)
        self._sentences.setAccessibleName("What to know of the camera")
        theme.set_colour(self._sentences, palette.YELLOW)
        self._keep = QPushButton("Add to this room")
        self._keep.setObjectName("keep")
        self._keep.clicked.connect(self._kept)
        self._stop = QPushButton("Stop")
        self._stop.setObjectName("stop trial")
        self._stop.clicked.connect(self.leave)
        self._answer = QLabel("")
        self._answer.setWordWrap(True)
        self._answer.setFont(theme.number_font(15))
        self._answer.setAccessibleName("What was done")
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._build()
        self._show_trial(None)
        self.show_rows()

    def enter(self) -> None:
        """Look for attached cameras, unless that was done."""
        if self._search is None:
            self._begin_search()

    def leave(self) -> None:
        """Let go of the camera that is tried."""
        self._timer.stop()
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.abandon()
        self._show_trial(None)

    def show_rows(self) -> None:
        """Show the cameras that the room has now."""
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        rows = self._cameras.rows()
        if not rows:
            self._rows.addWidget(theme.caption("This room has no camera yet."), 0, 0)
        for number, row in enumerate(rows):
            self._show_row(number, row)

    def _show_row(self, number: int, row: CameraRow) -> None:
        name = QLabel(row.name)
        name.setFont(theme.number_font(14))
        self._rows.addWidget(name, number, 0)
        for column, text in ((1, row.pictures), (2, row.calibrated), (3, row.address)):
            told = theme.caption(text)
            told.setToolTip(text)
            if column == 3:
                told.setSizePolicy(told.sizePolicy().Policy.Ignored, told.sizePolicy().Policy.Fixed)
            self._rows.addWidget(told, number, column)
        self._rows.setColumnStretch(3, 1)
        remove = QPushButton("Remove…")
        remove.setObjectName(f"remove {row.name}")
        remove.clicked.connect(lambda: self._ask_remove(row.name))
        self._rows.addWidget(remove, number, 4)

    def _begin_search(self) -> None:
        self._search = self._cameras.search()
        self._devices.clear()
        self._devices.addItem(LOOKING)
        self._devices.setEnabled(False)
        self._look.setEnabled(False)
        self._timer.start(REFRESH_MS)

    def _show_devices(self, search: DeviceSearch) -> None:
        if search.found is None or self._look.isEnabled():
            return
        self._devices.clear()
        self._devices.addItem(ATTACHED if search.found else NONE_ATTACHED)
        for device in search.found:
            self._devices.addItem(device.name, device.identity)
        self._devices.setEnabled(bool(search.found))
        self._look.setEnabled(True)

    def _choose_device(self, number: int) -> None:
        identity = self._devices.itemData(number)
        if identity is not None:
            self._address.setText(identity)

    def _try_out(self) -> None:
        self.leave()
        self._answer.setText("")
        entries = {
            "name": self._name.text(),
            "address": self._address.text(),
            "resolution": self._size.currentText(),
            "rate": self._rate.currentText(),
        }
        try:
            self._trial = self._cameras.try_out(entries)
        except CameraRefused as reason:
            self._say(str(reason), fault=True)
            return
        self._picture.clear(self._trial.camera.name)
        self._timer.start(REFRESH_MS)
        self._refresh()

    def _refresh(self) -> None:
        if self._search is not None:
            self._show_devices(self._search)
        self._show_trial(self._trial)
        if self._trial is None and self._look.isEnabled():
            self._timer.stop()

    def _show_trial(self, trial: CameraTrial | None) -> None:
        for widget in (self._picture, self._headline, self._sentences, self._keep, self._stop):
            widget.setVisible(trial is not None)
        self._try.setText("Try" if trial is None else "Try anew")
        if trial is None:
            return
        state = trial.state
        reading = trial_reading(state, trial.camera)
        self._headline.setText(reading.headline)
        theme.set_colour(self._headline, palette.VERMILION if reading.failed else palette.TEXT)
        self._sentences.setText("\n".join(reading.sentences))
        self._sentences.setVisible(bool(reading.sentences))
        self._keep.setEnabled(reading.keepable)
        if state.pixels is not None:
            self._picture.show_picture(state.pixels)

    def _kept(self) -> None:
        if self._trial is None:
            return
        added = self._cameras.keep(self._trial)
        if any(row.name == self._trial.camera.name for row in self._cameras.rows()):
            self.leave()
            self._name.clear()
            self._address.clear()
            self._say(added, fault=False)
        else:
            self._say(added, fault=True)
        self.show_rows()

    def _ask_remove(self, name: str) -> None:
        box = QMessageBox(self)
        box.setWindowTitle("Remove a camera")
        box.setText(f"Remove camera '{name}' from this room?")
        box.setInformativeText("Its calibration will not be in force any more.")
        remove = box.addButton("Remove", QMessageBox.ButtonRole.DestructiveRole)
        remove.setObjectName("remove it")
        box.addButton(QMessageBox.StandardButton.Cancel)
        remove.clicked.connect(lambda: self._remove(name))
        box.open()

    def _remove(self, name: str) -> None:
        self._say(self._cameras.remove(name), fault=False)
        self.show_rows()

    def _say(self, sentence: str, *, fault: bool) -> None:
        theme.set_colour(self._answer, palette.VERMILION if fault else palette.GREEN)
        self._answer.setText(sentence)

    def _build(self) -> None:
        attached = QHBoxLayout()
        attached.addWidget(self._devices, 1)
        attached.addWidget(self._look)
        way = QHBoxLayout()
        for words, widget in (("", self._size), ("frames/s", self._rate)):
            if words:
                way.addWidget(theme.caption(words))
            way.addWidget(widget)
        way.addStretch(1)
        way.addWidget(self._try)
        form = QFormLayout()
        form.addRow("Attached", attached)
        form.addRow("Address", self._address)
        form.addRow("Name", self._name)
        form.addRow("Pictures", way)
        last = QHBoxLayout()
        last.addWidget(self._stop)
        last.addStretch(1)
        last.addWidget(self._keep)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(theme.caption("In this room"))
        layout.addLayout(self._rows)
        layout.addSpacing(10)
        layout.addWidget(theme.caption("Add a camera"))
        layout.addLayout(form)
        layout.addWidget(self._headline)
        layout.addWidget(self._sentences)
        layout.addWidget(self._picture, 1)
        layout.addLayout(last)
        layout.addWidget(self._answer)
        layout.addStretch(0)


def _field(name: str, tip: str) -> QLineEdit:
    edit = QLineEdit()
    edit.setObjectName(name)
    edit.setPlaceholderText(tip)
    edit.setToolTip(tip)
    return edit


def _choice(name: str, values: tuple[str, ...]) -> QComboBox:
    choice = QComboBox()
    choice.setObjectName(name)
    choice.setEditable(True)
    choice.addItems(values)
    return choice
