"""``coilpilot calibrate bodies``, ``pointer`` and ``coil``: from a feed, without a window."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress as Bar

from app.commands.output import Failure, show_json, show_table
from tracking.bodies import MarkerBody
from tracking.body_file import (
    BodyFile,
    BodyFileError,
    MeasuredOrigin,
    read_body_file,
    write_body_file,
)
from tracking.calibration.body_geometry import BodyCollector, BodyRequest, Scale
from tracking.calibration.coil_description import CoilDescriptionError, read_coil_description
from tracking.calibration.coil_dimples import DimpleCollector
from tracking.calibration.coil_puck import PuckCollector
from tracking.calibration.collector import CalibrationError, Collector
from tracking.calibration.pointer import PointerCollector
from tracking.calibration.result import BodyValue, CalibrationResult
from tracking.cameras import Camera
from tracking.feed import Feed, open_feed
from tracking.frames import Frame, FrameSourceError
from tracking.setups import Setup, SetupError, keep_result, read_setup, write_setup
from tracking.tag_ids import TagIdsError, tag_ids
from tracking.video_file import VideoReader

COIL_BODY, POINTER, PUCK = "coil_body", "pointer", "puck"

MOST_IDS = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is done with results.

    Attributes
    ----------
    setup
        Folder of the setup that they belong to, or None.
    out
        Folder in which they are kept as files too, or None.
    decision
        True: accepted, False: rejected, None: only shown.
    as_json
        Printed for programs.
    """

    setup: Path | None = None
    out: Path | None = None
    decision: bool | None = None
    as_json: bool = False


def run_bodies(
    feed: Path,
    outcome: Outcome,
    *,
    tag_size: float | None,
    tags: Sequence[str],
    names: Sequence[str],
    nominal: Sequence[Path],
) -> int:
    """Calibrate marker bodies from a feed in which a person turns them; exit status."""
    opened, setup = _open(feed, outcome)
    collector = BodyCollector(
        _cameras(opened, setup),
        _requests(opened, setup, tags, names, nominal),
        scale=Scale(tag_size),
        source=opened.description.name,
    )
    results = _solve(opened, collector)
    return _conclude(results, outcome, setup)


def run_pointer(feed: Path, outcome: Outcome, *, name: str = POINTER) -> int:
    """Calibrate the pointer's tip from a feed in which it pivots; exit status."""
    opened, setup = _open(feed, outcome)
    body = _body(opened, setup, name)
    collector = PointerCollector(_cameras(opened, setup), body, source=opened.description.name)
    return _conclude(_solve(opened, collector), outcome, setup)


def run_coil(
    feed: Path,
    outcome: Outcome,
    *,
    method: str,
    dimples: Path | None,
    nominal: Path | None,
) -> int:
    """Calibrate the coil on its body from a feed, by a puck or by dimples; exit status."""
    opened, setup = _open(feed, outcome)
    cameras, coil_body = _cameras(opened, setup), _body(opened, setup, COIL_BODY)
    before = opened.description.coil_body_from_coil
    if setup is not None and setup.coil_body_from_coil is not None:
        before = setup.coil_body_from_coil
    in_force = None if before is None else before.transform()
    source = opened.description.name
    collector: Collector
    if method == "puck":
        puck = _body(opened, setup, PUCK, nominal)
        collector = PuckCollector(cameras, coil_body, puck, before=in_force, source=source)
    else:
        collector = _dimple_collector(opened, setup, cameras, coil_body, dimples)
    return _conclude(_solve(opened, collector), outcome, setup)


def _dimple_collector(
    feed: Feed,
    setup: Setup | None,
    cameras: Sequence[Camera],
    coil_body: MarkerBody,
    dimples: Path | None,
) -> DimpleCollector:
    if dimples is None:
        raise Failure(
            "Pointing needs the coil's dimples: give their file with --dimples FILE.", status=2
        )
    if setup is None or setup.pointer_tip is None:
        raise Failure(
            "Pointing needs a setup with a calibrated pointer: run 'coilpilot calibrate pointer' "
            "and give --setup DIR.",
            status=2,
        )
    try:
        return DimpleCollector(
            cameras,
            coil_body,
            _body(feed, setup, POINTER),
            np.array(setup.pointer_tip),
            read_coil_description(dimples),
            source=feed.description.name,
        )
    except CoilDescriptionError as error:
        raise Failure(str(error)) from error


def _open(feed: Path, outcome: Outcome) -> tuple[Feed, Setup | None]:
    if outcome.decision is not None and outcome.setup is None and outcome.out is None:
        raise Failure("A decision must be kept: name --setup DIR or --out DIR.", status=2)
    try:
        opened = open_feed(feed)
        return opened, None if outcome.setup is None else read_setup(outcome.setup)
    except (FrameSourceError, SetupError) as error:
        raise Failure(str(error)) from error


def _cameras(feed: Feed, setup: Setup | None) -> tuple[Camera, ...]:
    """Give the setup's cameras where it has those of the feed calibrated, else the feed's own."""
    known = {} if setup is None else {one.name: one for one in setup.cameras}
    cameras = []
    for camera in feed.cameras:
        one = known.get(camera.name)
        cameras.append(camera if one is None or one.intrinsics is None else one.camera())
    for camera, own in zip(cameras, feed.cameras, strict=True):
        if (camera.width, camera.height) != (own.width, own.height):
            raise Failure(
                f"The setup calibrates camera '{camera.name}' for {camera.width} x "
                f"{camera.height} pixels, the feed has {own.width} x {own.height}. Calibrate the "
                "camera at the feed's resolution."
            )
    return tuple(cameras)


