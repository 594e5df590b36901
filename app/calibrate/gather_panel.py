"""Gathering on screen: the cameras' pictures, the one thing to do next, how far it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.calibrate.coverage_picture import coverage_picture
from app.calibrate.gathering import Snapshot, Stage
from app.calibrate.readings import progress_sentence, trouble_sentence
from app.widgets import theme
from app.widgets.pictures import fitted, qimage
from render import palette
from tracking.frames import Frame

NOTHING_FOUND: NDArray[np.float64] = np.empty((0, 2))
NO_MAP: NDArray[np.int64] = np.empty((0, 0), dtype=np.int64)


class GatherPanel(QWidget):
    """Shows a calibration that gathers.

    Parameters
    ----------
    solve
        Called when the person wants the result.
    leave
        Called when the person gives up.
    """

    def __init__(self, solve: Callable[[], None], leave: Callable[[], None]) -> None:
        super().__init__()
        self._hint = QLabel("")
        self._hint.setFont(theme.number_font(24))
        self._hint.setWordWrap(True)
        self._hint.setAccessibleName("What to do")
        self._hint.setMinimumHeight(72)
        self._trouble = QLabel("")
        self._trouble.setWordWrap(True)
        self._trouble.setFont(theme.number_font(15))
        self._trouble.setAccessibleName("Trouble")
        theme.set_colour(self._trouble, palette.VERMILION)
        self._share = QProgressBar()
        self._share.setRange(0, 100)
        self._share.setAccessibleName("How much of what is needed is there")
        self._solve = QPushButton("Solve")
        self._solve.setObjectName("solve")
        self._solve.setToolTip("Compute the calibration from what was gathered")
        self._solve.clicked.connect(solve)
        self._leave = QPushButton("Give up")
        self._leave.setObjectName("leave")
        self._leave.clicked.connect(leave)
        self._grid = QGridLayout()
        self._grid.setSpacing(6)
        self._pictures: dict[str, _Picture] = {}
        self._build()

    def show_snapshot(self, snapshot: Snapshot, *, trouble: str, ended: bool) -> None:
        """Show the newest state."""
        self._hint.setText(progress_sentence(snapshot, ended=ended))
        wrong = trouble_sentence(snapshot, trouble)
        self._trouble.setText(wrong)
        self._trouble.setVisible(bool(wrong))
        progress = snapshot.progress
        gathering, solving = snapshot.stage is Stage.GATHERING, snapshot.stage is Stage.SOLVING
        self._share.setRange(0, 0 if solving else 100)
        if not solving:
            self._share.setValue(0 if progress is None else round(100 * progress.share))
        self._solve.setEnabled(gathering and progress is not None and progress.ready)
        for name, frame in snapshot.frames.items():
            found = NOTHING_FOUND if progress is None else progress.found.get(name, NOTHING_FOUND)
            covered = NO_MAP if progress is None else progress.coverage.get(name, NO_MAP)
            self._picture_of(name).show_frame(frame, found, covered)

    def forget(self) -> None:
        """Take away the pictures of the calibration before."""
        for picture in self._pictures.values():
            self._grid.removeWidget(picture)
            picture.deleteLater()
        self._pictures.clear()

    def _picture_of(self, camera: str) -> _Picture:
        if camera not in self._pictures:
            picture = self._pictures[camera] = _Picture(camera)
            columns = 1 if len(self._pictures) == 1 else 2 if len(self._pictures) <= 4 else 3
            for number, one in enumerate(self._pictures.values()):
                self._grid.addWidget(one, number // columns, number % columns)
            picture.show()
        return self._pictures[camera]

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self._leave)
        buttons.addStretch(1)
        buttons.addWidget(self._share, 2)
        buttons.addWidget(self._solve)
        layout = QVBoxLayout(self)
        layout.addWidget(self._hint)
        layout.addWidget(self._trouble)
        layout.addLayout(self._grid, 1)
        layout.addWidget(
            theme.caption("Crosses: found in this picture. Orange fields: too few points so far.")
        )
        layout.addLayout(buttons)


class _Picture(QWidget):
    """One camera's picture with what was found in it."""

    def __init__(self, camera: str) -> None:
        super().__init__()
        self._camera = camera
        self._shown: tuple[Frame, NDArray[np.float64], int] | None = None
        self._picture: NDArray[np.uint8] | None = None
        self.setAccessibleName(f"Camera {camera}")
        self.setMinimumSize(240, 135)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_frame(
        self, frame: Frame, found: NDArray[np.float64], coverage: NDArray[np.int64]
    ) -> None:
        """Show `frame`, unless it is shown already."""
        area = fitted(frame.image.shape[1], frame.image.shape[0], QRectF(self.rect()))
        width = round(area.width() * self.devicePixelRatioF())
        if self._shown is not None:
            before, points, wide = self._shown
            if before is frame and points is found and wide == width:
                return
        self._shown = (frame, found, width)
        self._picture = coverage_picture(frame.image, found, coverage, width)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(640, 360)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.SUNKEN))
        if self._picture is None:
            return
        height, width = self._picture.shape[:2]
        area = fitted(width, height, QRectF(self.rect()))
        painter.drawImage(area, qimage(self._picture))
        painter.setPen(QColor(palette.TEXT))
        corner = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        painter.drawText(area.adjusted(6, 4, -6, -4), corner, self._camera)
