"""Small feeds on disk, with tags in them, for tests that need one."""

from __future__ import annotations

import av
import numpy as np

from tests.tracking import rendering
from tracking.bodies import bent_plate
from tracking.feed_description import (
    BodyModel,
    CameraModel,
    FeedDescription,
    TransformModel,
    write_description,
)

INTERVAL_NS = 33_000_000
SKEW_NS = 2_000_000
HEAD, COIL = bent_plate("head", 0), bent_plate("coil_body", 6)


def head_at(seconds):
    return rendering.pose([60 + 2 * seconds, 50, 640], [8, 20, 4])


def coil_at(seconds):
    return rendering.pose([40, -70 + 20 * seconds, 620], [-10, -15, 10 + 5 * seconds])


def cameras():
    left = rendering.camera("left", focal=700.0, size=(640, 480))
    right = rendering.camera("right", x=250.0, toe_in_deg=-20.0, focal=700.0, size=(640, 480))
    return left, right


def make_feed(folder, frames=6, gop=3, *, blank=(), first_ns=1_000_000_000):
    """Write a feed of two small cameras, the right one `SKEW_NS` later."""
    folder.mkdir()
    models, truth = [], ["time_ns,body,x,y,z,qx,qy,qz,qw"]
    for number, view in enumerate(cameras()):
        times = [first_ns + k * INTERVAL_NS + number * SKEW_NS for k in range(frames)]
        images = []
        for k, time_ns in enumerate(times):
            seconds = (time_ns - first_ns) / 1e9
            placed = [(HEAD, head_at(seconds)), (COIL, coil_at(seconds))]
            images.append(rendering.render(view, [] if k in blank else placed, k))
            for body, pose in placed:
                values = [*pose.translation, *pose.rotation.as_quat()]
                truth.append(",".join([str(time_ns), body.name, *(f"{v:.9g}" for v in values)]))
        encode(folder / f"{view.name}.mp4", images, gop)
        rows = [f"{k},{time_ns}" for k, time_ns in enumerate(times)]
        (folder / f"{view.name}.csv").write_text("\n".join(["frame,time_ns", *rows]) + "\n")
        models.append(
            CameraModel(
                name=view.name,
                video=f"{view.name}.mp4",
                times=f"{view.name}.csv",
                width=view.width,
                height=view.height,
                matrix=view.matrix.tolist(),
                distortion=view.distortion.tolist(),
                camera_from_world=TransformModel.of(view.camera_from_world),
            )
        )
    (folder / "truth.csv").write_text("\n".join(truth) + "\n")
    description = FeedDescription(
        schema_version=1,
        name="small",
        cameras=models,
        bodies=[BodyModel.of(HEAD), BodyModel.of(COIL)],
        coil_body_from_coil=TransformModel(translation=(0, 0, 100), quaternion=(0, 0, 0, 1)),
    )
    write_description(folder / "feed.json", description)
    return folder


def encode(path, images, gop=3):
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = images[0].shape
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "14", "preset": "ultrafast", "g": str(gop)}
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
