import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.data.store.arrays import open_array
from autokd.distill.handover import open_for_worker, save_for_workers
from autokd.distill.losses import LOSSES
from autokd.distill.outputs import TeacherOutputs, view_outputs
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.distill.training import train
from autokd.errors import RunError
from autokd.study import Training
from tests.distill.conftest import MakeSpec


@pytest.fixture
def study(dataset: Dataset, make_spec: MakeSpec, tmp_path: Path) -> PreparedStudy:
    spec = make_spec(methods=("none", "kd"))
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    cache = tmp_path / "cache" / "key"
    table = view_outputs(teacher, dataset, views=spec.views, n_views=3, folder=cache)
    outputs = TeacherOutputs(table[:2], torch.randn(24, 3), torch.randn(15, 3))
    facts = TeacherFacts("a teacher", 195, 0.5, 0.4, saw_validation=True, digest="d" * 64)
    return PreparedStudy(
        spec, dataset, outputs, facts, torch.device("cpu"), cache, precision="bfloat16"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "for-workers"
    path.mkdir()
    return path


def _tensors(study: PreparedStudy) -> list[Tensor]:
    dataset, outputs = study.dataset, study.outputs
    splits = (dataset.train, dataset.validation, dataset.test)
    views = [] if outputs.views is None else [outputs.views]
    held_out = [outputs.validation, outputs.test]
    pixels = [split.images for split in splits]
    return [*pixels, *(split.labels for split in splits), *held_out, *views]


def _check_equal(found: PreparedStudy, study: PreparedStudy) -> None:
    assert found.spec == study.spec
    assert found.facts == study.facts
    assert found.precision == study.precision
    assert found.shape == study.shape
    for name in ("class_names", "mean", "std", "digest"):
        assert getattr(found.dataset, name) == getattr(study.dataset, name)
    for ours, theirs in zip(_tensors(found), _tensors(study), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


def test_a_worker_gets_the_study_that_was_prepared(study: PreparedStudy, folder: Path) -> None:
    save_for_workers(study, folder)
    found = open_for_worker(folder, "cpu")
    _check_equal(found, study)
    assert found.folder == folder
    assert found.device == torch.device("cpu")


def test_the_table_is_linked_and_outlives_the_cache(study: PreparedStudy, folder: Path) -> None:
    save_for_workers(study, folder)
    assert study.folder is not None
    assert (folder / "views.npy").samefile(study.folder / "views.npy")
    shutil.rmtree(study.folder)
    _check_equal(open_for_worker(folder, "cpu"), study)


def test_pixels_of_an_image_folder_are_linked(
    study: PreparedStudy, folder: Path, tmp_path: Path
) -> None:
    cached, train = tmp_path / "pixels.npy", study.dataset.train
    np.save(cached, train.images.numpy())
    mapped = replace(train, images=open_array(cached), file=cached)
    from_folder = replace(study, dataset=replace(study.dataset, train=mapped))
    save_for_workers(from_folder, folder)
    assert (folder / "train-images.npy").samefile(cached)
    _check_equal(open_for_worker(folder, "cpu"), study)
    cached.unlink()
    (folder / "train-images.npy").unlink()
    save_for_workers(from_folder, folder)
    _check_equal(open_for_worker(folder, "cpu"), study)


def test_a_cache_that_is_gone_or_was_never_there_is_no_hindrance(
    study: PreparedStudy, folder: Path
) -> None:
    assert study.folder is not None
    shutil.rmtree(study.folder)
    save_for_workers(study, folder)
    _check_equal(open_for_worker(folder, "cpu"), study)
    (folder / "views.npy").unlink()
    save_for_workers(replace(study, folder=None), folder)
    _check_equal(open_for_worker(folder, "cpu"), study)


def test_a_study_without_views_stays_without(study: PreparedStudy, folder: Path) -> None:
    bare = replace(study, outputs=replace(study.outputs, views=None))
    save_for_workers(bare, folder)
    found = open_for_worker(folder, "cpu")
    assert found.outputs.views is None
    _check_equal(found, bare)


def test_a_worker_knows_how_the_table_is_kept(study: PreparedStudy, folder: Path) -> None:
    table = torch.randn(9, 48, 3).half()
    outputs = replace(study.outputs, views=table, kind="exhaustive")
    whole = replace(study, outputs=outputs, folder=None)
    save_for_workers(whole, folder)
    found = open_for_worker(folder, "cpu")
    assert found.outputs.kind == "exhaustive"
    batches = (found.source().batches(20, 8), whole.source().batches(20, 8))
    for ours, theirs in zip(*batches, strict=True):
        assert ours.teacher_logits is not None
        assert theirs.teacher_logits is not None
        assert torch.equal(ours.teacher_logits, theirs.teacher_logits)


def test_training_on_a_workers_study_gives_the_same_weights(
    study: PreparedStudy, folder: Path
) -> None:
    save_for_workers(study, folder)
    ends = []
    for each in (study, open_for_worker(folder, "cpu")):
        torch.manual_seed(1)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
        train(
            network,
            each.source(),
            loss=LOSSES["none"],
            training=Training(),
            rungs=[2],
            seed=0,
            at_rung=lambda _: True,
        )
        ends.append(network.get_parameter("1.weight"))
    assert torch.equal(*ends)


@pytest.mark.parametrize("name", ["study.json", "views.npy", "train-images.npy"])
def test_a_missing_file_is_an_error_with_the_folder(
    name: str, study: PreparedStudy, folder: Path
) -> None:
    save_for_workers(study, folder)
    (folder / name).unlink()
    with pytest.raises(RunError, match=rf"{folder}: the prepared study cannot be read: .*{name}"):
        open_for_worker(folder, "cpu")


def test_a_truncated_description_is_an_error(study: PreparedStudy, folder: Path) -> None:
    save_for_workers(study, folder)
    text = (folder / "study.json").read_text()
    (folder / "study.json").write_text(json.dumps({"spec": json.loads(text)["spec"]}))
    with pytest.raises(RunError, match="the prepared study cannot be read: 'class_names'"):
        open_for_worker(folder, "cpu")


def test_a_folder_that_cannot_be_written_is_named(study: PreparedStudy, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"missing: cannot be written: No such file"):
        save_for_workers(study, tmp_path / "missing")
