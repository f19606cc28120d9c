import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from autokd.data import Dataset
from autokd.distill.map_handover import open_maps, save_maps
from autokd.distill.maps import LiveMaps, MapTable
from autokd.distill.study_maps import study_maps
from autokd.errors import TeacherError
from autokd.study import StudySpec
from autokd.teachers import freeze, new_teacher
from tests.distill.conftest import MakeSpec

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "for-workers"
    path.mkdir()
    return path


def _teacher(spec: StudySpec, dataset: Dataset) -> nn.Module:
    named = spec.teacher.model_copy(update={"source": "zoo", "model": "resnet8", "seed": 5})
    return freeze(new_teacher(named, dataset.shape, mean=dataset.mean, std=dataset.std))


def _maps(spec: StudySpec, dataset: Dataset, cache: Path) -> LiveMaps | MapTable:
    return study_maps(
        _teacher(spec, dataset),
        dataset,
        features=spec.features,
        views=spec.views,
        kind=spec.table_kind,
        n_views=3,
        folder=cache,
        device=CPU,
    )


def _handed_over(
    maps: LiveMaps | MapTable | None, folder: Path, spec: StudySpec, dataset: Dataset
) -> LiveMaps | MapTable | None:
    said = json.loads(json.dumps(save_maps(maps, folder, spec=spec)))
    return open_maps(folder, said, spec=spec, dataset=dataset, device=CPU)


def check_same(
    found: LiveMaps | MapTable | None, maps: LiveMaps | MapTable, dataset: Dataset
) -> None:
    assert found is not None
    assert type(found) is type(maps)
    assert found.hints == maps.hints
    images, indices = dataset.train.images[:5] / 255, torch.arange(5)
    pairs = zip(found.at(images, indices, 2), maps.at(images, indices, 2), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("table", ["tape", "exhaustive"])
def test_a_table_is_linked_and_outlives_the_cache(
    table: str, dataset: Dataset, make_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    spec = make_spec(views={"crop_padding": 1, "table": table})
    maps = _maps(spec, dataset, tmp_path / "cache")
    assert isinstance(maps, MapTable)
    assert maps.file is not None
    found = _handed_over(maps, folder, spec, dataset)
    assert (folder / "maps.npy").samefile(maps.file)
    shutil.rmtree(tmp_path / "cache")
    check_same(found, maps, dataset)
    assert not (folder / "teacher.safetensors").exists()


def test_of_a_longer_table_only_the_parts_of_the_study_are_opened(
    dataset: Dataset, make_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    spec = make_spec()
    maps = _maps(spec, dataset, tmp_path / "cache")
    assert isinstance(maps, MapTable)
    shorter = MapTable(maps.table[:2], maps.hints, maps.views, maps.kind, maps.file)
    found = _handed_over(shorter, folder, spec, dataset)
    assert isinstance(found, MapTable)
    assert found.covers(2)
    assert not found.covers(3)


def test_a_cache_that_is_gone_is_no_hindrance(
    dataset: Dataset, make_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    spec = make_spec()
    maps = _maps(spec, dataset, tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")
    check_same(_handed_over(maps, folder, spec, dataset), maps, dataset)


def test_a_live_teacher_is_made_again_with_its_weights(
    dataset: Dataset, make_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    spec = make_spec(features={"table_gb": 0.0})
    maps = _maps(spec, dataset, tmp_path / "cache")
    assert isinstance(maps, LiveMaps)
    found = _handed_over(maps, folder, spec, dataset)
    assert isinstance(found, LiveMaps)
    assert found.table_bytes == maps.table_bytes > 0
    assert found.teacher is not maps.teacher
    assert [path.name for path in folder.iterdir()] == ["teacher.safetensors"]
    check_same(found, maps, dataset)


def test_weights_that_share_memory_are_written(
    dataset: Dataset, make_spec: MakeSpec, folder: Path
) -> None:
    spec = make_spec(features={"table_gb": 0.0})
    teacher = _teacher(spec, dataset)
    blocks = teacher.get_submodule("module.layer1.0")
    blocks.get_submodule("conv2").weight = blocks.get_submodule("conv1").weight
    said = save_maps(LiveMaps(teacher, ()), folder, spec=spec)
    found = open_maps(folder, said, spec=spec, dataset=dataset, device=CPU)
    assert isinstance(found, LiveMaps)
    images = dataset.test.images / 255
    assert torch.equal(found.teacher(images), teacher(images))


def test_a_table_of_a_teacher_given_in_python_goes_to_workers(
    dataset: Dataset, make_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    spec = make_spec(teacher={"source": "module"})
    maps = _maps(spec, dataset, tmp_path / "cache")
    check_same(_handed_over(maps, folder, spec, dataset), maps, dataset)


def test_a_live_teacher_given_in_python_is_refused_with_size_and_setting(
    dataset: Dataset, make_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    spec = make_spec(teacher={"source": "module"}, features={"table_gb": 1e-4})
    maps = _maps(spec, dataset, tmp_path / "cache")
    message = (
        r"the maps of the teacher given in Python would take 0.000516 GB, and "
        r"\[features.table_gb\] is 0.0001: .* raise \[features.table_gb\], or train with 0 workers"
    )
    with pytest.raises(TeacherError, match=message):
        save_maps(maps, folder, spec=spec)
    assert not [*folder.iterdir()]


def test_a_study_without_maps_stays_without(
    dataset: Dataset, make_spec: MakeSpec, folder: Path
) -> None:
    assert _handed_over(None, folder, make_spec(), dataset) is None
    assert not [*folder.iterdir()]


def test_a_missing_table_is_an_error_of_the_system(
    dataset: Dataset, make_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    spec = make_spec()
    said = save_maps(_maps(spec, dataset, tmp_path / "cache"), folder, spec=spec)
    (folder / "maps.npy").unlink()
    with pytest.raises(OSError, match=r"maps\.npy"):
        open_maps(folder, said, spec=spec, dataset=dataset, device=CPU)
