from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset, load_dataset
from autokd.distill.answers import Answers
from autokd.distill.asking import Bench, ask, given
from autokd.distill.digests import module_digest
from autokd.distill.evaluation import predict
from autokd.distill.progress import silent
from autokd.distill.source import TrainingSource
from autokd.errors import TeacherError
from autokd.study import StudySpec, TeacherSpec
from autokd.teachers import freeze
from tests.distill.conftest import MakeSpec

CPU = torch.device("cpu")
FILE = "teacher.npz"
GIVEN = TeacherSpec(source="probabilities", file=FILE)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return freeze(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))


def _bench(
    spec: StudySpec, dataset: Dataset, folder: Path, *, data_dir: Path | None = None
) -> Bench:
    return Bench(spec, dataset, CPU, folder, data_dir, 2, silent)


def test_a_network_that_was_asked_is_known_with_its_answers(
    dataset: Dataset, make_spec: MakeSpec, network: nn.Module, tmp_path: Path
) -> None:
    tuned = replace(dataset, tuning=dataset.test.take(torch.arange(5)))
    bench = _bench(make_spec(), tuned, tmp_path)
    asked = ask(bench, network, name="a net", reads_views=True, trained_s=1.5)
    facts, outputs = asked.facts, asked.outputs
    assert (facts.name, facts.params, facts.trained_s) == ("a net", 195, 1.5)
    assert facts.digest == module_digest(network)
    for logits, split in (
        (outputs.validation, tuned.validation),
        (outputs.test, tuned.test),
        (outputs.tuning, tuned.tuning),
    ):
        assert split is not None
        assert logits is not None
        assert torch.equal(logits, predict(network, split.images))
    assert outputs.views is not None
    assert outputs.views.shape == (2, 48, 3)
    assert asked.folder is not None
    assert outputs.files == {"same": asked.folder / "views.npy"}
    assert asked.teaches is network


def test_a_network_whose_views_nobody_reads_is_not_asked_about_them(
    dataset: Dataset, make_spec: MakeSpec, network: nn.Module, tmp_path: Path
) -> None:
    asked = ask(_bench(make_spec(), dataset, tmp_path), network, name="a net", reads_views=False)
    assert asked.outputs.tables() == {}
    assert not list(tmp_path.rglob("views.npy"))


def test_a_network_looks_at_each_role_that_the_space_names(
    dataset: Dataset, make_spec: MakeSpec, network: nn.Module, tmp_path: Path
) -> None:
    raw = make_spec(methods=("none", "kd")).model_dump(mode="json")["search_space"]
    raw["kd"]["teacher_views"] = {"type": "categorical", "choices": ["same", "plain", "strong"]}
    spec = make_spec(search_space=raw, views={"crop_padding": 1, "seed": 7})
    asked = ask(_bench(spec, dataset, tmp_path), network, name="a net", reads_views=True)
    assert list(asked.outputs.tables()) == ["same", "plain", "strong"]
    assert {role: file.name for role, file in asked.outputs.files.items()} == {
        "same": "views.npy",
        "plain": "plain.npy",
        "strong": "strong-7.npy",
    }


def test_a_weak_network_is_refused_by_its_key(
    dataset: Dataset, make_spec: MakeSpec, network: nn.Module, tmp_path: Path
) -> None:
    bench = _bench(make_spec(), dataset, tmp_path)
    message = r"teachers\.1\.min_top1 is 1, but a net reaches 0\.\d{4} on validation \(24 images\)"
    with pytest.raises(TeacherError, match=message):
        ask(bench, network, name="a net", reads_views=True, min_top1=1.0, key="teachers.1")


def _cut_data(source_dataset: Dataset, **settings: Any) -> tuple[StudySpec, Dataset, Tensor]:
    """Cut 87 images into splits; the last gives the label of each in the source's order."""
    spec = settings.pop("spec")
    images = torch.cat([split.images for split in source_dataset.splits.values()])
    labels = torch.cat([split.labels for split in source_dataset.splits.values()])
    spec = spec.model_copy(update={"data": spec.data.model_copy(update=settings)})
    arrays = (images.numpy(), labels.numpy())
    return spec, load_dataset(spec.data, arrays=arrays, with_tuning=True), labels


