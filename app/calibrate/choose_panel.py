"""The first page: which calibration, from which pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.calibrate.cameras_panel import CamerasPanel
from app.calibrate.offers import Offer, Option, Order
from app.widgets import theme
from render import palette

CAMERAS = 100
"""Number of the page of cameras, behind all offers."""


class ChoosePanel(QWidget):
    """Lets the person choose a calibration and its source.

    Parameters
    ----------
    begin
        Called with the order; answers with a sentence if it cannot be begun, else with "".
    cameras
        The page of the room's cameras, which comes first.
    """

    def __init__(self, begin: Callable[[Order], str], cameras: CamerasPanel) -> None:
        super().__init__()
        self._begin = begin
        self._cameras = cameras
        self._right = QStackedWidget()
        self._offers: tuple[Offer, ...] = ()
        self._offer: Offer | None = None
        self._shown = False
        self._fields: dict[str, QLineEdit] = {}
        self._kinds = QButtonGroup(self)
        self._kinds.setExclusive(True)
        self._kinds.idClicked.connect(self._choose)
        self._kind_column = QVBoxLayout()
        self._explanation = QLabel("")
        self._explanation.setWordWrap(True)
        self._explanation.setFont(theme.text_font(16))
        self._form = QFormLayout()
        self._live = QRadioButton("The cameras of this room, live")
        self._recorded = QRadioButton("A recording:")
        self._recording = _FileField("Folder or video of the recording", folder=True)
        self._sentence = QLabel("")
        self._sentence.setWordWrap(True)
        self._sentence.setFont(theme.number_font(15))
        self._sentence.setAccessibleName("Why it cannot begin")
        theme.set_colour(self._sentence, palette.VERMILION)
        self._go = QPushButton("Begin")
        self._go.setObjectName("begin")
        self._go.clicked.connect(self._ordered)
        self._build()

    def show_offers(self, offered: Sequence[Offer], *, live: bool) -> None:
        """Show what can be calibrated now; `live` if the room has cameras."""
        self._offers = tuple(offered)
        for button in self._kinds.buttons():
            self._kinds.removeButton(button)
            self._kind_column.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._add_kind(CAMERAS, "0  Cameras of this room", "kind cameras")
        for number, offer in enumerate(offered):
            self._add_kind(number, offer.title, f"kind {offer.kind}")
        self._live.setEnabled(live)
        self._live.setChecked(live)
        self._recorded.setChecked(not live)
        kinds = [offer.kind for offer in offered]
        if self._offer is not None:
            self._choose(kinds.index(self._offer.kind))
        else:
            begun = self._right.currentWidget() is self._cameras and self._shown
            self._choose(0 if live and not begun else CAMERAS)
        self._shown = True

    def leave(self) -> None:
        """Let go of what this page holds open."""
        self._cameras.leave()

    def _add_kind(self, number: int, title: str, name: str) -> None:
        button = QPushButton(title)
        button.setObjectName(name)
        button.setCheckable(True)
        button.setStyleSheet("text-align: left")
        self._kinds.addButton(button, number)
        self._kind_column.addWidget(button)

    def _choose(self, number: int) -> None:
        self._kinds.button(number).setChecked(True)
        self._right.setCurrentIndex(0 if number == CAMERAS else 1)
        if number == CAMERAS:
            self._offer = None
            self._cameras.enter()
            return
        self._cameras.leave()
        offer = self._offer = self._offers[number]
        self._explanation.setText(offer.explanation)
        self._sentence.setText(offer.missing)
        self._go.setEnabled(not offer.missing)
        while self._form.rowCount():
            self._form.removeRow(0)
        self._fields = {}
        for option in offer.options:
            self._form.addRow(option.label, self._field(option))

    def _field(self, option: Option) -> QWidget:
        if option.form == "file":
            chooser = _FileField(option.tip, folder=False)
            chooser.edit.setObjectName(option.key)
            self._fields[option.key] = chooser.edit
            return chooser
        edit = QLineEdit(option.default)
        edit.setObjectName(option.key)
        edit.setToolTip(option.tip)
        edit.setPlaceholderText(option.tip)
        self._fields[option.key] = edit
        return edit

    def _ordered(self) -> None:
        if self._offer is None:
            return
        recording = self._recording.edit.text().strip()
        if self._recorded.isChecked() and not recording:
            self._sentence.setText("Choose the recording, or the live cameras.")
            return
        order = Order(
            kind=self._offer.kind,
            recording=Path(recording) if self._recorded.isChecked() else None,
            values={key: edit.text().strip() for key, edit in self._fields.items()},
        )
        self._sentence.setText(self._begin(order))

    def _build(self) -> None:
        source = QHBoxLayout()
        source.addWidget(self._recorded)
        source.addWidget(self._recording, 1)
        self._recording.edit.setObjectName("recording")
        self._recording.edit.textEdited.connect(lambda _: self._recorded.setChecked(True))
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.addWidget(self._explanation)
        right.addSpacing(10)
        right.addLayout(self._form)
        right.addSpacing(10)
        right.addWidget(theme.caption("Pictures from"))
        right.addWidget(self._live)
        right.addLayout(source)
        right.addStretch(1)
        right.addWidget(self._sentence)
        last = QHBoxLayout()
        last.addStretch(1)
        last.addWidget(self._go)
        right.addLayout(last)
        page = QWidget()
        page.setLayout(right)
        self._right.addWidget(self._cameras)
        self._right.addWidget(page)
        left = QVBoxLayout()
        self._kind_column.setSpacing(6)
        left.addLayout(self._kind_column)
        left.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setSpacing(24)
        layout.addLayout(left)
        layout.addWidget(self._right, 1)


class _FileField(QWidget):
    """A path, typed or chosen."""

    def __init__(self, tip: str, *, folder: bool) -> None:
        super().__init__()
        self._folder = folder
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(tip)
        self.edit.setToolTip(tip)
        browse = QPushButton("Choose…")
        browse.clicked.connect(self._browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.edit, 1)
        layout.addWidget(browse)

    def _browse(self) -> None:
        if self._folder:
            path = QFileDialog.getExistingDirectory(self, "Recording")
        else:
            path, _ = QFileDialog.getOpenFileName(self, "File", filter="JSON (*.json)")
        if path:
            self.edit.setText(path)
            self.edit.textEdited.emit(path)
