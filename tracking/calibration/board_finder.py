"""Finds a ChArUco board in a picture: its tags with edge-fitted corners and its saddle points.

In: a board and pictures of one camera. Out: a :class:`BoardView` of each picture that shows the
board. A camera that mirrors its pictures is recognised, since the markers then decode only after
the picture is turned back, and so is a board that is printed otherwise than described.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from tracking.calibration.board import Board
from tracking.calibration.board_corners import refine_board_corners
from tracking.cameras import Camera
from tracking.detection import TagObservation
from tracking.saddles import refine_saddles

FloatArray = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

FEWEST_TAGS = 2
"""Tags that must lie as on the board: one alone may be anything with four corners."""

SETTLING_TAGS = 4
"""Tags that settle how the board and the pictures are to be read."""

SETTLING_SHARE = 0.75
"""...if they are this part of the board's tags that were read."""

LARGEST_MISFIT = 0.3
"""How far a corner may lie from where the others put it, in squares: lenses bend, boards bow."""

BORDER_PX = 12
"""What is kept around the board of a picture, to refine it again."""


@dataclass(frozen=True, eq=False, slots=True)
class BoardView:
    """The board in one picture. All pixels are those of the picture turned back if mirrored.

    Attributes
    ----------
    camera, time_ns
        Whose picture it is and when it was taken.
    tags
        (M,) ids of the tags found.
    tag_corners
        (M, 4, 2) pixels, edge-fitted.
    saddles
        (K,) indices into `Board.saddles`.
    saddle_points
        (K, 2) pixels.
    patch, origin
        The part of the picture that shows the board (upright, black on white), and the pixel
        (x, y) of its first one.
    mirrored
        Whether the board is seen mirrored in the picture as it comes.
    """

    camera: str
    time_ns: int
    tags: NDArray[np.int64]
    tag_corners: FloatArray
    saddles: NDArray[np.int64]
    saddle_points: FloatArray
    patch: GreyImage
    origin: tuple[int, int]
    mirrored: bool = False

    @property
    def pixels(self) -> FloatArray:
        """(K + 4 M, 2) saddle points, then tag corners."""
        return np.concatenate([self.saddle_points, self.tag_corners.reshape(-1, 2)])

    def points(self, board: Board) -> FloatArray:
        """(K + 4 M, 3) where `pixels` lie on the board, mm."""
        corners = board.tag_corners[self.tags].reshape(-1, 3)
        return np.concatenate([board.saddles[self.saddles], corners])

    def without(self, saddles: NDArray[np.bool_], corners: NDArray[np.bool_]) -> BoardView:
        """Keep the good `saddles` (K,), and the tags all of whose `corners` (M, 4) are good."""
        tags = corners.all(axis=1)
        return replace(
            self,
            tags=self.tags[tags],
            tag_corners=self.tag_corners[tags],
            saddles=self.saddles[saddles],
            saddle_points=self.saddle_points[saddles],
        )


def spread_directions(corners: FloatArray) -> FloatArray:
    """How corners (M, 4, 2) of tags move, per pixel, when all their sides move outwards.

    Over-exposure and sharpening make what is bright larger and what is dark smaller.
    """
    sides = np.roll(corners, -1, axis=1) - corners
    length = np.maximum(np.linalg.norm(sides, axis=2, keepdims=True), 1e-9)
    # Clockwise with y down: outwards is to the left of each side.
    normal = np.stack([sides[:, :, 1], -sides[:, :, 0]], axis=2) / length
    before = np.roll(normal, 1, axis=1)
    cosine = (normal * before).sum(axis=2, keepdims=True)
    return np.asarray((normal + before) / np.maximum(1 + cosine, 0.2))


@dataclass(frozen=True, slots=True)
class Reading:
    """How pictures are to be read: the board as it is printed, and whether they are mirrored."""

    board: Board
    mirrored: bool


