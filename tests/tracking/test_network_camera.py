"""Network cameras on loopback, at full rate, and with everything that networks do."""

from __future__ import annotations

import os
import time

import cv2
import numpy as np
import psutil
import pytest

from tests.tracking import making_feeds, rendering
from tests.tracking.mjpeg_server import MjpegServer, part
from tests.tracking.test_live_camera import reading, until
from tracking.image_stream import StreamFault
from tracking.live_camera import Connection, LiveCamera
from tracking.network_camera import MjpegStream, decode_grey, without_password
from tracking.pipeline import TrackingPipeline
from tracking.poses import TrackingState
from tracking.tracker import Tracker

LEFT = making_feeds.cameras()[0]


def encoded(image, quality=90) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


@pytest.fixture(scope="module")
def jpegs():
    return [
        encoded(
            rendering.render(
                LEFT,
                [
                    (making_feeds.HEAD, making_feeds.head_at(k / 10)),
                    (making_feeds.COIL, making_feeds.coil_at(k / 10)),
                ],
                k,
            )
        )
        for k in range(4)
    ]


def camera_at(server, silent_s=0.5) -> LiveCamera:
    return LiveCamera(
        LEFT,
        lambda: MjpegStream(server.address, connect_s=2.0, silent_s=silent_s),
        back_off_s=(0.01, 0.05),
    )


@pytest.mark.parametrize("rate", [30.0, 60.0])
def test_every_picture_that_is_served_is_tracked(jpegs, rate):
    most = int(rate)
    poses = []
    with MjpegServer(jpegs, rate, most=most) as server:
        camera = camera_at(server)
        pipeline = TrackingPipeline(
            [camera],
            Tracker([LEFT], [making_feeds.HEAD, making_feeds.COIL]),
            lambda tracked: poses.append(tracked) if tracked.frames else None,
            on_error=lambda error: pytest.fail(str(error)),
        )
        pipeline.start()
        until(lambda: camera.state.frames >= most)
        pipeline.stop()
    assert camera.state.frames == most
    seen = sum(one.poses["head"].state is TrackingState.TRACKED for one in poses)
    # On a busy machine the tracker may drop some; the camera's way to it loses none.
    assert seen > most / 3


def test_pictures_are_what_was_sent_and_stamped_when_they_came(jpegs):
    with MjpegServer(jpegs, 30.0, stamped=True) as server:
        stream = MjpegStream(server.address)
        before = time.monotonic_ns()
        images = [stream.read() for _ in range(3)]
        stream.close()
    assert np.array_equal(images[0].pixels, decode_grey(jpegs[0]))
    assert all(before - 10**9 < one.host_ns <= time.monotonic_ns() for one in images)
    assert images[1].driver_ns - images[0].driver_ns == pytest.approx(33e6, abs=30e6)
    assert (stream.settings.width, stream.settings.height) == (640, 480)


def test_a_stall_is_lost_and_found(jpegs):
    with MjpegServer(jpegs, 60.0) as server, reading(camera_at(server, 0.2)) as frames:
        until(lambda: len(frames) > 5)
        server.pictures_from.clear()
        until(lambda: server.connections > 1)
        server.pictures_from.set()
        seen = len(frames)
        until(lambda: len(frames) > seen + 5)


def test_pulling_the_plug_and_putting_it_back(jpegs):
    server = MjpegServer(jpegs, 60.0)
    camera = camera_at(server)
    with reading(camera) as frames:
        until(lambda: len(frames) > 5)
        server.close()
        until(lambda: camera.state.connection is Connection.ABSENT)
        assert "cannot be reached" in camera.state.sentence
        seen = len(frames)
        server.start()
        until(lambda: len(frames) > seen + 5)
        assert camera.state.connection is Connection.CONNECTED
        assert camera.state.reconnections >= 1
    server.close()


