"""Damaged messages and sequences: a sentence, or poses that are poses; nothing else."""

from __future__ import annotations

import random

import numpy as np
import psutil
import pytest

from tests.tracking.igtl.test_messages import AGES, PUBLISHED
from tests.tracking.making_sequences import FOOTER, HEADER, coil_at, frame_text, head_at
from tests.tracking.mutations import mutate
from tracking.foreign_poses import TransformNames
from tracking.igtl.contents import IgtlFormatError, Tool, TrackingData, Transform
from tracking.igtl.crc64 import crc64
from tracking.igtl.messages import HEADER_BYTES, MAX_BODY_BYTES, Message, pack
from tracking.igtl.reception import Reception
from tracking.igtl.stream import MessageStream
from tracking.plus_sequence import read_sequence
from tracking.pose_source import PoseSourceError
from tracking.poses import TrackingState
from tracking.sequence_source import SequencePoses, replay_sequence

SHORT, LONG = 400, 20_000
MEMORY_MB = 150


def _messages():
    tools = (
        Tool("HeadToTracker", 2, head_at(0).as_matrix()),
        Tool("Pen", 1, coil_at(0).as_matrix()),
    )
    contents = [content for content, *_ in PUBLISHED]
    contents += [Transform(head_at(1).as_matrix()), TrackingData(tools)]
    for content in contents:
        for version in (1, 2, 3):
            yield pack(Message("HeadToTracker", content, 10**18, AGES, 7), version=version)


MESSAGES = list(_messages())
TEXT = (HEADER + "".join(frame_text(k) for k in range(4)) + FOOTER).encode() + bytes(500)


def sealed(data: bytes) -> bytes:
    """Give a damaged message its right length and check sum, so that its inside is looked at."""
    if len(data) < HEADER_BYTES:
        return data
    body = data[HEADER_BYTES:]
    return data[:42] + len(body).to_bytes(8, "big") + crc64(body).to_bytes(8, "big") + body


def receive(dice: random.Random) -> bool:
    """Let one damaged stream in, in pieces; whether it was refused."""
    stream, reception = MessageStream(), Reception(TransformNames(others=True))
    whole = [mutate(dice.choice(MESSAGES), dice) for _ in range(dice.randint(1, 3))]
    data = b"".join(sealed(one) if dice.random() < 0.6 else one for one in whole)
    at, now_ns = 0, 10**12
    try:
        while at < len(data):
            step = dice.choice([1, 7, 58, 1000])
            for message in stream.feed(data[at : at + step]):
                now_ns += 10**7
                for pose in reception.take(message, now_ns):
                    sound(pose)
            at += step
            assert len(stream._kept) <= HEADER_BYTES + MAX_BODY_BYTES
    except IgtlFormatError:
        return True
    complaint = reception.complaint
    assert complaint is None or "\n" not in complaint
    return False


def sound(pose):
    """Fail unless `pose` is lost or truly rigid."""
    if pose.state is not TrackingState.TRACKED:
        assert pose.world_from_body is None
        return
    matrix = pose.world_from_body.as_matrix()
    assert np.isfinite(matrix).all()
    assert np.abs(matrix[:3, :3] @ matrix[:3, :3].T - np.eye(3)).max() < 1e-9
    assert np.linalg.det(matrix[:3, :3]) > 0


def read(dice: random.Random, path) -> bool:
    """Read one damaged sequence; whether it was refused."""
    path.write_bytes(mutate(TEXT, dice))
    try:
        poses = SequencePoses(read_sequence(path), TransformNames(others=True))
    except PoseSourceError:
        return True
    replay_sequence(poses, lambda tracked: [sound(pose) for pose in tracked.poses.values()])
    return False


def memory_mb():
    return psutil.Process().memory_info().rss / 1e6


def trial(count, one):
    """Run `one` so often; some must be refused and some not, and memory must stay bounded."""
    before = memory_mb()
    refused = sum(one(random.Random(seed)) for seed in range(count))
    assert 0.1 * count < refused < 0.95 * count
    assert memory_mb() - before < MEMORY_MB


def test_damaged_messages():
    trial(SHORT, receive)


def test_damaged_sequences(tmp_path):
    trial(SHORT, lambda dice: read(dice, tmp_path / "damaged.igs.mha"))


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
def test_many_damaged_messages():
    trial(LONG, receive)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
def test_many_damaged_sequences(tmp_path):
    trial(LONG, lambda dice: read(dice, tmp_path / "damaged.igs.mha"))
