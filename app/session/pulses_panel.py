"""The list of pulses: hit or miss, with the numbers at the pulse."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHeaderView, QLabel, QTableView, QVBoxLayout, QWidget

from app.session.pulse_log import PulseRow, Verdict
from app.widgets.theme import caption, set_colour, text_font
from render import palette

_COLUMNS = ("#", "Time, s", "%MSO", "Sent by", "Verdict", "mm", "tilt", "twist")
_MEANINGS = (
    "Number of the pulse",
    "Seconds since the session was opened",
    "Intensity, % of maximum stimulator output",
    "What sent it",
    "Hit or miss by the tolerance at the pulse",
    "Dist. to target at the pulse, mm",
    "Angular error at the pulse, degrees",
    "Twist error at the pulse, degrees",
)
_WIDTHS = {"#": 36, "Time, s": 58, "%MSO": 46, "Sent by": 64, "Verdict": 106}
"""Fixed, in pixels: columns that fit themselves to their contents are measured with every pulse."""
_SOURCES = {"single": "single", "train": "train", "on_target": "on target"}
_VERDICTS = {
    Verdict.WAITING: ("… waiting", palette.MUTED),
    Verdict.HIT: ("✓ hit", palette.GREEN),
    Verdict.MISS: ("✗ miss", palette.ORANGE),
    Verdict.NO_POSE: ("? no pose", palette.YELLOW),
    Verdict.REFUSED: ("⊘ refused", palette.MUTED),
    Verdict.NOT_RECORDED: ("! NOT RECORDED", palette.VERMILION),
    Verdict.UNKNOWN: ("! unknown", palette.VERMILION),
}


class PulseTable(QAbstractTableModel):
    """Rows of pulses, newest first."""

    def __init__(self, start_ns: int) -> None:
        super().__init__()
        self._start_ns = start_ns
        self._rows: tuple[PulseRow, ...] = ()

    def show_rows(self, rows: tuple[PulseRow, ...]) -> None:
        """Show `rows`, given oldest first."""
        if rows is self._rows:
            return
        added = len(rows) - len(self._rows)
        if added > 0:
            self.beginInsertRows(QModelIndex(), 0, added - 1)
            self._rows = rows
            self.endInsertRows()
        else:
            self._rows = rows
        # A pose completes a recent pulse only; older rows do not change any more.
        last = min(len(rows), added + 20) - 1
        self.dataChanged.emit(self.index(0, 0), self.index(last, len(_COLUMNS) - 1))

    def rowCount(  # noqa: D102
        self,
        parent: QModelIndex | QPersistentModelIndex = QModelIndex(),  # noqa: B008
    ) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(  # noqa: D102
        self,
        parent: QModelIndex | QPersistentModelIndex = QModelIndex(),  # noqa: B008
    ) -> int:
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(  # noqa: D102
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return _MEANINGS[section]
        return None

    def data(  # noqa: D102
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401
        row = self._rows[len(self._rows) - 1 - index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cells(row)[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 4:
            return QColor(_VERDICTS[row.verdict][1])
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() != 4:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._reason(row)
        return None

    def _cells(self, row: PulseRow) -> tuple[str, ...]:
        guidance = None if row.pose is None else row.pose.guidance
        errors = (
            ("–", "–", "–")
            if guidance is None
            else (
                f"{guidance.distance_to_target:.1f}",
                f"{guidance.angular_error:.1f}",
                f"{round(guidance.twist_error, 1) + 0.0:.1f}",
            )
        )
        source = _SOURCES.get(row.source, row.source)
        return (
            str(row.number),
            f"{(row.time_ns - self._start_ns) / 1e9:.1f}",
            f"{row.intensity:.0f}",
            source,
            _VERDICTS[row.verdict][0] if row.navigated else "NOT NAVIGATED",
            *errors,
        )

    @staticmethod
    def _reason(row: PulseRow) -> str:
        pose_reason = "" if row.pose is None else row.pose.reason
        return row.reason or pose_reason


class PulsesPanel(QWidget):
    """The table with its totals above it."""

    def __init__(self, start_ns: int) -> None:
        super().__init__()
        self._table = PulseTable(start_ns)
        self._totals = QLabel("No pulses yet")
        self._totals.setAccessibleName("Totals of pulses")
        view = QTableView()
        view.setModel(self._table)
        view.setAccessibleName("Pulses")
        view.setAlternatingRowColors(True)
        view.verticalHeader().setVisible(False)
        view.verticalHeader().setDefaultSectionSize(24)
        view.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        header = view.horizontalHeader()
        header.setFont(text_font(12))
        header.setMinimumSectionSize(34)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for name, width in _WIDTHS.items():
            header.setSectionResizeMode(_COLUMNS.index(name), QHeaderView.ResizeMode.Fixed)
            header.resizeSection(_COLUMNS.index(name), width)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self._totals)
        layout.addWidget(view)
        self._where = caption("")
        layout.addWidget(self._where)

    def show_rows(self, rows: tuple[PulseRow, ...], counts: tuple[int, int, int]) -> None:
        """Show the pulses and their totals."""
        self._table.show_rows(rows)
        fired, hits, misses = counts
        if rows:
            refused = sum(row.verdict is Verdict.REFUSED for row in rows)
            unknown = sum(row.verdict is Verdict.UNKNOWN for row in rows)
            parts = [f"{fired} fired", f"{hits} hit", f"{misses} missed"]
            parts += [f"{refused} refused"] if refused else []
            parts += [f"{unknown} UNKNOWN"] if unknown else []
            self._totals.setText(" · ".join(parts))
            set_colour(self._totals, palette.VERMILION if unknown else palette.TEXT)

    def show_recording(self, sentence: str, *, failed: bool) -> None:
        """Say where the session is recorded, or that it is not."""
        self._where.setText(sentence)
        set_colour(self._where, palette.VERMILION if failed else palette.MUTED)
