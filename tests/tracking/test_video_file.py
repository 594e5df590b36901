"""Video files: luma as it was encoded, in order, and what is cut short is named."""

import av
import numpy as np
import pytest

from tests.tracking import making_feeds
from tracking.video_file import VideoReader


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(4)
    return [rng.integers(0, 256, (48, 64), dtype=np.uint8) for _ in range(3)]


def _read(path, number):
    reader = VideoReader(path)
    try:
        first = [reader.read() for _ in range(number)]
        reader.rewind()
        np.testing.assert_array_equal(reader.read(), first[0])
        return first
    finally:
        reader.close()


def test_the_grey_read_is_the_luma_that_was_encoded_to_the_bit(tmp_path, images):
    path = tmp_path / "camera.mp4"
    making_feeds.encode(path, images)
    with av.open(str(path)) as container:
        planes = [frame.planes[0] for frame in container.decode(video=0)]
        luma = [
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:48, :64].copy()
            for plane in planes
        ]
    np.testing.assert_array_equal(_read(path, 3), luma)


def test_a_video_without_colour_planes_is_read_as_it_is(tmp_path, images):
    path = tmp_path / "camera.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width = images[0].shape
        stream.pix_fmt = "gray"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode())
    np.testing.assert_array_equal(_read(path, 3), images)


def test_decoding_says_nothing_on_the_terminal(tmp_path, images, capfd):
    path = tmp_path / "camera.mp4"
    making_feeds.encode(path, images)
    capfd.readouterr()
    _read(path, 3)
    assert capfd.readouterr() == ("", "")
