"""The shipped head loads; what is no head is refused by name."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.subject.head import HeadError, default_head_folder, load_head
from app.subject.head_description import HeadDescription, TargetDescription, read_description


@pytest.fixture
def folder(tmp_path):
    for file in ("head.json", "scalp.npz", "cortex.npz", "t1.nii.gz"):
        shutil.copy(default_head_folder() / file, tmp_path / file)
    return tmp_path


def edit(folder, **changes):
    path = folder / "head.json"
    data = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in data.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


def test_the_default_head_is_complete():
    head = load_head()
    assert head.name == "Colin27 (default head)"
    assert [target.name for target in head.targets] == [
        "M1 hand left",
        "M1 hand right",
        "DLPFC left (F3)",
        "DLPFC right (F4)",
    ]
    assert set(head.landmarks) == {"nasion", "inion", "LPA", "RPA"}
    assert len(head.eeg_1020) == 21
    assert head.t1_path.is_file()
    assert "unverified" in head.note


def test_a_head_elsewhere_is_read_from_its_folder(folder):
    edit(folder, name="Somebody", targets=[])
    head = load_head(folder)
    assert (head.name, head.targets) == ("Somebody", ())
    assert head.t1_path == folder / "t1.nii.gz"


def test_a_target_is_found_by_name_or_id_and_an_unknown_one_lists_the_known():
    head = load_head()
    assert head.target("M1 hand left") is head.target("m1-hand-left")
    with pytest.raises(HeadError, match=r"has no target 'Cz'\. Choose one of: M1 hand left, "):
        head.target("Cz")


def test_describing_a_target_and_reading_it_back_changes_nothing():
    for target in load_head().targets:
        back = TargetDescription.of(target).target()
        assert np.allclose(back.scalp_point, target.scalp_point, atol=1e-3)
        assert np.allclose(back.cortex_point, target.cortex_point, atol=1e-3)
        turn = back.mri_from_target.rotation * target.mri_from_target.rotation.inv()
        assert np.rad2deg(turn.magnitude()) < 1e-4
        assert (back.id, back.name, back.version) == (target.id, target.name, target.version)


@pytest.mark.parametrize("file", ["head.json", "scalp.npz", "cortex.npz", "t1.nii.gz"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(HeadError, match=file):
        load_head(folder)


@pytest.mark.parametrize("file", ["head.json", "scalp.npz", "cortex.npz"])
@pytest.mark.parametrize("content", [b"", b"solid nonsense\xff\xfe", b"[" * 100_000])
def test_a_file_of_other_bytes_is_named(folder, file, content):
    (folder / file).write_bytes(content)
    with pytest.raises(HeadError, match=file):
        load_head(folder)


def test_a_missing_folder_or_a_file_in_its_place_is_named(tmp_path):
    with pytest.raises(HeadError, match=r"nowhere is not a folder.*head\.json"):
        load_head(tmp_path / "nowhere")
    (tmp_path / "brain.stl").write_bytes(b"solid")
    with pytest.raises(HeadError, match=r"brain\.stl is not a folder"):
        load_head(tmp_path / "brain.stl")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema version 2, this program reads 1"),
        ({"schema_version": None}, "schema version None"),
        ({"units": "m"}, "'units' is wrong"),
        ({"frame": "tkr"}, "'frame' is wrong"),
        ({"name": ""}, "'name' is wrong"),
        ({"landmarks": {"nasion": [0, 0, 0]}}, "landmarks are missing: inion, LPA, RPA"),
        ({"eeg_1020": {"Cz": [0, 0]}}, r"'eeg_1020\.Cz.*' is wrong"),
        ({"eeg_1020": {"Cz": [0, 0, float("nan")]}}, r"'eeg_1020\.Cz\.2' is wrong"),
        ({"targets": [{"name": "x"}]}, r"'targets\.0\.id' is wrong"),
    ],
)
def test_a_wrong_field_is_named(folder, changes, message):
    edit(folder, **changes)
    with pytest.raises(HeadError, match=message) as caught:
        load_head(folder)
    assert "head.json" in str(caught.value)


def one_target(folder):
    return json.loads((folder / "head.json").read_text(encoding="utf-8"))["targets"][0]


def test_two_targets_of_one_id_are_refused(folder):
    edit(folder, targets=[one_target(folder)] * 2)
    with pytest.raises(HeadError, match="two targets have the same id"):
        load_head(folder)


def test_a_pose_away_from_its_scalp_point_is_refused(folder):
    edit(folder, targets=[one_target(folder) | {"scalp": [0, 0, 0]}])
    with pytest.raises(HeadError, match="is not the scalp point"):
        load_head(folder)


def test_a_quaternion_of_another_length_is_refused(folder):
    target = one_target(folder)
    target["mri_from_target"]["quaternion"] = [0, 0, 0, 0]
    edit(folder, targets=[target])
    with pytest.raises(HeadError, match="has not the length 1"):
        load_head(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from([*HeadDescription.model_fields])


def _refused_or_sound(folder, changes):
    data = json.loads((default_head_folder() / "head.json").read_text(encoding="utf-8"))
    path = folder / "head.json"
    path.write_text(json.dumps(data | changes), encoding="utf-8")
    try:
        description = read_description(path)
    except HeadError as error:
        message = str(error)
    else:
        assert {"nasion", "inion", "LPA", "RPA"} <= set(description.landmarks)
        return
    assert "head.json" in message


@given(changes=st.dictionaries(FIELDS, JSON, min_size=1, max_size=3))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_content_is_refused_or_sound(tmp_path, changes):
    _refused_or_sound(tmp_path, changes)


@pytest.mark.fuzz
@given(changes=st.dictionaries(FIELDS, JSON, min_size=1, max_size=3))
@settings(
    max_examples=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_any_other_content_is_refused_or_sound_at_length(tmp_path, changes):
    _refused_or_sound(tmp_path, changes)
