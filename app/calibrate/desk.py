"""The desk: the room's setup, what can be calibrated in it, and what was decided.

In: a setup folder, orders of a person. Out: running calibrations; decisions kept beside the setup,
and in force if accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from psygnal import Signal

from app.calibrate.instants import Instants, LiveInstants, RecordedInstants
from app.calibrate.offers import Offer, Order, offers
from app.calibrate.run import CannotBegin, Run
from app.live.room_cameras import RoomCameras
from tracking.bodies import MarkerBody
from tracking.body_file import default_body_file, read_body_file
from tracking.calibration.board import Board, read_board
from tracking.calibration.body_geometry import BodyCollector, BodyRequest, Scale
from tracking.calibration.coil_description import read_coil_description
from tracking.calibration.coil_dimples import DimpleCollector
from tracking.calibration.coil_puck import PuckCollector
from tracking.calibration.collector import CalibrationError, Collector
from tracking.calibration.extrinsics import ExtrinsicsCollector
from tracking.calibration.gathering import CalibrationCamera
from tracking.calibration.intrinsics import IntrinsicsCollector
from tracking.calibration.pointer import PointerCollector
from tracking.calibration.result import CalibrationResult, DeviceSettings
from tracking.cameras import Camera
from tracking.devices import Device, list_devices
from tracking.frames import FrameSource, FrameSourceError
from tracking.live_camera import camera_for_calibration, open_live_camera
from tracking.recordings import Recording, open_recording
from tracking.setups import Setup, SetupCamera, SetupError, decide, read_setup
from tracking.tag_ids import tag_ids

OpenCamera = Callable[[SetupCamera], FrameSource]

COIL_BODY, POINTER, PUCK = "coil_body", "pointer", "puck"


@dataclass(frozen=True, eq=False, slots=True)
class _Pictures:
    """Where pictures come from, and what is known of the cameras that take them."""

    source: str
    sizes: tuple[CalibrationCamera, ...]
    cameras: tuple[Camera, ...]
    bodies: Mapping[str, MarkerBody]
    board: Board | None
    recording: Recording | None


class RoomDesk:
    """Calibrates one room.

    Parameters
    ----------
    folder
        The setup.
    open_raw, open_calibrated
        How its cameras are opened: as they are, for boards, and as tracking sees them.
    in_force
        From when on an accepted calibration is used, in words.
    look
        Lists attached cameras.

    Attributes
    ----------
    accepted
        Emitted, with what it is of, when a calibration was accepted.
    cameras
        The room's cameras, to be added and removed.
    setup
        What is in force.

    Raises
    ------
    SetupError
        If the setup cannot be read.
    """

    accepted = Signal(str)

    def __init__(
        self,
        folder: Path,
        *,
        open_raw: OpenCamera = camera_for_calibration,
        open_calibrated: OpenCamera = open_live_camera,
        in_force: str = "from now on",
        look: Callable[[], tuple[Device, ...]] = list_devices,
    ) -> None:
        self._folder = folder
        self._in_force = in_force
        self._open_raw = open_raw
        self._open_calibrated = open_calibrated
        self.setup = read_setup(folder)
        self.cameras = RoomCameras(folder, look)
        self.cameras.changed.connect(self._read_again)

    @property
    def title(self) -> str:
        """Which room."""
        return f"{self.setup.name} ({self._folder.name})"

    @property
    def live(self) -> bool:
        """Whether the setup has cameras."""
        return bool(self.setup.cameras)

    def offers(self) -> tuple[Offer, ...]:
        """List what can be calibrated now."""
        return offers(self.setup)

    def begin(self, order: Order) -> Run:
        """Begin a calibration.

        Raises
        ------
        CannotBegin
            If something that it needs is missing or cannot be read.
        """
        try:
            pictures = self._pictures(order)
            collector = self._collector(order, pictures)
            instants = self._instants(order, pictures)
        # A ValueError: a board, body, coil or list of tags that cannot be, or that do not go
        # together, each said in its message.
        except (CalibrationError, FrameSourceError, SetupError, ValueError) as error:
            raise CannotBegin(str(error)) from error
        return Run(collector, instants)

    def decide(self, result: CalibrationResult, accepted: bool) -> str:
        """Keep the decision on `result`; say what was done."""
        try:
            self.setup, kept = decide(self._folder, result, accepted=accepted)
        except (OSError, SetupError, ValueError) as error:
            return f"Nothing was kept: {error}"
        words = "Rejected; what was before stays"
        if accepted:
            words = f"Accepted, in force {self._in_force}"
            self.accepted.emit(result.subject)
        return f"{words}. Kept as {kept.name}."

    def _read_again(self) -> None:
        self.setup = read_setup(self._folder)

    def _pictures(self, order: Order) -> _Pictures:
        bodies = {body.name: body.body() for body in self.setup.bodies}
        if order.recording is not None:
            return _recorded(open_recording(order.recording), self.setup, bodies)
        if not self.setup.cameras:
            raise SetupError("The room has no cameras: add one first.")
        whole = [camera for camera in self.setup.cameras if camera.intrinsics is not None]
        return _Pictures(
            source=f"live cameras of {self.setup.name}",
            sizes=tuple(
                CalibrationCamera(
                    camera.name,
                    camera.settings,
                    None if camera.intrinsics is None else camera.camera(),
                )
                for camera in self.setup.cameras
            ),
            cameras=tuple(camera.camera() for camera in whole),
            bodies=bodies,
            board=None,
            recording=None,
        )

    def _instants(self, order: Order, pictures: _Pictures) -> Instants:
        if pictures.recording is not None:
            return RecordedInstants(pictures.recording.frames())
        raw = order.kind in ("lens", "places")
        opener = self._open_raw if raw else self._open_calibrated
        return LiveInstants([opener(camera) for camera in self.setup.cameras])

    def _collector(self, order: Order, pictures: _Pictures) -> Collector:
        if order.kind in ("lens", "places"):
            return self._board_collector(order, pictures)
        if not pictures.cameras:
            raise CalibrationError("No camera is calibrated: begin with the lens of each camera.")
        source = pictures.source
        if order.kind == "body":
            return _body_collector(order.values, pictures)
        if order.kind == "pointer":
            return PointerCollector(pictures.cameras, _body(pictures, POINTER), source=source)
        if order.kind == "puck":
            return self._puck_collector(order.values, pictures)
        if self.setup.pointer_tip is None:
            raise CalibrationError("The pointer has no calibrated tip: begin with that.")
        return DimpleCollector(
            pictures.cameras,
            _body(pictures, COIL_BODY),
            _body(pictures, POINTER),
            np.array(self.setup.pointer_tip),
            read_coil_description(_file(order.values, "dimples", "the coil's dimples")),
            source=source,
        )

    def _board_collector(self, order: Order, pictures: _Pictures) -> Collector:
        text = order.values.get("board", "")
        board = read_board(Path(text)) if text else pictures.board or Board()
        if order.kind == "places":
            return ExtrinsicsCollector(pictures.sizes, board, pictures.source)
        fresh = [CalibrationCamera(one.name, one.settings) for one in pictures.sizes]
        return IntrinsicsCollector(fresh, board, pictures.source)

    def _puck_collector(self, values: Mapping[str, str], pictures: _Pictures) -> Collector:
        text = values.get("puck", "")
        file = read_body_file(Path(text)) if text else default_body_file(PUCK)
        before = self.setup.coil_body_from_coil
        return PuckCollector(
            pictures.cameras,
            _body(pictures, COIL_BODY),
            file.body(),
            before=None if before is None else before.transform(),
            source=pictures.source,
        )


def _recorded(recording: Recording, setup: Setup, bodies: Mapping[str, MarkerBody]) -> _Pictures:
    """Give a recording's cameras, as the setup has them where it has them calibrated."""
    known = {one.name: one for one in setup.cameras if one.intrinsics is not None}
    sizes, cameras = [], []
    for one in recording.cameras:
        lens = known[one.name].camera() if one.name in known else one.calibration
        settings = DeviceSettings(width=one.width, height=one.height)
        if one.name in known:
            settings = known[one.name].settings
        if (settings.width, settings.height) != (one.width, one.height):
            raise CalibrationError(
                f"The setup has camera '{one.name}' at {settings.width} x {settings.height} "
                f"pixels, the recording at {one.width} x {one.height}. Record it anew."
            )
        sizes.append(CalibrationCamera(one.name, settings, lens))
        cameras += [] if lens is None else [lens]
    return _Pictures(
        source=recording.name,
        sizes=tuple(sizes),
        cameras=tuple(cameras),
        bodies={body.name: body for body in recording.bodies} | dict(bodies),
        board=recording.board,
        recording=recording,
    )


def _body_collector(values: Mapping[str, str], pictures: _Pictures) -> BodyCollector:
    name, text = values.get("name", ""), values.get("tag_size", "")
    if not name:
        raise CalibrationError("The body needs a name: head, coil_body or pointer.")
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < 1000:
        raise CalibrationError(f"'{text}' is no side of a tag: enter it in mm, as measured.")
    request = BodyRequest(name, tag_ids(values.get("tags", "")), pictures.bodies.get(name))
    return BodyCollector(
        pictures.cameras,
        [request],
        scale=Scale(size),
        family=values.get("family", "36h11"),
        source=pictures.source,
    )


def _body(pictures: _Pictures, name: str) -> MarkerBody:
    if name not in pictures.bodies:
        raise CalibrationError(f"There is no marker body '{name}': calibrate it first.")
    return pictures.bodies[name]


def _file(values: Mapping[str, str], key: str, what: str) -> Path:
    text = values.get(key, "")
    if not text:
        raise CalibrationError(f"Choose the file of {what}.")
    return Path(text)
