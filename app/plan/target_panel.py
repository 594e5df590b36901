"""Choosing the target and what counts as a hit."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QWidget

from app.navigate.guidance import Tolerance
from app.plan.target import Target
from app.widgets.theme import caption


class TargetPanel(QWidget):
    """A list of targets and three tolerances; each change is handed on at once."""

    def __init__(
        self,
        targets: tuple[Target, ...],
        chosen: Target | None,
        tolerance: Tolerance,
        on_target: Callable[[Target], None],
        on_tolerance: Callable[[Tolerance], None],
    ) -> None:
        super().__init__()
        self._targets = targets
        self._on_target = on_target
        self._on_tolerance = on_tolerance
        self._list = QComboBox()
        self._list.setAccessibleName("Target")
        self._list.setMinimumWidth(140)
        self._list.addItems([target.name for target in targets])
        names = [target.name for target in targets]
        self._list.setCurrentIndex(names.index(chosen.name) if chosen is not None else -1)
        self._list.currentIndexChanged.connect(self._target_chosen)
        self._position = _limit(tolerance.position, 50.0, " mm", "Position tolerance")
        self._tilt = _limit(tolerance.tilt, 90.0, "°", "Tilt tolerance")
        self._twist = _limit(tolerance.twist, 180.0, "°", "Twist tolerance")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(caption("Target"))
        layout.addWidget(self._list)
        for title, box in (
            ("Hit within", self._position),
            ("tilt", self._tilt),
            ("twist", self._twist),
        ):
            layout.addWidget(caption(title))
            layout.addWidget(box)
            box.valueChanged.connect(self._tolerance_changed)

    def _target_chosen(self, index: int) -> None:
        if index >= 0:
            self._on_target(self._targets[index])

    def _tolerance_changed(self) -> None:
        self._on_tolerance(
            Tolerance(self._position.value(), self._tilt.value(), self._twist.value())
        )


def _limit(value: float, most: float, suffix: str, name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.5, most)
    box.setDecimals(1)
    box.setSingleStep(0.5)
    box.setSuffix(suffix)
    box.setValue(value)
    box.setKeyboardTracking(False)
    box.setAccessibleName(name)
    box.setToolTip(f"{name}: a pulse within all three limits is a hit")
    box.setFixedWidth(80)
    return box
