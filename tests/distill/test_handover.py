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
from autokd.distill import handover
from autokd.distill.answers import Answers
from autokd.distill.handover import open_for_worker, save_for_workers
from autokd.distill.losses.none import none
from autokd.distill.outputs import TeacherOutputs, view_outputs
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.distill.training import train
from autokd.errors import RunError, TeacherError
from autokd.study import Training
from tests.distill.conftest import MakeSpec

KD = {"kd.method": "kd"}


@pytest.fixture
def study(dataset: Dataset, make_spec: MakeSpec, tmp_path: Path) -> PreparedStudy:
    spec = make_spec(methods=("none", "kd"))
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    cache = tmp_path / "cache" / "key"
    table = view_outputs(teacher, dataset, views=spec.views, n_views=3, folder=cache)
    files = {"same": cache / "views.npy"}
    outputs = TeacherOutputs(table[:2], torch.randn(24, 3), torch.randn(15, 3), files=files)
    facts = TeacherFacts("a teacher", 195, 0.5, 0.4, saw_validation=True, digest="d" * 64)
    return PreparedStudy(
        spec, dataset, outputs, facts, torch.device("cpu"), cache, precision="bfloat16"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "for-workers"
    path.mkdir()
    return path


def _networks(study: PreparedStudy) -> list[TeacherOutputs]:
    return [study.outputs, *study.more, *study.assistants]


def _tensors(study: PreparedStudy) -> list[Tensor]:
    splits = study.dataset.splits.values()
    found = [tensor for split in splits for tensor in (split.images, split.labels)]
    for outputs in _networks(study):
        found += [outputs.validation, outputs.test]
        found += [] if outputs.tuning is None else [outputs.tuning]
        found += [answers.parts for answers in outputs.tables().values()]
    return found


def _kinds(study: PreparedStudy) -> list[dict[str, str]]:
    tables = [outputs.tables() for outputs in _networks(study)]
    return [{role: answers.kind for role, answers in each.items()} for each in tables]


def _check_equal(found: PreparedStudy, study: PreparedStudy) -> None:
    assert found.spec == study.spec
    assert found.facts == study.facts
    assert found.more_facts == study.more_facts
    assert found.assistant_facts == study.assistant_facts
    assert found.precision == study.precision
    assert found.shape == study.shape
    assert list(found.dataset.splits) == list(study.dataset.splits)
    assert _kinds(found) == _kinds(study)
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


def test_teacher_that_cannot_be_made_again_is_not_taken_for_a_damaged_file(
    study: PreparedStudy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unmade(*_args: object, **_options: object) -> None:
        raise TeacherError("[teacher.model] 'mine:make' cannot be imported")

    save_for_workers(study, folder)
    monkeypatch.setattr(handover, "open_maps", unmade)
    with pytest.raises(TeacherError, match=r"^\[teacher.model\] 'mine:make' cannot be imported$"):
        open_for_worker(folder, "cpu")


def test_the_table_is_linked_and_outlives_the_cache(study: PreparedStudy, folder: Path) -> None:
    save_for_workers(study, folder)
    assert study.folder is not None
    assert (folder / "teacher" / "same.npy").samefile(study.folder / "views.npy")
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
    (folder / "teacher" / "same.npy").unlink()
    save_for_workers(replace(study, outputs=replace(study.outputs, files={})), folder)
    _check_equal(open_for_worker(folder, "cpu"), study)


@pytest.fixture
def crowded(study: PreparedStudy) -> PreparedStudy:
    """Have everything that a method can read."""
    cache = study.outputs.files["same"].parent
    np.save(cache / "weak-0.npy", np.ones((5, 48, 3), np.float16))
    roles = {
        "plain": Answers(torch.randn(1, 48, 3).half(), "constant"),
        "weak": Answers(open_array(cache / "weak-0.npy")[:2]),
    }
    files = {**study.outputs.files, "weak": cache / "weak-0.npy"}

    def answered(outputs: TeacherOutputs) -> TeacherOutputs:
        return replace(outputs, tuning=torch.randn(6, 3), roles=roles, files=files)

    given = TeacherOutputs(
        torch.randn(1, 48, 3), torch.randn(24, 3), torch.randn(15, 3), "constant"
    )
    return replace(
        study,
        dataset=replace(study.dataset, tuning=study.dataset.test.take(torch.arange(6))),
        outputs=answered(study.outputs),
        more=(replace(given, tuning=torch.randn(6, 3)),),
        assistants=(answered(study.outputs), answered(study.outputs)),
        more_facts=(replace(study.facts, name="another", params=None),),
        assistant_facts=(
            replace(study.facts, name="first", trained_s=1.5),
            replace(study.facts, name="second", trained_s=2.5),
        ),
    )


def test_every_network_and_the_tuning_images_are_handed_over(
    crowded: PreparedStudy, folder: Path
) -> None:
    save_for_workers(crowded, folder)
    found = open_for_worker(folder, "cpu")
    _check_equal(found, crowded)
    assert found.assistants_s == 4.0
    cached = crowded.outputs.files["weak"]
    for name in ("teacher", "assistants-0", "assistants-1"):
        assert (folder / name / "weak.npy").samefile(cached)


def test_what_a_worker_opened_can_be_handed_on(
    crowded: PreparedStudy, folder: Path, tmp_path: Path
) -> None:
    save_for_workers(crowded, folder)
    onward = tmp_path / "onward"
    onward.mkdir()
    save_for_workers(open_for_worker(folder, "cpu"), onward)
    _check_equal(open_for_worker(onward, "cpu"), crowded)
    assert (onward / "teacher" / "same.npy").samefile(crowded.outputs.files["same"])


def test_a_study_without_views_stays_without(study: PreparedStudy, folder: Path) -> None:
    bare = replace(study, outputs=replace(study.outputs, views=None))
    save_for_workers(bare, folder)
    found = open_for_worker(folder, "cpu")
    assert found.outputs.views is None
    _check_equal(found, bare)


def test_a_worker_knows_how_the_table_is_kept(study: PreparedStudy, folder: Path) -> None:
    table = torch.randn(9, 48, 3).half()
    whole = replace(
        study, outputs=replace(study.outputs, views=table, kind="exhaustive", files={})
    )
    save_for_workers(whole, folder)
    found = open_for_worker(folder, "cpu")
    assert found.outputs.kind == "exhaustive"
    batches = (found.source(KD).batches(20, 8), whole.source(KD).batches(20, 8))
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
            each.source(KD),
            loss=none,
            training=Training(),
            rungs=[2],
            seed=0,
            at_rung=lambda _: True,
        )
        ends.append(network.get_parameter("1.weight"))
    assert torch.equal(*ends)


@pytest.mark.parametrize("name", ["study.json", "same.npy", "train-images.npy"])
def test_a_missing_file_is_an_error_with_the_folder(
    name: str, study: PreparedStudy, folder: Path
) -> None:
    save_for_workers(study, folder)
    next(folder.rglob(name)).unlink()
    with pytest.raises(RunError, match=rf"{folder}: the prepared study cannot be read: .*{name}"):
        open_for_worker(folder, "cpu")


def test_a_truncated_description_is_an_error(study: PreparedStudy, folder: Path) -> None:
    save_for_workers(study, folder)
    text = (folder / "study.json").read_text()
    (folder / "study.json").write_text(json.dumps({"spec": json.loads(text)["spec"]}))
    with pytest.raises(RunError, match="the prepared study cannot be read: 'splits'"):
        open_for_worker(folder, "cpu")


def test_a_folder_that_cannot_be_written_is_named(study: PreparedStudy, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"missing: cannot be written: No such file"):
        save_for_workers(study, tmp_path / "missing")
