"""A rig that navigates on another tracker: poses come over OpenIGTLink, nothing else changes."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from app.commands.output import Failure
from app.commands.window import other_tracker
from app.live.equipment import OTHER_MODE, foreign_equipment
from app.rig import OtherTracker, Rig, RigError
from app.session.store import SessionWriter
from tests.tracking.igtl.peers import raw_server, wait_until
from tracking.feed_description import TransformModel
from tracking.foreign_poses import KNOWN_NAMES
from tracking.igtl.contents import Transform
from tracking.igtl.messages import Message, pack
from tracking.poses import TrackingState
from tracking.setups import Setup, write_setup

TRACKER_FROM_HEAD = RigidTransform.from_components(
    [10.0, 20, 900], Rotation.from_rotvec([0.1, 0, 0])
)
TRACKER_FROM_COIL_BODY = RigidTransform.from_components([60.0, -40, 850], Rotation.identity())
COIL_BODY_FROM_COIL = RigidTransform.from_components([0.0, 100, 5], Rotation.identity())
MRI_FROM_HEAD = RigidTransform.from_components([1.0, 90, 30], Rotation.from_rotvec([1.0, 0, 0]))


class Tracker:
    """Sends the two transforms fifty times a second, a little different each time."""

    def __init__(self, server):
        self._server = server
        self.going = threading.Event()
        self.going.set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        count = 0
        while not self._ending.wait(0.02):
            if not self.going.is_set():
                continue
            count += 1
            data = b""
            for name, pose in (
                ("HeadToTracker", TRACKER_FROM_HEAD),
                ("CoilToTracker", TRACKER_FROM_COIL_BODY),
            ):
                matrix = pose.as_matrix()
                matrix[0, 3] += 1e-3 * (count % 7)
                data += pack(Message(name, Transform(matrix)))
            try:
                self._server.send(data)
            except OSError:
                return

    def close(self):
        self._ending.set()
        self._thread.join()


@pytest.fixture
def tracker():
    with raw_server() as server:
        made = Tracker(server)
        made.address = f"{server.address.host}:{server.address.port}"
        yield made
        made.close()


@pytest.fixture
def setup_folder(tmp_path):
    folder = tmp_path / "room.setup"
    setup = Setup(
        name="room",
        coil_body_from_coil=TransformModel.of(COIL_BODY_FROM_COIL),
        mri_from_head=TransformModel.of(MRI_FROM_HEAD),
    )
    write_setup(folder, setup)
    return folder


@pytest.fixture
def rig(tracker, setup_folder, tmp_path):
    other = OtherTracker(tracker.address, dict(KNOWN_NAMES))
    equipment = foreign_equipment(setup_folder, other)
    made = Rig(equipment, SessionWriter.create(tmp_path / "a.session", {"mode": equipment.mode}))
    made.start()
    yield made
    made.close()


def newest(rig):
    navigation = rig.navigator.newest
    return None if navigation is None else navigation.mri_from_coil


def test_the_coil_is_where_the_other_tracker_says(rig):
    wait_until(lambda: newest(rig) is not None, "a pose of the coil")
    mri_from_coil = newest(rig)
    expected = (
        MRI_FROM_HEAD * TRACKER_FROM_HEAD.inv() * TRACKER_FROM_COIL_BODY * COIL_BODY_FROM_COIL
    )
    assert np.allclose(mri_from_coil.as_matrix(), expected.as_matrix(), atol=0.02)
    assert set(rig.bodies) == {"head", "coil_body", "pointer"}
    assert rig.mode == OTHER_MODE
    assert rig.equipment.registered


def test_silence_is_lost_and_the_coil_comes_back(rig, tracker):
    wait_until(lambda: newest(rig) is not None, "a pose of the coil")
    tracker.going.clear()
    wait_until(
        lambda: rig.navigator.newest.poses["coil_body"].state is TrackingState.LOST, "losing it"
    )
    assert newest(rig) is None
    missing = [one for one in rig.permits(time.monotonic_ns()) if not one.given]
    assert missing
    tracker.going.set()
    wait_until(lambda: newest(rig) is not None, "the coil again")


def test_a_server_that_is_not_there_is_named_and_waited_for(setup_folder, tmp_path):
    equipment = foreign_equipment(setup_folder, OtherTracker("127.0.0.1:1", dict(KNOWN_NAMES)))
    rig = Rig(equipment, SessionWriter.create(tmp_path / "b.session", {}))
    rig.start()
    try:
        fault = wait_until(lambda: rig.fault(time.monotonic_ns()), "a fault")
        assert "127.0.0.1" in fault
    finally:
        rig.close()


def test_without_a_registration_it_says_so(setup_folder, tmp_path):
    write_setup(
        setup_folder,
        Setup(name="room", coil_body_from_coil=TransformModel.of(COIL_BODY_FROM_COIL)),
    )
    equipment = foreign_equipment(setup_folder, OtherTracker("127.0.0.1:1", dict(KNOWN_NAMES)))
    assert not equipment.registered
    assert equipment.target is None


def test_a_coil_that_is_not_calibrated_is_refused(setup_folder):
    write_setup(setup_folder, Setup(name="room"))
    with pytest.raises(RigError, match=r"coil .* is not calibrated"):
        foreign_equipment(setup_folder, OtherTracker("127.0.0.1:1", dict(KNOWN_NAMES)))


def test_words_on_the_command_line():
    given = other_tracker("10.0.0.2:18944", ["CapToTracker=head", "CoilToTracker=coil_body"])
    assert given.names == {"CapToTracker": "head", "CoilToTracker": "coil_body"}
    assert other_tracker("10.0.0.2", None).names == dict(KNOWN_NAMES)
    with pytest.raises(Failure):
        other_tracker("10.0.0.2:port", None)
    with pytest.raises(Failure):
        other_tracker("10.0.0.2", ["nonsense"])
