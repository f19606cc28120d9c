import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill.maps import Hint, LiveMaps, MapTable
from autokd.distill.source import TrainingSource
from autokd.distill.study_maps import study_maps
from autokd.errors import RunError, TeacherError
from autokd.teaching import Features
from autokd.views import ViewsSpec

HINTS = (Hint("conv1", 4, 8, 8), Hint("conv2", 6, 4, 4))
FEATURES = frozenset(Features.model_fields)
CPU = torch.device("cpu")
# A float16 has eleven significant bits: rounding changes a number by at most 2**-11 of itself.
# The rest is for sums that are taken in another order when batches are cut otherwise.
HALF, SUMS = 2**-11, 1e-4


class _Teacher(nn.Module):
    """Two stages; counts images."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 6, 3, 2, padding=1)
        self.linear = nn.Linear(6, 3)
        self.n_images = 0

    def forward(self, images: Tensor) -> Tensor:
        self.n_images += len(images)
        logits: Tensor = self.linear(self.conv2(self.conv1(images).relu()).mean(dim=(2, 3)))
        return logits


@pytest.fixture
def teacher() -> _Teacher:
    return _Teacher().eval()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outputs" / "key"


def _maps(
    teacher: nn.Module, dataset: Dataset, views: ViewsSpec, folder: Path, **changes: Any
) -> LiveMaps | MapTable:
    features = Features(**{name: changes.pop(name) for name in [*changes] if name in FEATURES})
    how = {"kind": "tape", "n_views": 3, "device": CPU, **changes}
    return study_maps(teacher, dataset, features=features, views=views, folder=folder, **how)


@pytest.mark.parametrize(
    ("views", "kind"),
    [
        (ViewsSpec(seed=2, crop_padding=2, flip=True), "tape"),
        (ViewsSpec(seed=2, crop_padding=1, flip=True), "exhaustive"),
        (ViewsSpec(cutout=3), "tape"),
        (ViewsSpec(mix="mixup"), "tape"),
    ],
)
def test_stored_maps_are_those_of_a_live_teacher_on_the_same_pixels(
    views: ViewsSpec, kind: str, teacher: _Teacher, dataset: Dataset, folder: Path
) -> None:
    stored = _maps(teacher, dataset, views, folder, kind=kind)
    live = _maps(teacher, dataset, views, folder, kind=kind, table_gb=0.0)
    assert isinstance(stored, MapTable)
    assert isinstance(live, LiveMaps)
    assert stored.hints == live.hints == HINTS
    ours, theirs = (
        TrainingSource(dataset.train, views, first_view=1, num_classes=3, maps=maps)
        for maps in (stored, live)
    )
    for epoch in range(2):
        pairs = zip(ours.batches(epoch, 10), theirs.batches(epoch, 10), strict=True)
        for one, other in pairs:
            assert len(one.teacher_maps) == 2
            for table, asked in zip(one.teacher_maps, other.teacher_maps, strict=True):
                assert torch.allclose(table, asked, rtol=HALF, atol=SUMS)


def test_maps_are_worked_out_once_and_extended(
    teacher: _Teacher, dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    for n_views, n_worked_out in ((2, 2), (2, 0), (1, 0), (3, 1)):
        teacher.n_images = 0
        _maps(teacher, dataset, views, folder, n_views=n_views, progress=lambda *s: told.append(s))
        assert teacher.n_images // 48 == n_worked_out
    assert told == [("maps", 1, 2), ("maps", 2, 2), ("maps", 3, 3)]


def test_an_exhaustive_table_has_every_augmentation(
    teacher: _Teacher, dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    maps = _maps(teacher, dataset, views, folder, kind="exhaustive", n_views=1)
    assert isinstance(maps, MapTable)
    assert maps.table.shape == (18, 48, 352)
    assert maps.table.dtype == torch.float16


def test_the_table_is_one_file_of_the_size_that_was_computed(
    teacher: _Teacher, dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    maps = _maps(teacher, dataset, views, folder)
    assert isinstance(maps, MapTable)
    assert maps.file is not None
    assert {*folder.iterdir()} == {maps.file, maps.file.with_suffix(".json")}
    n_bytes = 3 * 48 * (4 * 8 * 8 + 6 * 4 * 4) * 2
    assert np.load(maps.file, mmap_mode="r").nbytes == n_bytes
    live = _maps(teacher, dataset, views, folder, table_gb=(n_bytes - 1) / 1e9)
    assert isinstance(live, LiveMaps)
    assert live.table_bytes == n_bytes
    assert isinstance(_maps(teacher, dataset, views, folder, table_gb=n_bytes / 1e9), MapTable)


def test_a_live_teacher_is_announced_with_size_and_setting(
    teacher: _Teacher,
    dataset: Dataset,
    views: ViewsSpec,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        _maps(teacher, dataset, views, folder, table_gb=1e-5)
    assert "maps at conv1, conv2 would take 0.000101 GB" in caplog.text
    assert "[features.table_gb] is 1e-05" in caplog.text
    assert not folder.exists()


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _leave_the_array_alone(file: Path) -> None:
    file.with_suffix(".json").unlink()


@pytest.mark.parametrize("damage", [_truncate, _flip_a_byte, _leave_the_array_alone])
def test_a_damaged_table_is_reported_and_worked_out_anew(
    damage: Any,
    teacher: _Teacher,
    dataset: Dataset,
    views: ViewsSpec,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    maps = _maps(teacher, dataset, views, folder)
    assert isinstance(maps, MapTable)
    assert maps.file is not None
    before = maps.table.clone()
    damage(maps.file)
    again = _maps(teacher, dataset, views, folder)
    assert isinstance(again, MapTable)
    assert torch.equal(again.table, before)
    assert "is not used, and worked out anew" in caplog.text


def test_an_interrupted_filling_leaves_no_table(
    teacher: _Teacher, dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _maps(teacher, dataset, views, folder, progress=interrupt)
    assert not [*folder.iterdir()]


def test_other_hints_have_another_table(
    teacher: _Teacher, dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    stages = _maps(teacher, dataset, views, folder)
    clusters = _maps(teacher, dataset, views, folder, hints="clustered", clusters=1)
    assert isinstance(stages, MapTable)
    assert isinstance(clusters, MapTable)
    assert clusters.hints == HINTS[:1]
    assert clusters.file != stages.file
    assert torch.equal(clusters.table, stages.table[..., :256])


@pytest.mark.parametrize("weight", ["conv1.weight", "conv2.weight"])
def test_maps_beyond_float16_are_refused_by_name(
    weight: str, teacher: _Teacher, dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    with torch.no_grad():
        teacher.get_parameter(weight).mul_(1e7)
        teacher.get_parameter("conv1.bias").fill_(1.0)
    name = weight.partition(".")[0]
    with pytest.raises(TeacherError, match=rf"maps at {name} are not finite, or beyond 65504"):
        _maps(teacher, dataset, views, folder)
    assert not [*folder.iterdir()]


def test_a_cache_that_cannot_be_written_is_named(
    teacher: _Teacher, dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    folder.parent.write_text("not a folder")
    with pytest.raises(RunError, match="cannot be written"):
        _maps(teacher, dataset, views, folder)
