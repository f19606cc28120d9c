import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from autokd.data import Split
from autokd.distill import PreparedStudy
from autokd.errors import ExportError
from autokd.export import artefacts
from autokd.export.artefacts import validation_images, write_and_verify
from autokd.export.description import describe
from autokd.export.facts import data_facts
from autokd.export.origin import find_origin
from autokd.runs import Run
from autokd.study import DataSpec

LARGE = 1


def _write(run: Run, folder: Path, formats: list[str], images: Split) -> dict[str, object]:
    origin = find_origin(run, LARGE)
    description = describe(run, LARGE, origin=origin, facts=data_facts(run))
    (folder / "student.json").write_text(description.to_json())
    return write_and_verify(
        folder, origin=origin, description=description, formats=formats, images=images
    )


def test_verified_states_what_was_compared(
    run: Run, prepared: PreparedStudy, tmp_path: Path
) -> None:
    images = prepared.dataset.validation
    verified = _write(run, tmp_path, ["safetensors", "pt2"], images)
    weights = (tmp_path / "weights.safetensors").read_bytes()
    assert verified["n"] == verified["n_compared"] == len(images)
    assert verified["top1"] == run.record(LARGE).metrics["top1"]
    assert verified["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    differences = verified["differences"]
    assert isinstance(differences, dict)
    assert set(differences) == {"weights.safetensors", "student.pt2"}
    assert all(value <= 1e-4 for value in differences.values())


@pytest.mark.parametrize(
    ("reader", "file"), [("run_onnx", "student.onnx"), ("run_program", "student.pt2")]
)
def test_a_file_that_answers_otherwise_is_an_export_error(
    run: Run,
    prepared: PreparedStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reader: str,
    file: str,
) -> None:
    def wrong(_: Path) -> object:
        return lambda images: torch.zeros(len(images), 10)

    def nothing(_: object, __: object, path: Path) -> None:
        path.write_bytes(b"")

    monkeypatch.setattr(artefacts, reader, wrong)
    monkeypatch.setattr(artefacts, "write_onnx", nothing)
    monkeypatch.setattr(artefacts, "write_program", nothing)
    formats = [file.removeprefix("student.")]
    with pytest.raises(ExportError, match=f"{file} is not the student"):
        _write(run, tmp_path, formats, prepared.dataset.validation)


def test_validation_images_are_loaded_again_as_they_were(
    run: Run, prepared: PreparedStudy
) -> None:
    facts = data_facts(run)
    loaded = validation_images(run, facts, prepared=None, data_dir=None)
    given = validation_images(run, facts, prepared=prepared, data_dir=None)
    for left, right in ((loaded.images, given.images), (loaded.labels, given.labels)):
        assert torch.equal(left, right)


def test_other_images_than_the_run_s_are_refused(run: Run) -> None:
    facts = replace(data_facts(run), digest="f" * 64)
    with pytest.raises(ExportError, match=r"the images are not those of .*run's ffffffffffff"):
        validation_images(run, facts, prepared=None, data_dir=None)


def test_images_given_in_python_must_be_given_again(run: Run) -> None:
    run.spec = run.spec.model_copy(update={"data": DataSpec(source="arrays")})
    with pytest.raises(ExportError, match="were given in Python: give `prepared`"):
        validation_images(run, data_facts(run), prepared=None, data_dir=None)