def _body(feed: Feed, setup: Setup | None, name: str, file: Path | None = None) -> MarkerBody:
    """Give a body: from `file`, else as the setup has it, else as the feed has it."""
    if file is not None:
        return _read_body(file).body()
    known = {body.name: body for body in feed.bodies}
    if setup is not None:
        known |= {model.name: model.body() for model in setup.bodies}
    if name not in known:
        raise Failure(
            f"Neither setup nor feed has a marker body '{name}', only {', '.join(known)}. Give "
            "its body file, or calibrate it first with 'coilpilot calibrate bodies'."
        )
    return known[name]


def _read_body(path: Path) -> BodyFile:
    try:
        return read_body_file(path)
    except BodyFileError as error:
        raise Failure(str(error)) from error


def _requests(
    feed: Feed,
    setup: Setup | None,
    tags: Sequence[str],
    names: Sequence[str],
    nominal: Sequence[Path],
) -> list[BodyRequest]:
    """Give the bodies to calibrate: by ids, by body files, or all that the feed knows."""
    designs = {file.name: file.body() for file in map(_read_body, nominal)}
    if tags:
        if len(names) != len(tags):
            raise Failure(
                "Give one --name for each --tags, as in --tags 6-11 --name coil_body.", status=2
            )
        return [
            BodyRequest(name, ids_of(text), designs.get(name))
            for name, text in zip(names, tags, strict=True)
        ]
    if not designs:
        designs = {body.name: body for body in feed.bodies}
        if setup is not None:
            designs |= {model.name: model.body() for model in setup.bodies}
    unknown = [name for name in names if name not in designs]
    if unknown:
        raise Failure(
            f"There is no design of a body '{unknown[0]}', only of {', '.join(designs)}. Name its "
            "ids with --tags, or its body file with --nominal.",
            status=2,
        )
    return [BodyRequest.of(body) for name, body in designs.items() if not names or name in names]


def ids_of(text: str) -> tuple[int, ...]:
    """Read ids as people write them; :class:`Failure`, as wrong use, if they are none."""
    try:
        return tag_ids(text)
    except TagIdsError as error:
        raise Failure(f"--tags: {error}", status=2) from error


def _solve(feed: Feed, collector: Collector) -> tuple[CalibrationResult, ...]:
    """Feed all frames to `collector` and solve."""
    readers = [VideoReader(recording.video) for recording in feed.recordings]
    instants = feed.instants()
    hint = ""
    try:
        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Looking", total=len(instants))
            for instant in instants:
                frames = []
                for recording, index in instant.frames:
                    source = feed.recordings[recording]
                    frames.append(
                        Frame(
                            source.camera.name,
                            index,
                            int(source.times_ns[index]),
                            readers[recording].read(),
                        )
                    )
                hint = collector.add(frames).hint
                bar.advance(task)
        return collector.solve()
    except CalibrationError as error:
        raise Failure(str(error)) from error
    except FrameSourceError as error:
        raise Failure(f"{error} Until then: {hint}") from error
    finally:
        for reader in readers:
            reader.close()


def _conclude(results: Sequence[CalibrationResult], outcome: Outcome, setup: Setup | None) -> int:
    """Decide, keep and show `results`; exit status, 0 also for a proposal that has faults."""
    if outcome.decision is not None:
        try:
            results = [result.decided(accepted=outcome.decision) for result in results]
        except ValueError as error:
            raise Failure(str(error)) from error
    try:
        _keep(results, outcome, setup)
    except (OSError, SetupError) as error:
        raise Failure(f"The result could not be kept: {error}") from error
    if outcome.as_json:
        show_json([json.loads(result.model_dump_json()) for result in results])
    else:
        for result in results:
            _show(result)
    return 0


def _keep(results: Sequence[CalibrationResult], outcome: Outcome, setup: Setup | None) -> None:
    for result in results:
        if outcome.out is not None:
            kept = keep_result(outcome.out, result)
            if isinstance(result.value, BodyValue):
                origin = MeasuredOrigin.model_validate(
                    {"date": result.made_utc[:10], "result": kept.name}
                )
                file = BodyFile.of(result.value.body.body(), origin)
                write_body_file(outcome.out / f"{result.subject}.json", file)
        if outcome.setup is not None and setup is not None and outcome.decision is not None:
            keep_result(outcome.setup, result)
            if outcome.decision:
                setup = setup.with_result(result)
                write_setup(outcome.setup, setup)


def _show(result: CalibrationResult) -> None:
    rows = [
        ("Residual", _number(result.residual.value, result.residual.unit, result.residual.meaning)),
        (
            "Predicted error",
            _number(
                result.predicted_error.value,
                result.predicted_error.unit,
                result.predicted_error.meaning,
            ),
        ),
        *(
            (finding.name, _number(finding.value, finding.unit, finding.meaning))
            for finding in result.further
        ),
        *(("Warning", sentence) for sentence in result.warnings),
        *(("Fault", sentence) for sentence in result.faults),
        ("Decision", result.decision),
    ]
    show_table(f"{result.subject} ({result.value.kind})", rows)


def _number(value: float, unit: str, meaning: str) -> str:
    text = f"{value:.4g} {unit}".rstrip()
    return f"{text}  ({meaning})" if meaning else text
