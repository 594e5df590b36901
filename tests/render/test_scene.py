"""The composited view against the same things drawn by VTK in one window."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from render import palette
from render.actors import LitSurface
from render.coil_drawing import CoilState
from render.coil_model import CoilModel
from render.head_drawing import coarser
from render.layers import LayerWindow
from render.markers import Hit, Target
from render.meshes import sphere
from render.scene import HeadScene, SceneStyle
from render.shading import cortex_colours, furrow_depth
from render.surface import Surface
from render.views import ViewPreset, look_along
from tests.render.conftest import ball

Image = NDArray[np.uint8]
OUTWARD = np.array([-0.6, 0.0, 0.8])


def on_scalp(height: float = 0.0, radius: float = 90.0) -> RigidTransform:
    """A coil that touches the ball at the upper left, handle backward."""
    z, y = -OUTWARD, np.array([0.0, 1.0, 0.0])
    axes = np.column_stack([np.cross(y, z), y, z])
    return RigidTransform.from_components(OUTWARD * (radius + height), Rotation.from_matrix(axes))


def behind_head() -> RigidTransform:
    """Seen from the left, wholly hidden by the cortex: a small distance beyond it."""
    return RigidTransform.from_translation([150.0, 0, 0])


def difference(first: Image, second: Image) -> NDArray[np.int_]:
    return np.abs(first.astype(int) - second).max(axis=-1)


def drawn_by_vtk_alone(scene: HeadScene, pose: RigidTransform, scalp: Surface) -> Image:
    """Everything in one window: opaque things with depth test, then the scalp, blended by VTK."""
    style = SceneStyle(scalp_opacity=0.4, scalp_rim_opacity=0.4)
    scene.draw(pose)
    colour = np.broadcast_to(np.array(style.scalp) * 255, (len(scalp.vertices), 3))
    lit = LitSurface(scalp, np.ascontiguousarray(colour, dtype=np.float32))
    ambient = style.scalp_ambient
    to_eye = scene.view.position - scalp.vertices
    to_eye /= np.linalg.norm(to_eye, axis=1, keepdims=True)
    outward = scalp.vertices / np.linalg.norm(scalp.vertices, axis=1, keepdims=True)
    facing = np.clip((to_eye * outward).sum(axis=1), 0, 1)[:, None]
    lit._paint((colour * (ambient + (1 - ambient) * facing)).astype(np.float32))
    lit.actor.GetProperty().SetOpacity(style.scalp_opacity)
    window = LayerWindow()
    window._renderer.SetBackground(*palette.rgb(style.background))
    window._renderer.SetBackgroundAlpha(1.0)
    others: list[vtkActor] = []
    for part in (scene._head.cortex_window, scene._marks_window, scene._coil._layer):
        actors = part._renderer.GetActors()
        others += [actors.GetItemAsObject(i) for i in range(actors.GetNumberOfItems())]
    copies = []
    for actor in others:
        # A mapper's buffers belong to one window.
        mapper = vtkPolyDataMapper()
        mapper.SetInputData(actor.GetMapper().GetInput())
        copy = vtkActor()
        copy.ShallowCopy(actor)
        copy.SetMapper(mapper)
        copies.append(copy)
    window.add(*copies, lit.actor)
    pixels = window.grab(scene.projection, scene.projection.whole).pixels
    picture = pixels.view(np.uint8).reshape(*pixels.shape, 4)
    window.close()
    return picture


@pytest.mark.parametrize("preset", [ViewPreset.LEFT, ViewPreset.RIGHT, ViewPreset.OVER_COIL])
@pytest.mark.parametrize("height", [-25.0, 0.0, 30.0])
def test_composite_equals_one_drawing_of_everything(
    scene: HeadScene, preset: ViewPreset, height: float
) -> None:
    scene.set_target(Target(on_scalp()))
    scene.set_hits([Hit(np.array([-70.0, 0, 0]), True), Hit(np.array([-50.0, 30, 40]), False)])
    scene.set_view(preset)
    pose = on_scalp(height)
    gap = difference(scene.draw(pose), drawn_by_vtk_alone(scene, pose, ball(90)))
    assert gap.mean() < 0.6
    assert (gap > 8).mean() < 0.004


def test_only_the_coils_surroundings_change_when_it_moves(scene: HeadScene) -> None:
    first, second = on_scalp(20.0), on_scalp(60.0)
    changed = difference(scene.draw(first), scene.draw(second)) > 0
    assert changed.any()
    reach = [[x, y, z] for x in (-95, 95) for y in (-190, 60) for z in (-20, 150)]
    points = np.concatenate([first.apply(reach), second.apply(reach)])
    outside = np.ones_like(changed)
    outside[scene.projection.box_around(points).slices] = False
    assert not (changed & outside).any()


def test_a_coil_before_the_head_hides_it_and_one_behind_is_hidden(scene: HeadScene) -> None:
    without = scene.draw(None)
    across = Rotation.from_rotvec([0, 90, 0], degrees=True)
    before = RigidTransform.from_components([-140.0, 0, 0], across)
    centre = tuple(np.rint(scene.projection.pixels([[0, 0, 0]])[0][::-1]).astype(int))
    assert difference(without, scene.draw(before))[centre] > 20
    np.testing.assert_array_equal(scene.draw(behind_head())[centre], without[centre])


def test_the_cortex_hides_the_coil_but_the_scalp_lets_it_through(coil: CoilModel) -> None:
    with HeadScene(ball(90), ball(40), coil, size=(320, 240)) as scene:
        without = scene.draw(None)
        across = Rotation.from_rotvec([0, 90, 0], degrees=True)
        beyond = RigidTransform.from_components([60.0, 0, 0], across)
        changed = difference(without, scene.draw(beyond, error_line=False)) > 0
        rows, columns = np.indices(changed.shape)
        middle = scene.projection.pixels([[0, 0, 0]])[0]
        radius = np.hypot(columns - middle[0], rows - middle[1])
        edge = scene.projection.pixels([[0, 40, 0]])[0]
        cortex_radius = abs(edge[0] - middle[0])
        assert not changed[radius < cortex_radius - 2].any()
        assert changed[(radius > cortex_radius + 3) & (radius < cortex_radius * 1.6)].any()


def test_a_stale_coil_is_a_grey_ghost_and_a_hidden_one_is_not_drawn(scene: HeadScene) -> None:
    far_left = look_along(np.array([1.0, 0, 0]), np.array([0.0, 0, 1]), np.zeros(3), 1100.0)
    scene.set_view(far_left)
    pose, without = on_scalp(60.0), scene.draw(None)
    live, stale = scene.draw(pose), scene.draw(pose, coil_state=CoilState.STALE)
    np.testing.assert_array_equal(scene.draw(pose, coil_state=CoilState.HIDDEN), without)
    ground = (without == without[0, 0]).all(axis=-1)
    drawn = ground & (difference(live, without) > 60)
    assert drawn.sum() > 100
    assert difference(stale, without)[drawn].mean() < 0.6 * difference(live, without)[drawn].mean()
    tint = np.ptp((stale[drawn].astype(int) - without[drawn])[:, :3], axis=-1)
    assert tint.max() < 12
    assert np.ptp(live[drawn][:, :3].astype(int), axis=-1).mean() > 30


def test_pictures_are_the_callers_own_and_the_same_each_time(scene: HeadScene) -> None:
    first = scene.draw(on_scalp())
    kept = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(scene.draw(on_scalp()), kept)
    assert kept.shape == (240, 320, 4)
    assert kept.dtype == np.uint8
    assert kept.flags.c_contiguous
    assert (kept[..., 3] == 255).all()


def test_content_shows_at_once(scene: HeadScene) -> None:
    plain = scene.draw(None)
    scene.set_target(Target(on_scalp()))
    with_target = scene.draw(None)
    assert difference(plain, with_target).any()
    scene.set_hits([Hit(np.array([-70.0, 0, 0]), True)])
    with_hit = scene.draw(None)
    (pixel,) = np.rint(scene.projection.pixels([[-70, 0, 0]])).astype(int)
    assert difference(with_target, with_hit)[pixel[1], pixel[0]] > 20
    scene.set_hits([])
    scene.set_target(None)
    np.testing.assert_array_equal(scene.draw(None), plain)
    scene.show_scalp(False)
    assert difference(scene.draw(None), plain).any()


def test_hit_miss_and_unknown_differ_in_shape_not_only_in_colour(scene: HeadScene) -> None:
    scene.set_view(look_along(np.array([1.0, 0, 0]), np.array([0.0, 0, 1]), np.zeros(3), 300.0))
    scene.show_scalp(False)
    plain, areas = scene.draw(None), set()
    for outcome in (True, False, None):
        scene.set_hits([Hit(np.array([-71.0, 0, 0]), outcome)])
        areas.add(int((difference(plain, scene.draw(None)) > 0).sum()))
    assert len(areas) == 3


def test_a_new_target_does_not_move_the_camera(scene: HeadScene) -> None:
    before = scene.view
    scene.set_target(Target(on_scalp()))
    scene.draw(on_scalp(10))
    assert scene.view is before


def test_a_moving_camera_draws_roughly_the_same_and_a_resting_one_finely(scene: HeadScene) -> None:
    scene.set_target(Target(on_scalp()))
    fine = scene.draw(on_scalp(5))
    scene.set_moving(True)
    np.testing.assert_array_equal(scene.draw(on_scalp(5)), fine)  # Nothing has moved yet.
    for size in ((320, 240), (319, 237)):
        scene.set_size(*size)
        scene.set_moving(True)
        scene.orbit(10, 4)
        rough = scene.draw(on_scalp(5))
        scene.set_moving(False)
        gap = difference(rough, scene.draw(on_scalp(5)))
        assert gap.any()
        assert gap.mean() < 4
        assert (gap > 40).mean() < 0.03


def test_a_coarser_surface_has_fewer_triangles_in_the_same_place() -> None:
    fine = ball(70)
    coarse = coarser(fine, 12.0)
    assert 100 < len(coarse.faces) < len(fine.faces) / 2
    np.testing.assert_allclose(np.linalg.norm(coarse.vertices, axis=1), 70, atol=3)
    assert coarser(fine, 1e4) is fine


def test_orbit_zoom_pan_and_size_take_effect(scene: HeadScene) -> None:
    pictures = [scene.draw(on_scalp())]
    for step in (
        lambda: scene.orbit(40, 0),
        lambda: scene.zoom(1.3),
        lambda: scene.pan(25, 10),
    ):
        step()
        pictures.append(scene.draw(on_scalp()))
        assert difference(pictures[-2], pictures[-1]).any()
    scene.set_size(200, 100)
    assert scene.draw(on_scalp()).shape == (100, 200, 4)
    scene.set_size(0, -3)
    assert scene.draw(on_scalp()).shape == (1, 1, 4)


def test_dragging_right_turns_the_near_side_of_the_head_right(scene: HeadScene) -> None:
    nearest = np.array([[-90.0, 0, 0]])
    before = scene.projection.pixels(nearest)[0]
    scene.orbit(20, 10)
    after = scene.projection.pixels(nearest)[0]
    assert after[0] > before[0]
    assert after[1] > before[1]


def test_picking_gives_the_point_under_the_pixel(scene: HeadScene) -> None:
    scene.set_view(ViewPreset.LEFT)
    wanted = 90 * np.array([-0.8, 0.36, 0.48])
    (pixel,) = scene.projection.pixels([wanted])
    picked = scene.pick(*pixel)
    assert picked is not None
    np.testing.assert_allclose(picked, wanted, atol=2.5)
    assert scene.pick(0, 0) is None
    assert scene.pick(-1, 5) is None
    assert scene.pick(1e6, 5) is None


def test_the_normal_line_ends_on_the_cortex(scene: HeadScene) -> None:
    scene.set_view(ViewPreset.FRONT)
    scene.show_scalp(False)
    far = on_scalp(40.0)
    changed = difference(scene.draw(None), scene.draw(far))
    for radius in (80.0, 95.0, 110.0):
        x, y = np.rint(scene.projection.pixels([OUTWARD * radius])[0]).astype(int)
        assert changed[y - 1 : y + 2, x - 1 : x + 2].max() > 20


def test_a_coil_out_of_the_picture_or_behind_the_camera_does_no_harm(scene: HeadScene) -> None:
    plain = scene.draw(None)
    beside = RigidTransform.from_translation([0.0, 5000, 0])
    np.testing.assert_array_equal(scene.draw(beside, error_line=False), plain)
    at_camera = RigidTransform.from_translation(scene.view.position)
    assert scene.draw(at_camera).shape == plain.shape


def test_furrows_are_darker_than_ridges() -> None:
    mesh = sphere(np.zeros(3), 70, rings=80, sides=150)
    bumpy = Surface(mesh.vertices.astype(np.float32), mesh.faces)
    length = 70 + 3 * np.cos(18 * np.arctan2(bumpy.vertices[:, 1], bumpy.vertices[:, 0]))
    belt = np.abs(bumpy.vertices[:, 2]) < 20
    moved = Surface((bumpy.vertices / 70 * length[:, None]).astype(np.float32), bumpy.faces)
    ridges, furrows = belt & (length > 72), belt & (length < 68)
    brightness = cortex_colours(moved).sum(axis=1)
    assert brightness[ridges].mean() > brightness[furrows].mean() + 60
    assert furrow_depth(moved)[furrows].mean() > 0


def test_scenes_can_be_made_and_closed_again_and_again_without_a_display() -> None:
    script = (
        "import numpy as np\n"
        "from tests.render.conftest import COILS, ball\n"
        "from render.coil_model import read_coil_model\n"
        "from render.scene import HeadScene\n"
        "coil = read_coil_model(COILS / 'figure8_70mm.json')\n"
        "pictures = []\n"
        "for _ in range(4):\n"
        "    with HeadScene(ball(90), ball(70), coil, size=(64, 48)) as scene:\n"
        "        pictures.append(scene.draw(None))\n"
        "    scene.close()\n"
        "assert pictures[0].std() > 5\n"
        "assert all((picture == pictures[0]).all() for picture in pictures)\n"
    )
    bare = {key: value for key, value in os.environ.items() if key not in ("DISPLAY",)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=bare, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
