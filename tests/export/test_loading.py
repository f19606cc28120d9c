import json
import shutil
from pathlib import Path

import pytest
import torch

import autokd
from autokd.errors import ExportError
from autokd.export.folder import export_student
from autokd.export.loading import build_student, load_student, read_description

LARGE, SMALL = 1, 0


@pytest.fixture(scope="module")
def original(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "student"
    return export_student(autokd.load_run(finished), LARGE, folder, formats=("safetensors",))


@pytest.fixture
def exported(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "student")


def test_student_needs_only_its_json_and_weights(exported: Path) -> None:
    (exported / "README.md").unlink()
    logits = load_student(str(exported))(torch.rand(3, 1, 8, 8))
    assert logits.shape == (3, 10)


def test_student_does_not_depend_on_the_random_state(exported: Path) -> None:
    images = torch.rand(2, 1, 8, 8)
    before = load_student(exported)(images)
    torch.manual_seed(1234)
    assert torch.equal(load_student(exported)(images), before)


def test_architecture_can_be_built_with_fresh_weights(exported: Path) -> None:
    (exported / "weights.safetensors").unlink()
    student = build_student(exported, seed=3)
    assert student.training
    assert student.graph == read_description(exported).graph
    again = build_student(exported, seed=3).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in student.state_dict().items())


def test_missing_weights_are_named(exported: Path) -> None:
    (exported / "weights.safetensors").unlink()
    with pytest.raises(ExportError, match="exported without format 'safetensors'"):
        load_student(exported)


def test_truncated_weights_are_refused(exported: Path) -> None:
    path = exported / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ExportError, match=r"weights.safetensors: the weights cannot be read"):
        load_student(exported)


def test_weights_of_another_student_are_refused(
    exported: Path, finished: Path, tmp_path: Path
) -> None:
    run = autokd.load_run(finished)
    other = export_student(run, SMALL, tmp_path / "other", formats=("safetensors",))
    shutil.copy(other / "weights.safetensors", exported)
    with pytest.raises(ExportError, match="not the weights of this graph"):
        load_student(exported)


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is not an exported student"):
        load_student(tmp_path / "nowhere")


def test_normalisation_for_other_channels_is_refused(exported: Path) -> None:
    path = exported / "student.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "mean": [0.1, 0.2]}))
    with pytest.raises(ExportError, match=r"student.json: mean"):
        load_student(exported)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "a student of format 1 was expected, found 99"),
        ({"graph": {"format": 1}}, "student.json: not a student"),
        ({"input_shape": {}}, "student.json: not a student"),
    ],
)
def test_a_damaged_json_is_refused_by_name(
    exported: Path, change: dict[str, object], message: str
) -> None:
    path = exported / "student.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ExportError, match=message):
        load_student(exported)


def test_text_that_is_no_json_is_refused(exported: Path) -> None:
    (exported / "student.json").write_text("{")
    with pytest.raises(ExportError, match=r"student.json: not JSON"):
        load_student(exported)
