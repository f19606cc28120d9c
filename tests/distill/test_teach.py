from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from autokd.data import Dataset
from autokd.distill.digests import module_digest
from autokd.distill.evaluation import predict, score
from autokd.distill.teach import study_network, teacher_file, train_teacher, zoo_teacher
from autokd.errors import RunError, TeacherError
from autokd.study import StudySpec, TeacherSpec
from tests.distill.conftest import MakeSpec

CPU = torch.device("cpu")


@pytest.fixture
def spec(make_spec: MakeSpec) -> StudySpec:
    return make_spec()


def test_a_teacher_learns_the_training_images(dataset: Dataset, make_spec: MakeSpec) -> None:
    spec = make_spec(teacher={"source": "zoo", "model": "resnet8", "epochs": 25})
    teacher = train_teacher(spec, dataset, device=CPU)
    logits = predict(teacher, dataset.validation.images)
    assert score(logits, dataset.validation.labels)["top1"] > 0.9


def test_a_trained_teacher_is_frozen(dataset: Dataset, spec: StudySpec) -> None:
    teacher = train_teacher(spec, dataset, device=CPU)
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.is_contiguous() for parameter in teacher.parameters())


def test_training_is_deterministic_and_told(dataset: Dataset, spec: StudySpec) -> None:
    told: list[tuple[str, int, int]] = []
    digests = {
        module_digest(
            train_teacher(spec, dataset, device=CPU, progress=lambda *step: told.append(step))
        )
        for _ in range(2)
    }
    assert len(digests) == 1
    assert told == 2 * [("teacher", 1, 2), ("teacher", 2, 2)]


def test_a_teacher_that_stops_early_is_told_so_and_is_another_one(
    dataset: Dataset, make_spec: MakeSpec, tmp_path: Path
) -> None:
    base = {"source": "zoo", "model": "resnet8", "epochs": 5}
    told: list[tuple[str, int, int]] = []
    early, never = (make_spec(teacher={**base, "stop_fraction": share}) for share in (0.4, 1.0))
    short = make_spec(teacher={**base, "epochs": 2})
    stopped = train_teacher(early, dataset, device=CPU, progress=lambda *step: told.append(step))
    assert told == [("teacher", 1, 2), ("teacher", 2, 2)]
    # Its learning rate is still high: it is not the teacher of a short schedule.
    assert module_digest(stopped) != module_digest(train_teacher(short, dataset, device=CPU))
    assert _file(never, dataset, tmp_path) == _file(make_spec(teacher=base), dataset, tmp_path)
    assert _file(early, dataset, tmp_path) != _file(never, dataset, tmp_path)


def test_a_teacher_trains_at_least_one_epoch(dataset: Dataset, make_spec: MakeSpec) -> None:
    base = {"source": "zoo", "model": "resnet8", "epochs": 3}
    spec, told = make_spec(teacher={**base, "stop_fraction": 0.01}), []
    train_teacher(spec, dataset, device=CPU, progress=lambda *step: told.append(step))
    assert told == [("teacher", 1, 1)]


def test_teachers_that_were_cached_before_there_were_options_are_found(
    dataset: Dataset, spec: StudySpec, tmp_path: Path
) -> None:
    # The name that this teacher had then.
    assert _file(spec, dataset, tmp_path).name == "resnet8-9896668ba4b4348a.safetensors"


def test_each_teacher_of_a_study_has_a_file_of_its_own(
    dataset: Dataset, spec: StudySpec, make_spec: MakeSpec, tmp_path: Path
) -> None:
    other = TeacherSpec(source="zoo", model="resnet14", epochs=3, learning_rate=0.05)
    file = teacher_file(spec, dataset, device=CPU, cache_dir=tmp_path, teacher=other)
    alone = make_spec(teacher=other.model_dump(mode="json"))
    assert file == _file(alone, dataset, tmp_path) != _file(spec, dataset, tmp_path)


def test_the_students_settings_do_not_change_the_teacher(
    dataset: Dataset, spec: StudySpec, make_spec: MakeSpec, tmp_path: Path
) -> None:
    other = make_spec(training={"batch_size": 8, "learning_rate": 0.5}, seed=9)
    assert _file(spec, dataset, tmp_path) == _file(other, dataset, tmp_path)


def _file(spec: StudySpec, dataset: Dataset, cache: Path) -> Path:
    return teacher_file(spec, dataset, device=CPU, cache_dir=cache)


def test_all_that_changes_the_weights_changes_the_file(
    dataset: Dataset, spec: StudySpec, make_spec: MakeSpec, tmp_path: Path
) -> None:
    base = {"source": "zoo", "model": "resnet8", "epochs": 2}
    specs = [
        spec,
        make_spec(teacher={**base, "epochs": 3}),
        make_spec(teacher={**base, "learning_rate": 0.2}),
        make_spec(teacher={**base, "seed": 1}),
        make_spec(teacher={**base, "model": "resnet14"}),
        make_spec(views={"crop_padding": 2}),
    ]
    files = {_file(each, dataset, tmp_path) for each in specs}
    files.add(_file(spec, replace(dataset, digest="0" * 64), tmp_path))
    cuda = torch.device("cuda", 0)
    files.add(teacher_file(spec, dataset, device=cuda, cache_dir=tmp_path))
    assert len(files) == len(specs) + 2


