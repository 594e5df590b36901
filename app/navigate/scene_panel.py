"""The 3-D view: an offscreen drawing shown as an image, turned with the mouse.

In: the scene of ``render``, the newest navigation. Out: the picture, and how long after capture
each new pose was on screen.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, QTimer
from PySide6.QtGui import QKeySequence, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.navigate.latency import LatencyLog
from app.navigate.navigation import Navigation
from app.widgets.pictures import qimage
from render.coil_drawing import CoilState
from render.scene import HeadScene
from render.views import ViewPreset

_PRESETS = (
    (ViewPreset.OVER_COIL, "Over the coil", "1"),
    (ViewPreset.LEFT, "Left", "2"),
    (ViewPreset.RIGHT, "Right", "3"),
    (ViewPreset.TOP, "Top", "4"),
    (ViewPreset.FRONT, "Front", "5"),
)


REST_MS = 200
"""When the view has not been moved by hand for so long, the head is drawn finely again."""


class SceneView(QWidget):
    """The picture itself. Draws when something has changed, and only then."""

    def __init__(self, scene: HeadScene, latency: LatencyLog) -> None:
        super().__init__()
        self._scene = scene
        self._latency = latency
        self._image: NDArray[np.uint8] | None = None
        self._drawn: tuple[int, CoilState] | None = None
        self._unmeasured_ns: int | None = None
        self._grabbed: QPointF | None = None
        self.frames_drawn = 0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._rested)
        self.setMinimumSize(320, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Head with coil and target")
        self.setToolTip("Drag to turn, wheel to come closer, right button to move the picture")

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(900, 700)

    def invalidate(self) -> None:
        """Draw anew at the next chance: the view, the target or the hits have changed."""
        self._drawn = None

    def show_navigation(self, navigation: Navigation | None, now_ns: int) -> None:
        """Draw `navigation` if it is new or has grown old since it was drawn."""
        state = _coil_state(navigation, now_ns)
        key = (0 if navigation is None else navigation.time_ns, state)
        if key == self._drawn or not self.isVisible():
            return
        is_new_pose = self._drawn is None or key[0] != self._drawn[0]
        self._drawn = key
        mri_from_coil = None if navigation is None else navigation.mri_from_coil
        self._image = self._scene.draw(mri_from_coil, coil_state=state)
        if navigation is not None and is_new_pose and state is CoilState.LIVE:
            self._unmeasured_ns = navigation.time_ns
        self.frames_drawn += 1
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        if self._image is not None:
            painter.drawImage(self.rect(), qimage(self._image))
        if self._unmeasured_ns is not None:
            self._latency.add(time.monotonic_ns() - self._unmeasured_ns)
            self._unmeasured_ns = None

    def resizeEvent(self, _event: object) -> None:  # noqa: D102
        self._scene.set_size(max(self.width(), 16), max(self.height(), 16))
        self.invalidate()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._grabbed = event.position()

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:  # noqa: D102
        self._grabbed = None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if self._grabbed is None:
            return
        moved = event.position() - self._grabbed
        self._grabbed = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.turn(moved.x(), moved.y())
        else:
            self._moving_by_hand()
            self._scene.pan(moved.x(), moved.y())

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        self._moving_by_hand()
        self._scene.zoom(1.1 ** (event.angleDelta().y() / 120))

    def turn(self, right_px: float, down_px: float) -> None:
        """Turn the head as dragging by so many pixels does."""
        self._moving_by_hand()
        self._scene.orbit(right_px, down_px)

    def _moving_by_hand(self) -> None:
        self._scene.set_moving(True)
        self._rest.start()
        self.invalidate()

    def _rested(self) -> None:
        self._scene.set_moving(False)
        self.invalidate()

    def hideEvent(self, _event: object) -> None:  # noqa: D102
        self._rest.stop()


class ScenePanel(QWidget):
    """The view with one button for each preset above it."""

    def __init__(self, scene: HeadScene, latency: LatencyLog) -> None:
        super().__init__()
        self.view = SceneView(scene, latency)
        self._scene = scene
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for preset, title, key in _PRESETS:
            button = QPushButton(title)
            button.setObjectName(f"view-{preset.name.lower()}")
            button.setShortcut(QKeySequence(key))
            button.setToolTip(f"{title} (key {key})")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _checked, preset=preset: self.look(preset))
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        layout.addWidget(self.view, 1)

    def look(self, preset: ViewPreset) -> None:
        """Look at the head from `preset`."""
        self._scene.set_view(preset)
        self.view.invalidate()


def _coil_state(navigation: Navigation | None, now_ns: int) -> CoilState:
    if navigation is None or not navigation.fresh(now_ns):
        return CoilState.HIDDEN
    return CoilState.LIVE if navigation.tracked else CoilState.STALE
