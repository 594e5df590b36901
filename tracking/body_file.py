"""Body files: a marker body as JSON, nominal as printed or measured by a calibration.

In: ``head.json`` and the like, which ``coilpilot markers`` writes beside a sheet, or which a
calibration of bodies writes. Out: a checked :class:`BodyFile`. Lengths are mm.
"""

from __future__ import annotations

import json
import os
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tracking.bodies import BodyError, MarkerBody
from tracking.body_check import check_body
from tracking.feed_description import BodyModel, TagModel

SCHEMA_VERSION = 1

LARGEST_FILE = 2_000_000
"""Bytes. A body with all tags of the largest family takes a fifth of it."""


class BodyFileError(ValueError):
    """A body file that cannot be used; the message names the file, the tag and the remedy."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NominalOrigin(_Model):
    """The corners are those of the drawing, as far as the printer kept to it."""

    kind: Literal["nominal"] = "nominal"


class MeasuredOrigin(_Model):
    """The corners were measured with cameras.

    Attributes
    ----------
    date
        Day of the measurement.
    result
        Name of the calibration result that holds all that is known of it.
    """

    kind: Literal["measured"] = "measured"
    date: date
    result: str


class SheetOrigin(_Model):
    """The sheet that the body was printed from.

    Attributes
    ----------
    kind
        ``head``, ``coil``, ``pointer``, ``puck`` or ``sticker``.
    tag_size, gap, bend_deg, backing
        As drawn; None where the sheet has no such thing.
    scale_x_percent, scale_y_percent
        What 100 mm of the sheet's two rulers measured on the print, in mm. The corners in the file
        are those of that print.
    """

    kind: Annotated[str, Field(min_length=1)]
    tag_size: Annotated[float, Field(gt=0)]
    gap: Annotated[float, Field(gt=0)]
    bend_deg: float | None = None
    backing: float | None = None
    scale_x_percent: Annotated[float, Field(gt=0)] = 100.0
    scale_y_percent: Annotated[float, Field(gt=0)] = 100.0


class BodyFile(_Model):
    """All of a body file."""

    schema_version: Literal[1] = 1
    unit: Literal["mm"]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    family: str
    origin: Annotated[NominalOrigin | MeasuredOrigin, Field(discriminator="kind")]
    sheet: SheetOrigin | None = None
    tags: Annotated[list[TagModel], Field(min_length=1)]

    @classmethod
    def of(
        cls,
        body: MarkerBody,
        origin: NominalOrigin | MeasuredOrigin,
        sheet: SheetOrigin | None = None,
    ) -> BodyFile:
        """Describe `body`."""
        model = BodyModel.of(body)
        return cls(
            unit="mm",
            name=model.name,
            family=model.family,
            origin=origin,
            sheet=sheet,
            tags=model.tags,
        )

    def model(self) -> BodyModel:
        """Give the body as feeds and setups describe it."""
        return BodyModel(name=self.name, family=self.family, tags=self.tags)

    def body(self) -> MarkerBody:
        """Give the body itself.

        Raises
        ------
        BodyError
            If a tag is listed twice.
        """
        return self.model().body()


def read_body_file(path: Path) -> BodyFile:
    """Read and check the body file at `path`.

    Raises
    ------
    BodyFileError
        If the file is missing, too large, no JSON, of a newer schema version, in another unit,
        wrong in a field, or describes a body that cannot exist (:func:`~tracking.body_check
        .check_body`).
    """
    data = _check_version(path, _read_json(path))
    try:
        file = BodyFile.model_validate(data)
        check_body(file.body())
    except ValidationError as error:
        raise BodyFileError(_first_fault(path, data, error)) from error
    except BodyError as error:
        raise BodyFileError(f"{path}: {error}") from error
    return file


def default_body_file(name: str) -> BodyFile:
    """Give the file of a body that is printed without options, as drawn.

    `name` is ``head``, ``coil_body``, ``pointer``, ``puck`` or ``sticker``.

    Raises
    ------
    BodyFileError
        If there is none of that name.
    """
    with as_file(files("resources") / "bodies" / f"{name}.json") as path:
        return read_body_file(path)


def write_body_file(path: Path, file: BodyFile) -> None:
    """Write `file` as readable JSON, whole or not at all; :class:`OSError` if it cannot."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(body_file_text(file), encoding="utf-8")
    os.replace(fresh, path)


def body_file_text(file: BodyFile) -> str:
    """Give the text of a body file: one line for each tag, micrometres at most."""
    data = file.model_dump(mode="json", exclude={"tags"}, exclude_none=True)
    head = json.dumps(data, indent=1)[:-2]
    tags = ",\n".join(f"  {json.dumps(_rounded(tag))}" for tag in file.tags)
    return f'{head},\n "tags": [\n{tags}\n ]\n}}\n'


def _rounded(tag: TagModel) -> dict[str, Any]:
    # The sum turns -0.0 into 0.0.
    return {
        "id": tag.id,
        "corners": [[round(value, 4) + 0.0 for value in corner] for corner in tag.corners],
    }


def _read_json(path: Path) -> object:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BodyFileError(
                f"{path} is larger than a body file can be. Choose a file that "
                "'coilpilot markers' wrote."
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BodyFileError(
            f"{path} cannot be read ({error.strerror}). 'coilpilot markers' writes body files "
            "beside its sheets."
        ) from error
    except UnicodeDecodeError as error:
        raise BodyFileError(f"{path} is not a text file. Choose a body file.") from error
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BodyFileError(
            f"{path} is not a valid body file ({error}). Correct it there or write it anew with "
            "'coilpilot markers'."
        ) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"'{twice}' stands twice in one place")
    return data


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no length")


def _check_version(path: Path, data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise BodyFileError(
            f"{path} is not a body file. Choose one that 'coilpilot markers' wrote."
        )
    version = data.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise BodyFileError(
            f"{path} has schema version {version!r}, this program reads {SCHEMA_VERSION}. "
            "Open it with the version of Coilpilot that wrote it, or write it anew."
        )
    return data


def _first_fault(path: Path, data: dict[str, Any], error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    place = fault["loc"]
    if place == ("unit",):
        return (
            f"{path}: the unit is {data.get('unit')!r}, body files are in 'mm'. "
            "Convert its corners to mm and state that unit."
        )
    where = ".".join(str(part) for part in place)
    if len(place) > 1 and place[0] == "tags" and isinstance(place[1], int):
        entry = data["tags"][place[1]]
        tag = entry.get("id", "?") if isinstance(entry, dict) else "?"
        where = f"tag {tag!r}, entry {place[1] + 1} of 'tags'"
        return f"{path}: {where} is wrong ({fault['msg']}). Correct it there."
    return f"{path}: '{where}' is wrong ({fault['msg']}). Correct it there."