class BoardFinder:
    """Finds `board` in the pictures of one camera. Used by one thread at a time.

    The first pictures settle whether the camera mirrors and whether the board is printed as
    described; from then on that is taken for granted.
    """

    def __init__(self, board: Board) -> None:
        self._described = board
        self._settled: Reading | None = None
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_NONE
        self._detector = cv2.aruco.ArucoDetector(board.markers(), parameters)

    @property
    def reading(self) -> Reading | None:
        """How the pictures are to be read; None until it is settled."""
        return self._settled

    @property
    def board(self) -> Board:
        """The board as it is printed, as far as known."""
        return self._described if self._settled is None else self._settled.board

    def find(
        self, image: GreyImage, camera: str = "", time_ns: int = 0, lens: Camera | None = None
    ) -> BoardView | None:
        """Find the board in `image`; None if it does not show it.

        Parameters
        ----------
        image
            (height, width) grey.
        camera, time_ns
            Noted in the view.
        lens
            The camera if it is calibrated already: straight sides are then straight.
        """
        reading, tags = self._read(image)
        if reading is None:
            return None
        upright = _upright(image, reading)
        view = _view(upright, reading.board, tags, lens, camera, time_ns)
        return None if view is None else replace(view, mirrored=reading.mirrored)

    def _read(self, image: GreyImage) -> tuple[Reading | None, list[TagObservation]]:
        best: tuple[Reading | None, list[TagObservation]] = (None, [])
        enough = min(SETTLING_TAGS, len(self._described.tag_corners))
        for reading in self._readings():
            found, known = self._tags(_upright(image, reading), reading.board)
            if len(found) > len(best[1]):
                best = reading, found
            # Laid out the other way, every other row of tags would lie as on the board too.
            if len(found) >= max(enough, SETTLING_SHARE * known):
                self._settled = reading
                break
        return best if len(best[1]) >= FEWEST_TAGS else (None, [])

    def _readings(self) -> list[Reading]:
        """Tell what to try, the likeliest first."""
        if self._settled is not None:
            return [self._settled]
        board = self._described
        boards = [board]
        if board.rows % 2 == 0:
            boards.append(board.model_copy(update={"legacy_pattern": not board.legacy_pattern}))
        boards += [one.model_copy(update={"inverted": not one.inverted}) for one in boards]
        return [Reading(one, mirrored) for one in boards for mirrored in (False, True)]

    def _tags(self, upright: GreyImage, board: Board) -> tuple[list[TagObservation], int]:
        """Tags that lie as on the board, and how many tags of it were read at all."""
        quads, ids, _ = self._detector.detectMarkers(upright)
        known = [
            TagObservation(int(tag), np.asarray(quad, np.float64).reshape(4, 2))
            for tag, quad in zip(np.ravel(ids) if quads else (), quads, strict=True)
            if tag < len(board.tag_corners)
        ]
        return _consistent(known, board), len({one.tag for one in known})


def rough_camera(width: int, height: int) -> Camera:
    """Give a camera of that size of which nothing else is known: about 60 degrees wide."""
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    focal = 0.87 * max(width, height)
    return Camera(
        name="",
        width=width,
        height=height,
        matrix=np.array([[focal, 0, centre_x], [0, focal, centre_y], [0, 0, 1.0]]),
        distortion=np.zeros(5),
        camera_from_world=RigidTransform.identity(),
    )


def refine_again(view: BoardView, board: Board, lens: Camera) -> BoardView:
    """Fit the sides of the tags of `view` anew, now that the lens is known.

    Tags that are not found again keep their corners.
    """
    before = [
        TagObservation(int(tag), corners - view.origin)
        for tag, corners in zip(view.tags, view.tag_corners, strict=True)
    ]
    matrix = lens.matrix.copy()
    matrix[:2, 2] -= view.origin
    found = refine_board_corners(
        view.patch, before, board.marker_modules, replace(lens, matrix=matrix)
    )
    refined = {one.tag: one.corners + view.origin for one in found}
    corners = [
        refined.get(int(tag), corners)
        for tag, corners in zip(view.tags, view.tag_corners, strict=True)
    ]
    return replace(view, tag_corners=np.array(corners).reshape(-1, 4, 2))


