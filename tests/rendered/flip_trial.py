"""The trial of wrong poses: bodies badly seen, and whether a pose that is given is ever wrong.

Each frame is one picture of one body: near or far, in good light or bad, tilted until its panels
vanish, with tags missing, with things before it; seen by one camera or by two; and solved without
an expected pose, with the right one, with what was given for a picture shortly before, or with one
from which no body turns so far so fast. (Expecting the very mirror image of a tag is left out:
where both fit the picture equally well, nothing in it could correct that. That no such pose is
given in the first place is what the frames with nothing expected or a picture before hold.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from tests.rendered import scenes
from tests.rendered.light import GOOD, HARD, Light
from tests.rendered.renderer import Renderer
from tracking.bodies import MarkerBody
from tracking.corners import refine_corners
from tracking.detection import TagDetector, TagObservation
from tracking.pose_solver import solve_body_pose
from tracking.poses import TrackingState

WRONG_DEG = 10.0

LIGHTS = (GOOD, HARD, Light(psf=1.5, noise=8.0, jpeg=75, uneven=0.5), Light(1.0, 4.0, uneven=0.3))


@dataclass(frozen=True, eq=False)
class WrongPose:
    """A pose that was given and is off by more than 10 degrees; `frame` finds it again."""

    seed: int
    frame: int
    off_deg: float
    tags: int
    expected: str


@dataclass
class Tally:
    """What became of the frames."""

    states: Counter[TrackingState] = field(default_factory=Counter)
    wrong: list[WrongPose] = field(default_factory=list)
    worst_right_deg: float = 0.0
    few_tags: int = 0

    @property
    def frames(self):
        return self.states.total()


class FlipTrial:
    """Draws frames and solves them; frame k of a seed is the same whichever come before."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._cameras = {one.name: one for one in scenes.pair()}
        single = MarkerBody("single", "36h11", {8: scenes.COIL.corners[8]})
        self._bodies = {"head": scenes.HEAD, "single": single}
        bodies = list(self._bodies.values())
        self._renderers = {name: Renderer(one, bodies, seed) for name, one in self._cameras.items()}
        self._detector = TagDetector("36h11")

    def run(self, frames: range, progress: Callable[[], None] = lambda: None) -> Tally:
        tally = Tally()
        for frame in frames:
            self._add(frame, tally)
            progress()
        return tally

    def _add(self, frame: int, tally: Tally) -> None:
        rng = np.random.default_rng([self._seed, frame])
        body = self._bodies["single" if rng.uniform() < 0.15 else "head"]
        truth = self._pose(rng)
        cameras = ["left", "right"] if rng.uniform() < 0.2 else ["left"]
        seen, views = self._look(body, truth, cameras, rng)
        kind, prior = self._expected(body, truth, cameras, rng)
        solution = solve_body_pose(body, seen, views, prior)
        tally.states[solution.state] += 1
        tags = sum(len(one) for one in seen.values())
        tally.few_tags += 0 < tags <= 2
        if solution.world_from_body is None:
            return
        off = (solution.world_from_body.rotation * truth.rotation.inv()).magnitude()
        off_deg = float(np.rad2deg(off))
        if off_deg > WRONG_DEG:
            tally.wrong.append(WrongPose(self._seed, frame, off_deg, tags, kind))
        else:
            tally.worst_right_deg = max(tally.worst_right_deg, off_deg)

    def _pose(self, rng):
        depth = rng.uniform(400.0, 2000.0)
        place = np.array([rng.uniform(-0.35, 0.45), rng.uniform(-0.25, 0.25), 1.0]) * depth
        about = rng.uniform(0, 2 * np.pi)
        tilt = np.deg2rad(rng.uniform(0, 75)) * np.array([np.cos(about), np.sin(about), 0.0])
        spin = Rotation.from_rotvec([0, 0, rng.uniform(-np.pi, np.pi)])
        return RigidTransform.from_components(place, Rotation.from_rotvec(tilt) * spin)

    def _look(self, body, truth, cameras, rng):
        """Tags by camera, and the cameras, as if each had taken only what shows the body."""
        light = LIGHTS[rng.integers(len(LIGHTS))]
        tags = list(body.corners)
        missing = rng.choice(tags, rng.integers(0, len(tags)), replace=False)
        hidden = missing.tolist() if rng.uniform() < 0.4 else []
        covers = rng.integers(1, 4) if rng.uniform() < 0.3 else 0
        moving = rng.uniform() < 0.15
        poses = {body.name: _moving(truth, rng) if moving else truth}
        seen: dict[str, list[TagObservation]] = {}
        views = {}
        for name in cameras:
            crop = self._renderers[name].crop(
                poses,
                light,
                rng.integers(2**31),
                hidden=hidden,
                covers=[self._cover(name, truth, rng) for _ in range(covers)],
            )
            if crop is not None:
                seen[name] = refine_corners(
                    crop.image, self._detector.detect(crop.image), crop.camera
                )
                views[name] = crop.camera
        return seen, views

    def _cover(self, name, truth, rng):
        """Something like a finger or a cable near the body: a polygon and its grey."""
        camera = self._cameras[name]
        middle = truth.apply(rng.uniform(-50, 50, 3) * [1, 0.8, 0.2])
        place = camera.project_world(middle[None])[0]
        size = camera.matrix[0, 0] / middle[2] * rng.uniform(5, 25)
        turn = rng.uniform(0, np.pi)
        along = size * rng.uniform(1, 5) * np.array([np.cos(turn), np.sin(turn)])
        across = size * np.array([-np.sin(turn), np.cos(turn)]) / 2
        corners = [along + across, along - across, -along - across, -along + across]
        return place + np.array(corners), float(rng.uniform(20, 220))

    def _expected(self, body, truth, cameras, rng):
        kind = ("nothing", "right", "picture before", "turned")[rng.integers(4)]
        if kind == "nothing":
            return kind, None
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        angle = rng.uniform(30, 180) if kind == "turned" else rng.uniform(0, 4)
        near = RigidTransform.from_components(
            truth.translation + rng.normal(0, 3.0, 3),
            Rotation.from_rotvec(np.deg2rad(angle) * axis) * truth.rotation,
        )
        if kind != "picture before":
            return kind, near
        seen, views = self._look(body, near, cameras, rng)
        return kind, solve_body_pose(body, seen, views, None).world_from_body


def _moving(truth, rng):
    """Poses during an exposure in which the body moves by up to 4 mm and turns by 1 degree."""
    velocity = rng.normal(0, 1.5, 3)
    turning = np.deg2rad(rng.normal(0, 0.3, 3))
    return [
        RigidTransform.from_components(
            truth.translation + share * velocity,
            Rotation.from_rotvec(share * turning) * truth.rotation,
        )
        for share in np.linspace(-0.5, 0.5, 5)
    ]