def test_the_accuracy_that_is_asked_does_not_change_the_file(
    dataset: Dataset, spec: StudySpec, make_spec: MakeSpec, tmp_path: Path
) -> None:
    base = {"source": "zoo", "model": "resnet8", "epochs": 2}
    demanding = make_spec(teacher={**base, "min_top1": 0.9})
    assert _file(spec, dataset, tmp_path) == _file(demanding, dataset, tmp_path)


def test_what_only_changes_the_cost_of_training_does_not_change_the_file(
    dataset: Dataset, spec: StudySpec, make_spec: MakeSpec, tmp_path: Path
) -> None:
    frugal = make_spec(training={"cuda_graph": "off", "recompute": True})
    assert _file(spec, dataset, tmp_path) == _file(frugal, dataset, tmp_path)


def test_a_teacher_is_trained_once(dataset: Dataset, spec: StudySpec, tmp_path: Path) -> None:
    told: list[int] = []
    first, second = (
        zoo_teacher(
            spec,
            dataset,
            device=CPU,
            cache_dir=tmp_path,
            progress=lambda _what, done, _total: told.append(done),
        )
        for _ in range(2)
    )
    assert told == [1, 2]
    assert module_digest(first.module) == module_digest(second.module)
    assert not second.module.training
    assert first.seconds == second.seconds


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, None])
def test_a_damaged_file_is_reported_and_the_teacher_trained_anew(
    content: bytes | None,
    dataset: Dataset,
    spec: StudySpec,
    make_spec: MakeSpec,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = _file(spec, dataset, tmp_path)
    teacher = zoo_teacher(spec, dataset, device=CPU, cache_dir=tmp_path)
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    again = zoo_teacher(spec, dataset, device=CPU, cache_dir=tmp_path)
    assert "is not used, and the network is trained anew" in caplog.text
    assert module_digest(teacher.module) == module_digest(again.module)
    caplog.clear()
    zoo_teacher(spec, dataset, device=CPU, cache_dir=tmp_path)
    assert caplog.text == ""


def test_weights_of_another_network_are_not_used(
    dataset: Dataset,
    spec: StudySpec,
    make_spec: MakeSpec,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = make_spec(teacher={"source": "zoo", "model": "resnet14", "epochs": 1})
    zoo_teacher(other, dataset, device=CPU, cache_dir=tmp_path)
    _file(other, dataset, tmp_path).rename(_file(spec, dataset, tmp_path))
    zoo_teacher(spec, dataset, device=CPU, cache_dir=tmp_path)
    assert "Unexpected key(s) in state_dict" in caplog.text


def test_a_cache_that_cannot_be_written_is_refused_before_the_first_epoch(
    dataset: Dataset, spec: StudySpec, tmp_path: Path
) -> None:
    (tmp_path / "cache").touch()
    told: list[str] = []
    with pytest.raises(RunError, match=r"cache/teachers: cannot be written"):
        zoo_teacher(
            spec,
            dataset,
            device=CPU,
            cache_dir=tmp_path / "cache",
            progress=lambda what, _done, _total: told.append(what),
        )
    assert told == []


def test_a_teacher_that_diverges_is_a_teacher_error(dataset: Dataset, make_spec: MakeSpec) -> None:
    base = {"source": "zoo", "model": "resnet8", "epochs": 20}
    spec = make_spec(teacher={**base, "learning_rate": 1e30})
    with pytest.raises(TeacherError, match=r"teacher resnet8 cannot be trained: .* not finite"):
        train_teacher(spec, dataset, device=CPU)


def test_the_network_of_a_table_is_trained_or_read_from_where_it_says(
    dataset: Dataset, spec: StudySpec, tmp_path: Path
) -> None:
    own = study_network(spec.teacher, spec, dataset, device=CPU, cache_dir=tmp_path)
    assert own.seconds is not None
    (file,) = (tmp_path / "teachers").iterdir()
    state = safetensors.torch.load(file.read_bytes())
    prefix = "module."  # of the normalisation around it
    weights = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    safetensors.torch.save_file(weights, tmp_path / "mine.safetensors")
    table = TeacherSpec(source="checkpoint", model="resnet8", file="mine.safetensors")
    read = study_network(table, spec, dataset, device=CPU, cache_dir=tmp_path, data_dir=tmp_path)
    assert read.seconds is None
    assert module_digest(read.module) == module_digest(own.module)


def test_teacher_of_another_kind_of_device_is_read_and_never_trained(
    dataset: Dataset, spec: StudySpec, tmp_path: Path
) -> None:
    cuda = torch.device("cuda")
    message = r"resnet8 was trained on cuda, and is not in the cache here: bring .*--device cuda"
    with pytest.raises(TeacherError, match=message):
        zoo_teacher(spec, dataset, device=CPU, cache_dir=tmp_path, trained_on=cuda)
    assert not [*tmp_path.rglob("*.safetensors")]
    own = zoo_teacher(spec, dataset, device=CPU, cache_dir=tmp_path)
    theirs = teacher_file(spec, dataset, device=cuda, cache_dir=tmp_path)
    _file(spec, dataset, tmp_path).rename(theirs)
    found = zoo_teacher(spec, dataset, device=CPU, cache_dir=tmp_path, trained_on=cuda)
    assert module_digest(found.module) == module_digest(own.module)
    assert [*tmp_path.rglob("*.safetensors")] == [theirs]
