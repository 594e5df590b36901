"""Gathers views of the board: which pictures are worth keeping, what they cover, what is missing.

In: frames of one or several cameras, instant by instant. Out: the views kept, and in words the one
thing that would help most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking.calibration.board import Board
from tracking.calibration.board_finder import BoardFinder, BoardView, rough_camera
from tracking.calibration.collector import CalibrationError
from tracking.calibration.first_guess import guess_poses
from tracking.calibration.lens import lens_of
from tracking.calibration.result import DeviceSettings
from tracking.cameras import Camera
from tracking.frames import Frame

FloatArray = NDArray[np.float64]

FIELDS = (6, 8)
"""Rows and columns into which a picture is divided to see what is covered."""

NOVEL, FULL_NOVEL = 0.004, 0.03
"""A view is kept if the board has moved by this part of the picture's width from all others: at
first, and once many instants are kept."""

MANY_INSTANTS, MOST_INSTANTS = 120, 240

PAUSE_NS = 120_000_000
"""Least time between two instants that are kept."""

FASTEST = 0.3
"""Widths of the picture per second above which the board blurs and skews."""

QUICK_NS = 100_000_000
"""Speed is told only from pictures closer in time than this."""

TILTED_DEG = 18.0

PLACES = (
    ("upper left", "upper middle", "upper right"),
    ("middle left", "middle", "middle right"),
    ("lower left", "lower middle", "lower right"),
)


@dataclass(frozen=True, eq=False, slots=True)
class CalibrationCamera:
    """A camera that is to be calibrated.

    Attributes
    ----------
    name
        As its frames name it.
    settings
        With what it takes its pictures; the result holds only for these.
    lens
        Its intrinsics if they are known and to be kept.
    """

    name: str
    settings: DeviceSettings
    lens: Camera | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures."""
        return self.settings.width, self.settings.height


@dataclass(slots=True)
class _Kept:
    """What is kept of one camera."""

    finder: BoardFinder
    coverage: NDArray[np.int64]
    outlines: list[FloatArray]
    tilts: list[float]
    last: tuple[int, FloatArray] | None = None
    too_fast: bool = False