@pytest.mark.parametrize(
    "settings", [{}, {"train_limit": 50, "images_per_class": 4, "split_seed": 3}]
)
def test_rows_of_probabilities_follow_the_cuts(
    settings: dict[str, Any], dataset: Dataset, make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec, cut, labels = _cut_data(dataset, spec=make_spec(), **settings)
    # Row i gives class y the probability 0.6 + i / 1000, by which one can tell the image.
    numbers = 0.6 + np.arange(len(labels)) / 1000
    rows = np.repeat(((1 - numbers) / 2)[:, None], 3, axis=1)
    rows[np.arange(len(labels)), labels.numpy()] = numbers
    np.savez(tmp_path / FILE, train=rows)
    asked = given(_bench(spec, cut, tmp_path / "cache", data_dir=tmp_path), GIVEN)
    outputs = asked.outputs
    assert cut.rows is not None
    for name, logits in (
        ("train", outputs.tables()["same"].parts[0]),
        ("validation", outputs.validation),
        ("test", outputs.test),
        ("tuning", outputs.tuning),
    ):
        assert logits is not None
        own = getattr(cut.rows, name)
        found = logits.softmax(1).amax(1)
        torch.testing.assert_close(found, torch.from_numpy(numbers)[own].float())
        assert torch.equal(logits.argmax(1), cut.splits[name].labels)
    assert asked.facts.top1 == asked.facts.test_top1 == 1.0


def test_given_answers_are_the_same_for_every_view_and_teach_assistants(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec, cut, labels = _cut_data(dataset, spec=make_spec())
    np.savez(tmp_path / FILE, train=np.eye(3)[labels.numpy()])
    asked = given(_bench(spec, cut, tmp_path / "cache", data_dir=tmp_path), GIVEN)
    answers = asked.teaches
    assert isinstance(answers, Answers)
    assert answers.kind == "constant"
    source = TrainingSource(cut.train, spec.views, answers)
    source.check_epochs(1000)
    for batch in source.batches(77, 8):
        assert batch.teacher_logits is not None
        assert torch.equal(batch.teacher_logits.argmax(1), batch.labels)
    facts = asked.facts
    assert (facts.name, facts.params, facts.trained_s) == (FILE, None, None)
    assert asked.folder is None
    assert not asked.outputs.files


def test_other_answers_are_another_teacher(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec, cut, labels = _cut_data(dataset, spec=make_spec())
    digests = set()
    for share in (0.9, 0.8):
        rows = np.full((len(labels), 3), (1 - share) / 2)
        rows[np.arange(len(labels)), labels.numpy()] = share
        np.savez(tmp_path / FILE, train=rows)
        bench = _bench(spec, cut, tmp_path / "cache", data_dir=tmp_path)
        digests.add(given(bench, GIVEN).facts.digest)
    assert len(digests) == 2


def test_given_answers_are_measured_against_what_is_demanded(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec, cut, labels = _cut_data(dataset, spec=make_spec())
    np.savez(tmp_path / FILE, train=np.eye(3)[labels.roll(1).numpy()])
    demanding = GIVEN.model_copy(update={"min_top1": 0.9, "model": "someone's"})
    bench = _bench(spec, cut, tmp_path / "cache", data_dir=tmp_path)
    with pytest.raises(TeacherError, match=r"teacher\.min_top1 is 0\.9, but someone's reaches 0"):
        given(bench, demanding)


def test_answers_to_other_images_are_refused(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec, cut, _ = _cut_data(dataset, spec=make_spec())
    np.savez(tmp_path / FILE, train=np.eye(3)[[0, 1, 2]])
    bench = _bench(spec, cut, tmp_path / "cache", data_dir=tmp_path)
    with pytest.raises(TeacherError, match=rf"{tmp_path}/{FILE}: array 'train' must be .*\(87, 3"):
        given(bench, GIVEN)
