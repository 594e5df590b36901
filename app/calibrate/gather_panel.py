"""Gathering on screen: the cameras' pictures, the one thing to do next, how far it is."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.calibrate.gathering import Snapshot, Stage
from app.calibrate.picture_panel import NO_MAP, NOTHING_FOUND, PicturePanel
from app.calibrate.readings import progress_sentence, trouble_sentence
from app.widgets import theme
from render import palette


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
        # Never the first to have the focus: a stray key would throw everything away.
        self._leave.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._leave.clicked.connect(leave)
        self._grid = QGridLayout()
        self._grid.setSpacing(6)
        self._pictures: dict[str, PicturePanel] = {}
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
            self._picture_of(name).show_picture(frame.image, found, covered)

    def forget(self) -> None:
        """Take away the pictures of the calibration before."""
        for picture in self._pictures.values():
            self._grid.removeWidget(picture)
            picture.deleteLater()
        self._pictures.clear()

    def _picture_of(self, camera: str) -> PicturePanel:
        if camera not in self._pictures:
            picture = self._pictures[camera] = PicturePanel(camera)
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