class BoardGathering:
    """Views of `board` by `cameras`. Used by one thread at a time.

    Raises
    ------
    CalibrationError
        If the cameras' names are not their own, or a lens to be kept is of another size.
    """

    def __init__(self, cameras: Sequence[CalibrationCamera], board: Board) -> None:
        self.cameras = {camera.name: camera for camera in cameras}
        if len(self.cameras) < len(cameras) or not cameras:
            raise CalibrationError("Each camera needs its own name. Rename one of them.")
        for camera in cameras:
            _check_lens(camera)
        self.described = board
        self.instants: list[list[BoardView]] = []
        self.pictures = dict.fromkeys(self.cameras, 0)
        self._kept = {
            name: _Kept(BoardFinder(board), np.zeros(FIELDS, dtype=np.int64), [], [])
            for name in self.cameras
        }

    def add(self, frames: Sequence[Frame]) -> dict[str, BoardView]:
        """Look at the frames of one instant and keep what is new in them.

        Raises
        ------
        CalibrationError
            If a frame has not the size that the camera is said to have.
        """
        found = {}
        for frame in frames:
            camera = self.cameras[frame.camera]
            height, width = frame.image.shape
            if (width, height) != camera.size:
                raise CalibrationError(
                    f"Camera '{camera.name}' gives pictures of {width} x {height} pixels, not "
                    f"{camera.size[0]} x {camera.size[1]}. Calibrate it at one resolution."
                )
            self.pictures[frame.camera] += 1
            finder = self._kept[frame.camera].finder
            view = finder.find(frame.image, frame.camera, frame.time_ns, camera.lens)
            if view is not None:
                found[frame.camera] = view
        novel = [self._is_novel(view) for view in found.values()]
        if any(novel) and len(self.instants) < MOST_INSTANTS and self._is_time(frames):
            self.instants.append(list(found.values()))
            for view in found.values():
                self._note(view)
        return found

    def mirrored(self, camera: str) -> bool:
        """Whether the pictures of `camera` are mirrored, as far as was seen."""
        reading = self._kept[camera].finder.reading
        return reading is not None and reading.mirrored

    def board(self) -> Board:
        """Give the board as it is printed, which may differ from how it was described."""
        boards = [
            kept.finder.reading.board
            for kept in self._kept.values()
            if kept.finder.reading is not None
        ]
        return max(boards, key=boards.count) if boards else self.described

    def views(self, camera: str) -> list[BoardView]:
        """Give the views of `camera` that were kept."""
        return [view for instant in self.instants for view in instant if view.camera == camera]

    def coverage(self) -> dict[str, NDArray[np.int64]]:
        """Camera name -> (6, 8) points gathered in each field of its picture as it comes."""
        return {
            name: kept.coverage[:, ::-1] if self.mirrored(name) else kept.coverage
            for name, kept in self._kept.items()
        }

    def covered(self, camera: str) -> float:
        """Share of the fields of `camera` in which the board was seen."""
        return float((self._kept[camera].coverage > 0).mean())

    def tilted(self, camera: str) -> int:
        """Count the views of `camera` in which the board is clearly tilted."""
        return sum(tilt >= TILTED_DEG for tilt in self._kept[camera].tilts)

    def too_fast(self) -> bool:
        """Whether the board moved too fast in the newest pictures."""
        return any(kept.too_fast for kept in self._kept.values())

    def empty_place(self, camera: str) -> str:
        """Where in the picture of `camera`, as it comes, the board was seen least."""
        blocks = self.coverage()[camera].reshape(3, 2, 8)
        thirds = np.stack(
            [part.sum(axis=(1, 2)) for part in np.array_split(blocks, 3, axis=2)], axis=1
        )
        row, column = np.unravel_index(int(np.argmin(thirds)), thirds.shape)
        return PLACES[int(row)][int(column)]

    def shown(self, found: Mapping[str, BoardView]) -> dict[str, FloatArray]:
        """Pixels of `found` in the pictures as they come."""
        shown = {}
        for name, view in found.items():
            pixels = view.pixels.copy()
            if self.mirrored(name):
                pixels[:, 0] = self.cameras[name].size[0] - 1 - pixels[:, 0]
            shown[name] = pixels
        return shown

    def _is_novel(self, view: BoardView) -> bool:
        kept, camera = self._kept[view.camera], self.cameras[view.camera]
        outline = _outline(view, kept.finder.board) / camera.size[0]
        before, kept.last = kept.last, (view.time_ns, outline)
        kept.too_fast = False
        if before is not None and 0 < view.time_ns - before[0] < QUICK_NS:
            moved = float(np.abs(outline - before[1]).max())
            kept.too_fast = moved / (view.time_ns - before[0]) * 1e9 > FASTEST
        least = NOVEL if len(self.instants) < MANY_INSTANTS else FULL_NOVEL
        return not kept.too_fast and all(
            float(np.linalg.norm(outline - other, axis=1).max()) > least for other in kept.outlines
        )

    def _is_time(self, frames: Sequence[Frame]) -> bool:
        if not self.instants:
            return True
        last = max(view.time_ns for view in self.instants[-1])
        return abs(min(frame.time_ns for frame in frames) - last) >= PAUSE_NS

    def _note(self, view: BoardView) -> None:
        kept, camera = self._kept[view.camera], self.cameras[view.camera]
        kept.outlines.append(_outline(view, kept.finder.board) / camera.size[0])
        rows = np.clip(view.pixels[:, 1] / camera.size[1] * FIELDS[0], 0, FIELDS[0] - 1)
        columns = np.clip(view.pixels[:, 0] / camera.size[0] * FIELDS[1], 0, FIELDS[1] - 1)
        np.add.at(kept.coverage, (rows.astype(int), columns.astype(int)), 1)
        lens = lens_of(camera.lens or rough_camera(*camera.size))
        poses, _ = guess_poses(view, kept.finder.board, lens)
        if poses:
            kept.tilts.append(float(np.rad2deg(np.arccos(np.clip(poses[0][2, 2], -1, 1)))))


def _outline(view: BoardView, board: Board) -> FloatArray:
    """(4, 2) pixels of the board's four corners, by an affine fit, which far-off points bear."""
    points, pixels = view.points(board)[:, :2], view.pixels
    design = np.column_stack([points, np.ones(len(points))])
    fit = np.linalg.lstsq(design, pixels, rcond=None)[0]
    width, height = 2 * board.centre[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]])
    return np.asarray(corners @ fit)


def _check_lens(camera: CalibrationCamera) -> None:
    if camera.lens is None:
        return
    if (camera.lens.width, camera.lens.height) != camera.size:
        raise CalibrationError(
            f"The intrinsics of camera '{camera.name}' are for {camera.lens.width} x "
            f"{camera.lens.height} pixels, its pictures have {camera.size[0]} x "
            f"{camera.size[1]}. Calibrate its intrinsics at this resolution first."
        )
    try:
        lens_of(camera.lens)
    except ValueError as error:
        raise CalibrationError(
            f"The intrinsics of camera '{camera.name}' cannot be kept: {error} "
            "Calibrate its intrinsics anew."
        ) from error
