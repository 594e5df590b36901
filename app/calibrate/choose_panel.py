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
    QVBoxLayout,
    QWidget,
)

from app.calibrate.offers import Offer, Option, Order
from app.widgets import theme
from render import palette


class ChoosePanel(QWidget):
    """Lets the person choose a calibration and its source.

    Parameters
    ----------
    begin
        Called with the order; answers with a sentence if it cannot be begun, else with "".
    """

    def __init__(self, begin: Callable[[Order], str]) -> None:
        super().__init__()
        self._begin = begin
        self._offers: tuple[Offer, ...] = ()
        self._offer: Offer | None = None
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
            button.deleteLater()
        for number, offer in enumerate(offered):
            button = QPushButton(offer.title)
            button.setObjectName(f"kind {offer.kind}")
            button.setCheckable(True)
            self._kinds.addButton(button, number)
            self._kind_column.addWidget(button)
        self._live.setEnabled(live)
        self._live.setChecked(live)
        self._recorded.setChecked(not live)
        chosen = 0
        if self._offer is not None:
            kinds = [offer.kind for offer in offered]
            chosen = kinds.index(self._offer.kind) if self._offer.kind in kinds else 0
        self._kinds.button(chosen).setChecked(True)
        self._choose(chosen)

    def _choose(self, number: int) -> None:
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
        left = QVBoxLayout()
        left.addLayout(self._kind_column)
        left.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setSpacing(24)
        layout.addLayout(left)
        layout.addLayout(right, 1)


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
