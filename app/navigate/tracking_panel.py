"""How each marker body is tracked at this moment, with the age of its pose."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from app.navigate.readings import BodyReading
from app.widgets.theme import caption, set_colour


class TrackingPanel(QWidget):
    """One line for each body."""

    def __init__(self, bodies: tuple[str, ...]) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 2, 4, 2)
        grid.setVerticalSpacing(0)
        self._rows: dict[str, tuple[QLabel, QLabel]] = {}
        for index, body in enumerate(bodies):
            state, detail = QLabel(""), caption("")
            state.setAccessibleName(f"Tracking of {body}")
            font = state.font()
            font.setBold(True)
            state.setFont(font)
            grid.addWidget(state, 2 * index, 0)
            grid.addWidget(detail, 2 * index + 1, 0)
            self._rows[body] = (state, detail)

    def show_body(self, body: str, reading: BodyReading) -> None:
        """Show `reading` in the line of `body`."""
        state, detail = self._rows[body]
        text = f"{reading.symbol}  {reading.name}: {reading.state}"
        if state.text() != text:
            state.setText(text)
        set_colour(state, reading.colour)
        if detail.text() != reading.detail:
            detail.setText(reading.detail)
