from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill import assistants as assistants_module
from autokd.distill.answers import Answers
from autokd.distill.assistants import assistant_file, trained_assistant
from autokd.distill.digests import module_digest
from autokd.distill.evaluation import predict
from autokd.distill.losses import Seen
from autokd.distill.networks import TrainedNetwork
from autokd.errors import TeacherError
from autokd.study import AssistantSpec
from autokd.teachers import freeze
from tests.distill.conftest import MakeSpec

CPU = torch.device("cpu")
TINY: dict[str, Any] = {"model": "resnet8", "epochs": 2}


class _ByRow(nn.Module):
    """Knows the answer: the class is the row that is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.scale * images[:, 0, 2:7:2].sum(2)
        return logits


@pytest.fixture
def teacher() -> nn.Module:
    return freeze(_ByRow())


def _assistant(
    dataset: Dataset,
    make_spec: MakeSpec,
    cache: Path,
    teacher: nn.Module | Answers,
    *,
    told: list[tuple[str, int, int]] | None = None,
    digest: str = "a" * 64,
    **settings: Any,
) -> TrainedNetwork:
    return trained_assistant(
        AssistantSpec(**{**TINY, **settings}),
        make_spec(),
        dataset=dataset,
        teacher=teacher,
        teacher_digest=digest,
        device=CPU,
        folder=cache,
        progress=lambda *step: None if told is None else told.append(step),
    )


def test_an_assistant_learns_from_its_teacher_and_not_from_the_labels(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path, teacher: nn.Module
) -> None:
    scrambled = replace(dataset.train, labels=dataset.train.labels.roll(1))
    blind = replace(dataset, train=scrambled)
    settings: dict[str, Any] = {"epochs": 25, "soft_weight": 1.0, "temperature": 1.0}
    network = _assistant(blind, make_spec, tmp_path, teacher, **settings).module
    found = predict(network, dataset.validation.images).argmax(1)
    assert (found == dataset.validation.labels).float().mean() > 0.9


def test_the_teacher_is_asked_about_the_very_pixels(
    dataset: Dataset,
    make_spec: MakeSpec,
    tmp_path: Path,
    teacher: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[tuple[float, float]] = []

    def look(seen: Seen, *, temperature: float, soft_weight: float) -> Tensor:
        assert seen.teacher_logits is not None
        assert seen.images is not None
        assert torch.equal(seen.teacher_logits, teacher(seen.images))
        heard.append((temperature, soft_weight))
        return seen.student_logits.square().mean()

    monkeypatch.setattr(assistants_module, "kd", look)
    _assistant(dataset, make_spec, tmp_path, teacher, temperature=2.0, soft_weight=0.5)
    assert set(heard) == {(2.0, 0.5)}


def test_answers_that_were_given_teach_as_well_as_a_network(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path
) -> None:
    answers = Answers(9.0 * nn.functional.one_hot(dataset.train.labels, 3)[None], "constant")
    settings: dict[str, Any] = {"epochs": 25, "soft_weight": 1.0}
    network = _assistant(dataset, make_spec, tmp_path, answers, **settings).module
    found = predict(network, dataset.validation.images).argmax(1)
    assert (found == dataset.validation.labels).float().mean() > 0.9


def test_an_assistant_is_trained_once_for_each_teacher_of_its_own(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path, teacher: nn.Module
) -> None:
    told: list[tuple[str, int, int]] = []
    first, second = (
        _assistant(dataset, make_spec, tmp_path, teacher, told=told) for _ in range(2)
    )
    assert told == [("assistant resnet8", 1, 2), ("assistant resnet8", 2, 2)]
    assert module_digest(first.module) == module_digest(second.module)
    assert first.seconds == second.seconds is not None
    _assistant(dataset, make_spec, tmp_path, teacher, told=told, digest="b" * 64)
    assert len(told) == 4
    assert len(list((tmp_path / "assistants").iterdir())) == 2


def test_all_that_changes_the_weights_changes_the_file(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path
) -> None:
    def file(
        *,
        digest: str = "a" * 64,
        data: Dataset = dataset,
        device: torch.device = CPU,
        study: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Path:
        return assistant_file(
            AssistantSpec(**{**TINY, **settings}),
            make_spec(**(study or {})),
            dataset=data,
            teacher_digest=digest,
            device=device,
            folder=tmp_path,
        )

    files = [
        file(),
        file(model="resnet14"),
        file(epochs=3),
        file(learning_rate=0.2),
        file(seed=1),
        file(temperature=2.0),
        file(soft_weight=0.5),
        file(digest="b" * 64),
        file(data=replace(dataset, digest="0" * 64)),
        file(device=torch.device("cuda", 0)),
        file(study={"views": {"crop_padding": 2}}),
    ]
    assert len(set(files)) == len(files)
    # Who taught it is said by the digest alone, and how students are trained says nothing.
    assert file(taught_by="teacher") == file(taught_by="previous") == file()
    assert file(study={"training": {"batch_size": 8, "cuda_graph": "off"}}) == file()


def test_an_assistant_that_diverges_is_named(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path, teacher: nn.Module
) -> None:
    with pytest.raises(TeacherError, match=r"assistant resnet8 cannot be trained: .* not finite"):
        _assistant(dataset, make_spec, tmp_path, teacher, epochs=20, learning_rate=1e30)
    assert not list((tmp_path / "assistants").iterdir())


def test_assistant_of_another_kind_of_device_is_not_trained_here(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path, teacher: nn.Module
) -> None:
    with pytest.raises(TeacherError, match=r"was trained on cuda, and is not in the cache here"):
        trained_assistant(
            AssistantSpec(**TINY),
            make_spec(),
            dataset=dataset,
            teacher=teacher,
            teacher_digest="a" * 64,
            device=CPU,
            folder=tmp_path,
            trained_on=torch.device("cuda"),
        )
