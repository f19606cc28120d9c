from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill import preparation
from autokd.distill.assistants import trained_assistant
from autokd.distill.digests import module_digest
from autokd.distill.evaluation import predict
from autokd.distill.maps import MapTable
from autokd.distill.preparation import prepare
from autokd.distill.prepared import PreparedStudy
from autokd.errors import DataError, RunError, TeacherError
from tests.distill.conftest import MakeSpec

MODULE = {"source": "module"}
KD = {"kd.method": "kd"}
TINY: dict[str, Any] = {"model": "resnet8", "epochs": 1}


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


def test_a_module_beside_a_model_by_name_is_refused(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    named = {"source": "module", "model": "mine:make"}
    message = r"given in Python, but \[teacher.model\] names 'mine:make': leave one of them out"
    with pytest.raises(TeacherError, match=message):
        _with_module(make_spec, arrays, tmp_path, teacher, teacher=named)


def test_a_module_is_normalised_as_the_study_says(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    described = {**MODULE, "mean": [0.5], "std": [0.25]}
    study = _with_module(make_spec, arrays, tmp_path, teacher, teacher=described)
    assert study.facts.name == "_ByRow"
    images = study.dataset.validation.images / 255
    expected = teacher((images - 0.5) / 0.25)
    torch.testing.assert_close(study.outputs.validation, expected)
    plain = _with_module(make_spec, arrays, tmp_path, teacher).outputs.validation
    assert not torch.allclose(plain, expected)
    three = {**MODULE, "mean": [0.5] * 3, "std": [0.25] * 3}
    with pytest.raises(TeacherError, match="normalised for images of 3 channels"):
        _with_module(make_spec, arrays, tmp_path, teacher, teacher=three)


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
    study.source({"kd.method": "none"}).check_epochs(1000)
    both = _with_module(make_spec, arrays, tmp_path, teacher, methods=("none", "kd"))
    assert both.outputs.views is not None


def test_more_views_than_epochs_can_be_asked_for(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    spec = make_spec(teacher=MODULE)
    study = prepare(
        spec, device="cpu", cache_dir=tmp_path, arrays=arrays, teacher=teacher, n_views=5
    )
    study.source(KD, first_view=2).check_epochs(3)
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
        study.source(KD, first_view=500).check_epochs(500)
        folders.add(study.folder)
    assert len(folders) == 1


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_a_study_with_mixed_views_trains_its_teacher_and_answers_them(
    mix: str, make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    views = {"crop_padding": 1, "mix": mix, "cutout": 2}
    spec = make_spec(views=views, methods=("none", "kd"))
    study = prepare(spec, device="cpu", cache_dir=tmp_path, arrays=arrays)
    batch = next(study.source(KD).batches(0, 8))
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


def _with_assistants(
    make_spec: MakeSpec,
    arrays: tuple[Any, Any],
    cache: Path,
    teacher: nn.Module,
    assistants: list[dict[str, Any]],
    *,
    told: list[str] | None = None,
    **changes: Any,
) -> PreparedStudy:
    spec = make_spec(
        **{"methods": ("takd",), "teacher": MODULE, "assistants": assistants, **changes}
    )
    return prepare(
        spec,
        device="cpu",
        cache_dir=cache,
        arrays=arrays,
        teacher=teacher,
        progress=lambda what, _done, _total: None if told is None else told.append(what),
    )


def test_assistants_are_prepared_where_a_method_reads_them(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    told: list[str] = []
    assistants = [TINY, {**TINY, "seed": 1}]
    study = _with_assistants(make_spec, arrays, tmp_path, teacher, assistants, told=told)
    assert told.count("assistant resnet8") == 2
    assert [facts.name for facts in study.assistant_facts] == ["resnet8", "resnet8"]
    for outputs in study.assistants:
        assert outputs.views is not None
        assert outputs.views.shape == (2, len(study.dataset.train), 3)
    noted = [facts.trained_s for facts in study.assistant_facts]
    assert all(seconds is not None and seconds > 0 for seconds in noted)
    assert study.assistants_s == sum(seconds or 0 for seconds in noted)
    unread = _with_assistants(
        make_spec, arrays, tmp_path / "other", teacher, assistants, methods=("kd",)
    )
    assert (unread.assistants, unread.assistant_facts) == ((), ())
    assert list(tmp_path.glob("outputs/*/assistants"))
    assert not list((tmp_path / "other").rglob("assistants"))


def test_a_module_whose_code_changes_teaches_its_assistants_anew(
    make_spec: MakeSpec,
    arrays: tuple[Any, Any],
    tmp_path: Path,
    teacher: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = _with_assistants(make_spec, arrays, tmp_path, teacher, [TINY])
    forward = _ByRow.forward
    monkeypatch.setattr(_ByRow, "forward", lambda self, images: -forward(self, images))
    # The first study to ask it reads no assistants: that it has changed must not be forgotten.
    _with_assistants(make_spec, arrays, tmp_path, teacher, [TINY], methods=("kd",))
    told: list[str] = []
    second = _with_assistants(make_spec, arrays, tmp_path, teacher, [TINY], told=told)
    assert second.facts.digest == first.facts.digest
    assert second.facts.changed_since(first.facts.as_dict()) == "answers"
    assert "assistant resnet8" in told
    changed = second.assistant_facts[0].changed_since(first.assistant_facts[0].as_dict())
    assert changed == "weights"


def test_a_second_study_shares_the_assistants_of_the_first(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    told: list[str] = []
    first = _with_assistants(make_spec, arrays, tmp_path, teacher, [TINY])
    second = _with_assistants(
        make_spec,
        arrays,
        tmp_path,
        teacher,
        [TINY, {**TINY, "seed": 1}],
        told=told,
        methods=("cesd", "takd"),
        seed=5,
    )
    assert told.count("assistant resnet8") == 1
    assert second.assistant_facts[0] == first.assistant_facts[0]


@pytest.mark.parametrize("taught_by", ["teacher", "previous"])
def test_an_assistant_is_taught_by_whom_the_study_says(
    taught_by: str,
    make_spec: MakeSpec,
    arrays: tuple[Any, Any],
    tmp_path: Path,
    teacher: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digests: list[str] = []

    def noted(*given: Any, teacher: nn.Module, teacher_digest: str, **settings: Any) -> Any:
        assert module_digest(teacher) == teacher_digest
        digests.append(teacher_digest)
        return trained_assistant(
            *given, teacher=teacher, teacher_digest=teacher_digest, **settings
        )

    monkeypatch.setattr(preparation, "trained_assistant", noted)
    assistants = [TINY, {**TINY, "seed": 1}, {**TINY, "seed": 2, "taught_by": taught_by}]
    study = _with_assistants(make_spec, arrays, tmp_path, teacher, assistants)
    first, second, _ = (facts.digest for facts in study.assistant_facts)
    last = study.facts.digest if taught_by == "teacher" else second
    assert digests == [study.facts.digest, first, last]


def test_a_study_prepares_each_of_its_teachers(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    more = [{"source": "zoo", **TINY}, {"source": "zoo", **TINY, "seed": 1, "epochs": 2}]
    study = _with_module(
        make_spec, arrays, tmp_path, teacher, methods=("kd", "meal"), teachers=more
    )
    assert study.facts.name == "_ByRow"
    assert [facts.name for facts in study.more_facts] == ["resnet8", "resnet8"]
    assert len({facts.digest for facts in study.more_facts}) == 2
    assert all(facts.trained_s is not None for facts in study.more_facts)
    batch = next(study.source({"kd.method": "meal"}).batches(1, 8))
    assert batch.more_logits is not None
    assert batch.more_logits.shape == (8, 2, 3)
    plain = _with_module(make_spec, arrays, tmp_path, teacher, teachers=more)
    assert plain.more == ()


def test_a_further_teacher_that_is_too_weak_is_refused_by_its_place(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    more = [{"source": "zoo", **TINY}, {"source": "zoo", **TINY, "seed": 1, "min_top1": 1.0}]
    with pytest.raises(TeacherError, match=r"^teachers\.1\.min_top1 is 1, but resnet8 reaches"):
        _with_module(make_spec, arrays, tmp_path, teacher, methods=("meal",), teachers=more)


def test_tuning_images_are_cut_and_answered_where_a_method_learns_from_them(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    study = _with_module(make_spec, arrays, tmp_path, teacher, methods=("kd", "amal"))
    tuning = study.dataset.tuning
    assert tuning is not None
    assert study.outputs.tuning is not None
    assert torch.equal(study.outputs.tuning, predict(teacher, tuning.images))
    plain = _with_module(make_spec, arrays, tmp_path, teacher)
    assert plain.dataset.tuning is None
    assert plain.outputs.tuning is None
    assert len(plain.dataset.train) == len(study.dataset.train) + len(tuning)


def test_maps_are_prepared_where_a_method_compares_them(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    given: dict[str, Any] = {"device": "cpu", "cache_dir": tmp_path, "arrays": arrays}
    study = prepare(make_spec(methods=("kd", "fitnet")), **given)
    assert isinstance(study.maps, MapTable)
    assert study.maps.channels == (16, 32, 64)
    assert study.source({"kd.method": "fitnet"}).maps is study.maps
    assert prepare(make_spec(), **given).maps is None


def test_a_teacher_that_nobody_can_ask_is_read_from_its_file(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path
) -> None:
    np.savez(tmp_path / "p.npz", train=np.eye(3)[arrays[1]])
    spec = make_spec(
        methods=("kd", "takd"),
        teacher={"source": "probabilities", "file": "p.npz"},
        assistants=[TINY],
    )
    study = prepare(
        spec, device="cpu", cache_dir=tmp_path / "cache", data_dir=tmp_path, arrays=arrays
    )
    assert (study.facts.top1, study.facts.test_top1) == (1.0, 1.0)
    assert study.folder is None
    for batch in study.source({"kd.method": "kd"}).batches(1, 8):
        assert batch.teacher_logits is not None
        assert torch.equal(batch.teacher_logits.argmax(1), batch.labels)
    assert len(study.assistants) == 1


def test_only_a_few_images_of_each_class_are_trained_on_if_the_study_says_so(
    make_spec: MakeSpec, arrays: tuple[Any, Any], tmp_path: Path, teacher: nn.Module
) -> None:
    data = {"source": "arrays", "images_per_class": 2}
    study = _with_module(make_spec, arrays, tmp_path, teacher, data=data)
    assert torch.bincount(study.dataset.train.labels).tolist() == [2, 2, 2]
    assert study.outputs.views is not None
    assert study.outputs.views.shape == (2, 6, 3)