def test_tracking_loses_the_bodies_while_the_camera_is_away(jpegs):
    server = MjpegServer(jpegs, 30.0)
    states = []
    pipeline = TrackingPipeline(
        [camera_at(server)],
        Tracker([LEFT], [making_feeds.HEAD]),
        lambda tracked: states.append(tracked.poses["head"].state),
        on_error=lambda error: pytest.fail(str(error)),
    )
    pipeline.start()
    try:
        until(lambda: TrackingState.TRACKED in states[-3:])
        server.close()
        until(lambda: states[-1] is TrackingState.LOST)
        server.start()
        until(lambda: states[-1] is TrackingState.TRACKED)
    finally:
        pipeline.stop()
        server.close()


def other_size(number, data):
    return part(encoded(np.zeros((240, 320), np.uint8))) if number % 3 == 1 else data


def cut_short(number, data):
    return data[: len(data) // 2] + b"\r\n" if number % 3 == 1 else data


def rubbish(number, data):
    return os.urandom(20_000) if number % 3 == 1 else data


def huge(number, data):
    if number % 3 != 1:
        return data
    return b"--frame\r\nContent-Length: 99999999999\r\n\r\n" + os.urandom(5000) + b"\r\n"


def bomb(number, data):
    """A picture that claims 65500 x 65500 pixels."""
    if number % 3 != 1:
        return data
    jpeg = bytearray(data.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xdc\xff\xdc"
    return part(bytes(jpeg))


def closing_mid_frame(number, data):
    return None if number == 5 else data


@pytest.mark.parametrize(
    "misbehave", [other_size, cut_short, rubbish, huge, bomb, closing_mid_frame]
)
def test_it_goes_on_with_what_is_left(jpegs, misbehave):
    before = psutil.Process().memory_info().rss
    with MjpegServer(jpegs, 100.0, misbehave=misbehave) as server:
        camera = camera_at(server)
        with reading(camera) as frames:
            until(lambda: len(frames) > 12)
            assert all(frame.image.shape == (480, 640) for frame in frames)
    whole = [decode_grey(one) for one in jpegs]
    assert all(any(np.array_equal(frame.image, one) for one in whole) for frame in frames)
    assert psutil.Process().memory_info().rss - before < 150e6


def test_what_piles_up_is_passed_over_so_that_pictures_stay_young(jpegs):
    with MjpegServer(jpegs, 200.0) as server:
        stream = MjpegStream(server.address)
        until(lambda: server.served > 40)
        for _ in range(4):
            image = stream.read()
        age_ns = time.monotonic_ns() - image.host_ns
        stream.close()
    assert age_ns < 1_000_000_000
    assert stream.passed_over > 20


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "answers 404 Not Found"),
        (b"HTTP/1.1 401 No\r\n\r\n", "asks for a name and password"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "answers with text/html"),
        (b"\x00\xff\xd8 what is this\r\n\r\n", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "cannot be reached"),
    ],
)
def test_another_answer_is_named(jpegs, answer, words):
    with MjpegServer(jpegs) as server:
        server.answer = answer
        with pytest.raises(StreamFault, match=words):
            MjpegStream(server.address, connect_s=2.0)


@pytest.mark.parametrize("address", ["http://", "http://[broken", "http://127.0.0.1:99999/"])
def test_an_address_that_is_none_is_named(address):
    with pytest.raises(StreamFault, match=r"Correct it|cannot be reached"):
        MjpegStream(address)


def test_a_password_is_sent_but_never_shown(jpegs):
    with MjpegServer(jpegs) as server:
        address = server.address.replace("http://", "http://me:secret@")
        stream = MjpegStream(address)
        stream.read()
        stream.close()
        assert b"Authorization: Basic bWU6c2VjcmV0" in server.requests[0]
    assert "secret" not in stream.settings.device
    assert without_password(address) == server.address


def test_chunks_are_put_together(jpegs):
    def chunked(_number, data):
        return b"%x\r\n" % len(data) + data + b"\r\n"

    with MjpegServer(jpegs, misbehave=chunked) as server:
        server.answer = (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
        )
        stream = MjpegStream(server.address)
        assert np.array_equal(stream.read().pixels, decode_grey(jpegs[0]))
        stream.close()
