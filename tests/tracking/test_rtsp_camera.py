"""The way through FFmpeg, on loopback: pictures and times come through, silence ends it."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction

import av
import numpy as np
import pytest

from tracking.calibration.result import DeviceSettings
from tracking.image_stream import StreamFault
from tracking.live_camera import open_stream
from tracking.rtsp_camera import RtspStream
from tracking.setups import SetupCamera

SHADES = [*range(40, 220, 3), *range(220, 40, -3)] * 5


@pytest.fixture(scope="module")
def film() -> bytes:
    """H.264 in a transport stream, as cameras send it: one shade of grey after another."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=30, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number, shade in enumerate(SHADES):
            grey = np.full((180, 160), 128, np.uint8)
            grey[:120] = shade
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


@contextmanager
def sending(data: bytes, *, hang_up: bool = True) -> Iterator[str]:
    """Send `data` to whoever connects, then hang up or fall silent."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError), listener.accept()[0] as client:
                client.sendall(data)
                if not hang_up:
                    done.wait()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def read_to_end(stream: RtspStream) -> tuple[list, str]:
    """Give all images and what was said at their end."""
    images = []
    while True:
        try:
            images.append(stream.read())
        except StreamFault as fault:
            return images, str(fault)


def test_pictures_come_through_with_the_luma_as_sent_and_the_senders_times(film):
    with sending(film) as address:
        stream = RtspStream(address)
        images, fault = read_to_end(stream)
        stream.close()
    assert "closed the connection" in fault
    means = [one.pixels.mean() for one in images]
    # What came while FFmpeg was finding out what is sent is old and not given.
    assert len(images) > len(SHADES) / 2
    assert np.abs(np.diff(means)).max() < 8
    assert images[-1].pixels.shape == (120, 160)
    assert means[-1] == pytest.approx(SHADES[-1], abs=2)
    steps = np.diff([one.driver_ns for one in images])
    assert np.allclose(steps, 1e9 / 30, atol=1e5)
    assert (stream.settings.width, stream.settings.height) == (160, 120)


def test_silence_ends_it(film):
    with sending(film, hang_up=False) as address:
        stream = RtspStream(address, connect_s=2.0, silent_s=0.3)
        _, fault = read_to_end(stream)
        assert "fallen silent" in fault
        stream.close()
        stream.close()
        with pytest.raises(StreamFault, match="was closed"):
            stream.read()


def test_nobody_there_and_rubbish_are_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    camera = SetupCamera(
        name="phone",
        address=f"rtsp://me:secret@127.0.0.1:{port}/live",
        settings=DeviceSettings(width=160, height=120),
    )
    with pytest.raises(StreamFault, match="cannot be reached") as told:
        open_stream(camera)
    assert told.value.absent
    assert "secret" not in str(told.value)
    with sending(b"\x00rubbish" * 5000) as address, pytest.raises(StreamFault):
        RtspStream(address, connect_s=1.0, silent_s=0.5)
