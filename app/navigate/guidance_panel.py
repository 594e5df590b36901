"""The guidance numbers in large digits."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from app.navigate.readings import GuidanceReadings
from app.widgets.theme import caption, number_font, set_colour

_ROWS = (
    ("distance_to_target", "Dist. to target", "Distance from the coil's centre to the target, mm"),
    ("target_error", "Target error", "Distance from the target to the coil's axis, mm"),
    ("angular_error", "Angular error", "Angle between the coil's axis and the target's, degrees"),
    ("twist_error", "Twist error", "Angle of the handle to its planned direction, degrees"),
    ("scalp_distance", "Coil to scalp", "From the coil's face to the skin along its axis, mm"),
    ("cortex_distance", "Coil to cortex", "From the coil's face to the cortex along its axis, mm"),
)


class GuidancePanel(QWidget):
    """Shows readings; knows nothing of how they come about."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(1)
        self._values: dict[str, tuple[QLabel, QLabel]] = {}
        for row, (name, title, why) in enumerate(_ROWS):
            value, mark = QLabel(""), QLabel("")
            value.setFont(number_font(24 if row != 0 else 30))
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            value.setAccessibleName(title)
            mark.setMinimumWidth(34)
            label = caption(title)
            label.setToolTip(why)
            value.setToolTip(why)
            grid.addWidget(label, row, 0)
            grid.addWidget(value, row, 1)
            grid.addWidget(mark, row, 2)
            self._values[name] = (value, mark)
        grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(2)
        layout.addLayout(grid)

    def show_readings(self, readings: GuidanceReadings) -> None:
        """Show the numbers of one moment."""
        for name, (value, mark) in self._values.items():
            reading = getattr(readings, name)
            _put(value, reading.value, reading.colour)
            _put(mark, reading.mark, reading.colour)


def _put(label: QLabel, text: str, colour: str) -> None:
    if label.text() != text:
        label.setText(text)
    set_colour(label, colour)
