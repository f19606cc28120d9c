from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill.digests import module_digest
from autokd.distill.evaluation import predict
from autokd.distill.preparation import prepare
from autokd.distill.prepared import PreparedStudy
from autokd.errors import DataError, RunError, TeacherError
from tests.distill.conftest import MakeSpec

MODULE = {"source": "module"}


@pytest.fixture
def arrays(dataset: Dataset) -> tuple[Any, Any]:
    return dataset.train.images.numpy(), dataset.train.labels.numpy()


@pytest.fixture
def teacher() -> nn.Module:
    """Know the answer: the class is the row that is bright."""
    return _ByRow()


class _ByRow(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.scale * images[:, 0, 2:7:2].sum(2)
        return logits


def test_a_study_is_prepared_with_a_teacher_of_its_own(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    study = prepare(
        make_spec(),
        device="cpu",
        cache_dir=tmp_path,
        arrays=arrays,
        progress=lambda *step: told.append(step),
    )
    assert told == [
        ("data", 0, 1),
        ("data", 1, 1),
        ("teacher", 1, 2),
        ("teacher", 2, 2),
        ("views", 1, 2),
        ("views", 2, 2),
    ]
    assert study.outputs.views is not None
    assert study.outputs.views.shape == (2, len(study.dataset.train), 3)
    assert study.outputs.validation.shape == (len(study.dataset.validation), 3)
    assert study.outputs.test.shape == (len(study.dataset.test), 3)
    assert study.facts.name == "resnet8"
    assert not study.facts.saw_validation
    assert study.folder is not None
    assert study.folder.parent == tmp_path / "outputs"


def test_a_second_preparation_reads_what_the_first_one_wrote(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    told: list[str] = []
    first, second = (
        prepare(
            make_spec(),
            device="cpu",
            cache_dir=tmp_path,
            arrays=arrays,
            progress=lambda what, _done, _total: told.append(what),
        )
        for _ in range(2)
    )
    assert told == ["data", "data", "teacher", "teacher", "views", "views", "data", "data"]
    assert first.facts == second.facts
    assert first.outputs.views is not None
    assert second.outputs.views is not None
    assert torch.equal(first.outputs.views, second.outputs.views)


def _with_module(
    make_spec: MakeSpec,
    arrays: tuple[Any, Any],
    cache: Path,
    module: nn.Module,
    **changes: Any,
) -> PreparedStudy:
    spec = make_spec(**{"teacher": MODULE, **changes})
    return prepare(spec, device="cpu", cache_dir=cache, arrays=arrays, teacher=module)


def test_a_module_of_ones_own_is_measured_and_frozen(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    described = {**MODULE, "saw_validation": True}
    study = _with_module(make_spec, arrays, tmp_path, teacher, teacher=described)
    facts = study.facts
    assert (facts.name, facts.params, facts.top1, facts.test_top1) == ("_ByRow", 1, 1.0, 1.0)
    assert facts.saw_validation
    assert facts.digest == module_digest(teacher)
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    expected = predict(teacher, study.dataset.validation.images)
    assert torch.equal(study.outputs.validation, expected)


def test_a_weak_teacher_is_refused_with_the_number_found(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    with torch.no_grad():
        teacher.get_parameter("scale").neg_()
    with pytest.raises(
        TeacherError,
        match=r"teacher\.min_top1 is 0\.95, but _ByRow reaches 0\.0000 on validation \(8 images\)",
    ):
        _with_module(make_spec, arrays, tmp_path, teacher, teacher={**MODULE, "min_top1": 0.95})
    assert not list(tmp_path.rglob("views.npy"))


def test_a_teacher_with_other_classes_is_refused(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    with pytest.raises(TeacherError, match="answers with 4 classes, the data have 3"):
        _with_module(make_spec, arrays, tmp_path, teacher)


def test_a_module_for_a_study_that_has_a_teacher_is_refused(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    with pytest.raises(TeacherError, match=r"\[teacher\.source\] is 'zoo', not 'module'"):
        prepare(make_spec(), cache_dir=tmp_path, arrays=arrays, teacher=teacher)


def test_a_study_that_asks_for_a_module_needs_one(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    with pytest.raises(TeacherError, match="no teacher was given in Python"):
        prepare(make_spec(teacher=MODULE), cache_dir=tmp_path, arrays=arrays)


def test_a_teacher_that_a_function_makes_is_loaded(
    make_spec: MakeSpec,
    arrays: tuple[Any, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = (
        "from torch import nn\n"
        "def make():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))\n"
    )
    (tmp_path / "a_users_teacher.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = make_spec(teacher={"source": "module", "model": "a_users_teacher:make"})
    study = prepare(spec, device="cpu", cache_dir=tmp_path / "cache", arrays=arrays)
    assert study.facts.name == "a_users_teacher:make"
    assert study.facts.params == 64 * 3 + 3


def test_without_a_method_that_reads_them_no_views_are_answered(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    study = _with_module(make_spec, arrays, tmp_path, teacher, methods=("none",))
    assert study.outputs.views is None
    study.source().check_epochs(1000)
    both = _with_module(make_spec, arrays, tmp_path, teacher, methods=("none", "kd"))
    assert both.outputs.views is not None


def test_more_views_than_epochs_can_be_asked_for(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    spec = make_spec(teacher=MODULE)
    study = prepare(
        spec, device="cpu", cache_dir=tmp_path, arrays=arrays, teacher=teacher, n_views=5
    )
    study.source(first_view=2).check_epochs(3)
    assert study.outputs.views is not None
    assert len(study.outputs.views) == 5


def test_an_exhaustive_table_serves_every_number_of_views_and_other_seeds(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    folders = set()
    for seed in (0, 1):
        views = {"crop_padding": 1, "table": "exhaustive", "seed": seed}
        study = _with_module(make_spec, arrays, tmp_path, teacher, views=views)
        assert study.outputs.views is not None
        assert len(study.outputs.views) == 9
        assert study.outputs.kind == "exhaustive"
        study.source(first_view=500).check_epochs(500)
        folders.add(study.folder)
    assert len(folders) == 1


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_a_study_with_mixed_views_trains_its_teacher_and_answers_them(
    mix: str, make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    views = {"crop_padding": 1, "mix": mix, "cutout": 2}
    spec = make_spec(views=views, methods=("none", "kd"))
    study = prepare(spec, device="cpu", cache_dir=tmp_path, arrays=arrays)
    batch = next(study.source().batches(0, 8))
    assert batch.labels.shape == (8, 3)
    assert batch.teacher_logits is not None


def test_cutout_larger_than_the_images_is_refused_before_the_teacher(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"\[views.cutout\] must be below .* found 8"):
        prepare(make_spec(views={"cutout": 8}), cache_dir=tmp_path, arrays=arrays, device="cpu")
    assert not list(tmp_path.iterdir())


def test_the_cache_is_the_users_by_default(
    make_spec: MakeSpec,
    arrays: tuple[Any, Any],
    tmp_path: Path,
    teacher: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / name)
    study = prepare(make_spec(teacher=MODULE), device="cpu", arrays=arrays, teacher=teacher)
    assert study.folder is not None
    assert study.folder.is_relative_to(tmp_path / "autokd")


def test_a_cache_that_cannot_be_written_is_named(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(RunError, match=r"cache/outputs/.*cannot be written: Not a directory"):
        _with_module(make_spec, arrays, tmp_path / "cache", teacher)


def test_missing_images_are_refused(make_spec: MakeSpec, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="arrays"):
        prepare(make_spec(), device="cpu", cache_dir=tmp_path)


def test_the_callers_random_numbers_are_not_touched(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    torch_state = torch.get_rng_state()
    numpy_state = str(np.random.get_state())  # noqa: NPY002
    prepare(make_spec(), device="cpu", cache_dir=tmp_path, arrays=arrays)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state  # noqa: NPY002