def _upright(image: GreyImage, reading: Reading) -> GreyImage:
    """Turn the picture to what it were of a board black on white and without a mirror."""
    turned = image[:, ::-1] if reading.mirrored else image
    return np.ascontiguousarray(255 - turned if reading.board.inverted else turned)


def _consistent(tags: list[TagObservation], board: Board) -> list[TagObservation]:
    """Those of `tags` that one view of the flat board explains, each id once."""
    if len(tags) < FEWEST_TAGS:
        return []
    pixels = np.concatenate([one.corners for one in tags])
    places = np.concatenate([board.tag_corners[one.tag][:, :2] for one in tags])
    limit = LARGEST_MISFIT * board.square
    turn, inliers = cv2.findHomography(pixels, places, cv2.RANSAC, limit)
    if not np.any(inliers):
        return []
    put = cv2.perspectiveTransform(pixels.reshape(-1, 1, 2), turn).reshape(-1, 4, 2)
    off = np.linalg.norm(put - places.reshape(-1, 4, 2), axis=2).max(axis=1)
    kept: dict[int, TagObservation] = {}
    for index in np.argsort(off):
        if off[index] <= limit:
            kept.setdefault(tags[index].tag, tags[index])
    return [kept[tag] for tag in sorted(kept)] if len(kept) >= FEWEST_TAGS else []


def _view(
    upright: GreyImage,
    board: Board,
    tags: list[TagObservation],
    lens: Camera | None,
    camera: str,
    time_ns: int,
) -> BoardView | None:
    refined = refine_board_corners(upright, tags, board.marker_modules, lens)
    if len(refined) < FEWEST_TAGS:
        return None
    saddles, guesses, spacing = _guessed_saddles(refined, board, upright.shape)
    saddle_points, good = refine_saddles(upright, guesses, spacing=spacing)
    corners = np.array([one.corners for one in refined])
    low = np.maximum(np.floor(corners.min(axis=(0, 1))).astype(int) - BORDER_PX, 0)
    high = np.ceil(corners.max(axis=(0, 1))).astype(int) + BORDER_PX
    return BoardView(
        camera=camera,
        time_ns=time_ns,
        tags=np.array([one.tag for one in refined], dtype=np.int64),
        tag_corners=corners,
        saddles=saddles[good],
        saddle_points=saddle_points[good],
        patch=upright[low[1] : high[1], low[0] : high[0]].copy(),
        origin=(int(low[0]), int(low[1])),
    )


def _guessed_saddles(
    tags: list[TagObservation], board: Board, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Saddle points beside `tags`: which, where the tags put them, and how far off a tag is."""
    near: dict[int, list[tuple[NDArray[Any], float]]] = {}
    gap = board.square * (1 - board.marker_ratio) / 2
    diagonals = gap * np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    for one in tags:
        places = board.tag_corners[one.tag]
        turn = cv2.getPerspectiveTransform(
            places[:, :2].astype(np.float32), one.corners.astype(np.float32)
        )
        distance = np.linalg.norm(board.saddles - places.mean(axis=0), axis=1)
        for saddle in np.flatnonzero(distance < 0.8 * board.square).tolist():
            spots = board.saddles[saddle, :2] + np.vstack([[0.0, 0.0], diagonals])
            put = cv2.perspectiveTransform(spots.reshape(-1, 1, 2), turn).reshape(-1, 2)
            spacing = np.linalg.norm(put[1:] - put[0], axis=1).min()
            near.setdefault(saddle, []).append((put[0], float(spacing)))
    indices = np.array(sorted(near), dtype=np.int64)
    pixels = np.array([np.mean([one for one, _ in near[k]], axis=0) for k in indices.tolist()])
    spacings = np.array([min(one for _, one in near[k]) for k in indices.tolist()])
    height, width = shape
    pixels = pixels.reshape(-1, 2)
    inside = ((pixels >= 4) & (pixels <= np.array([width, height]) - 5)).all(axis=1)
    return indices[inside], pixels[inside], spacings[inside]
