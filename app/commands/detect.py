"""``coilpilot detect``: tags and their refined corners in still images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track
from scipy.spatial.transform import RigidTransform

from app.commands.output import Failure, show_failure, show_json, show_table
from tracking.calibration.result import CalibrationResult, IntrinsicsValue
from tracking.cameras import Camera
from tracking.corners import refine_corners
from tracking.detection import TagDetector, TagObservation
from tracking.feed_description import CameraModel, FeedDescription
from tracking.still_images import ImageFileError, read_grey
from tracking.tag_families import TagFamilyError
from tracking.tag_reading import confirmed_tags


def run_detect(
    images: Sequence[Path],
    *,
    dictionary: str,
    inverted: bool,
    calibration: Path | None,
    camera: str | None,
    as_json: bool,
) -> int:
    """Find the tags in all `images`; print them; exit status.

    An image that cannot be used is told in one sentence, the others are searched all the same.
    """
    try:
        detector = TagDetector(dictionary, inverted=inverted, thorough=True)
    except TagFamilyError as error:
        raise Failure(str(error), status=2) from error
    lens = None if calibration is None else _read_camera(calibration, camera)
    found: list[dict[str, Any]] = []
    status = 0
    console = Console(stderr=True)
    # Into a file, rich would write an empty line.
    quiet = len(images) < 2 or not console.is_terminal
    for path in track(images, "Searching", console=console, transient=True, disable=quiet):
        try:
            image = read_grey(path)
            tags = _tags(image, detector, _fitting(lens, image, path))
        except (ImageFileError, Failure) as error:
            status = show_failure(Failure(str(error)))
            continue
        height, width = image.shape
        found.append({"file": str(path), "width": width, "height": height, "tags": tags})
    if as_json:
        show_json({"images": found})
    else:
        for one in found:
            _show(one)
    return status


def _tags(
    image: NDArray[np.uint8], detector: TagDetector, camera: Camera | None
) -> list[dict[str, Any]]:
    """Tags of which sides and modules are confirmed, as JSON has them."""
    family, inverted = detector.family, detector.inverted
    found = detector.detect(image)
    refined = refine_corners(image, found, camera, family=family, inverted=inverted)
    sure = confirmed_tags(image, refined, family, inverted=inverted)
    return [
        {"id": one.tag, "corners": [[round(v, 4) for v in row] for row in one.corners.tolist()]}
        for one in sorted(sure, key=_place)
    ]


def _place(observation: TagObservation) -> tuple[int, float]:
    return observation.tag, float(observation.corners[0, 0])


def _show(one: dict[str, Any]) -> None:
    number = len(one["tags"])
    title = f"{one['file']}, {one['width']} x {one['height']}: {number or 'no'} tags"
    rows = [
        (f"tag {tag['id']}", "  ".join(f"({x:.3f}, {y:.3f})" for x, y in tag["corners"]))
        for tag in one["tags"]
    ]
    show_table(title, rows)


def _fitting(camera: Camera | None, image: NDArray[np.uint8], path: Path) -> Camera | None:
    """`camera`, if it is one for images of this size. Width 0: its file does not say."""
    if camera is None or not camera.width or (camera.height, camera.width) == image.shape:
        return camera
    raise Failure(
        f"{path} has {image.shape[1]} x {image.shape[0]} pixels, but the calibration is for "
        f"{camera.width} x {camera.height}. Give the calibration of this camera and resolution."
    )


def _read_camera(path: Path, name: str | None) -> Camera:
    """Lens of the camera that a calibration's file or a feed.json tells of."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        kind = data.keys() if isinstance(data, dict) else ()
        if "cameras" in kind:
            return _of_feed(FeedDescription.model_validate(data).cameras, path, name)
        if "value" in kind:
            result = CalibrationResult.model_validate(data)
            settings = result.holds_for.get(result.subject)
            size = (settings.width, settings.height) if settings else (0, 0)
            if isinstance(result.value, IntrinsicsValue):
                return _of_value(result.value, size)
        elif "matrix" in kind:
            return _of_value(IntrinsicsValue.model_validate(data), (0, 0))
    except OSError as error:
        raise Failure(f"{path} cannot be read ({error.strerror}). Check its name.") from error
    except (ValidationError, ValueError) as error:
        raise Failure(
            f"{path} is no calibration of a camera ({str(error).splitlines()[0]}). "
            "Give a result of 'coilpilot calibrate cameras' or a feed.json."
        ) from error
    raise Failure(
        f"{path} holds no intrinsics of a camera. "
        "Give a result of 'coilpilot calibrate cameras' or a feed.json."
    )


def _of_value(value: IntrinsicsValue, size: tuple[int, int]) -> Camera:
    matrix, distortion = np.array(value.matrix), np.array(value.distortion)
    return Camera("", *size, matrix, distortion, RigidTransform.identity())


def _of_feed(cameras: Sequence[CameraModel], path: Path, name: str | None) -> Camera:
    known = {one.name: one for one in cameras}
    if (name is None and len(known) > 1) or (name is not None and name not in known):
        raise Failure(
            f"{path} tells of the cameras {', '.join(known)}. Choose one of them with --camera.",
            status=2,
        )
    chosen = known[name] if name is not None else cameras[0]
    if chosen.matrix is None or chosen.distortion is None:
        raise Failure(
            f"Camera '{chosen.name}' of {path} is not calibrated. "
            "Calibrate it with 'coilpilot calibrate cameras'."
        )
    matrix, distortion = np.array(chosen.matrix), np.array(chosen.distortion)
    return Camera(
        chosen.name, chosen.width, chosen.height, matrix, distortion, RigidTransform.identity()
    )
