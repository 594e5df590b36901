"""Small shapes that render in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from render.coil_model import CoilModel, read_coil_model
from render.meshes import sphere
from render.scene import HeadScene, SceneStyle
from render.surface import Surface

COILS = Path(__file__).parents[2] / "resources" / "coils"


def ball(radius: float) -> Surface:
    mesh = sphere(np.zeros(3), radius, rings=24, sides=36)
    return Surface(mesh.vertices.astype(np.float32), mesh.faces)


@pytest.fixture(scope="session")
def coil() -> CoilModel:
    return read_coil_model(COILS / "figure8_70mm.json")


@pytest.fixture
def scene(coil: CoilModel) -> Iterator[HeadScene]:
    """Scalp of radius 90 about a cortex of radius 70."""
    # Equal opacity everywhere, so that VTK can draw the same in one go.
    style = SceneStyle(scalp_opacity=0.4, scalp_rim_opacity=0.4)
    with HeadScene(ball(90), ball(70), coil, size=(320, 240), style=style) as made:
        yield made
