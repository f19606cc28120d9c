from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset, Split, to_unit, view_images
from autokd.distill.answers import Answers
from autokd.distill.outputs import (
    TeacherOutputs,
    held_out_outputs,
    outputs_folder,
    view_outputs,
)
from autokd.distill.source import TrainingSource
from autokd.errors import TeacherError
from autokd.views import TableKind, ViewsSpec


class _Teacher(nn.Module):
    """Answers with sums of pixels times a constant that is no weight; counts images."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.n_images = 0

    def forward(self, images: Tensor) -> Tensor:
        self.n_images += len(images)
        return self.factor * images[:, 0, :3].sum(2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outputs" / "key"


def test_views_hold_the_answer_to_each_view_of_each_image(
    dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    teacher, told = _Teacher(), []
    table = view_outputs(
        teacher,
        dataset,
        views=views,
        n_views=3,
        folder=folder,
        progress=lambda *step: told.append(step),
    )
    for view in range(3):
        pixels = view_images(dataset.train.images, torch.arange(48), view=view, spec=views)
        assert torch.equal(table[view], teacher(to_unit(pixels)).half())
    assert told == [("views", 1, 3), ("views", 2, 3), ("views", 3, 3)]


def test_views_are_worked_out_once_and_extended(
    dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    teacher = _Teacher()
    for n_views, n_images in ((2, 96), (2, 96), (1, 96), (3, 144)):
        table = view_outputs(teacher, dataset, views=views, n_views=n_views, folder=folder)
        assert table.shape == (n_views, 48, 3)
        assert teacher.n_images == n_images


def test_held_out_answers_are_float32_and_worked_out_once(dataset: Dataset, folder: Path) -> None:
    teacher = _Teacher()
    held_out = held_out_outputs(teacher, dataset, folder=folder)
    assert teacher.n_images == 24 + 15
    assert torch.equal(held_out.validation, teacher(to_unit(dataset.validation.images)))
    assert torch.equal(held_out.test, teacher(to_unit(dataset.test.images)))
    assert held_out.tuning is None
    again = _Teacher()
    held_out_outputs(again, dataset, folder=folder)
    assert again.n_images == 16  # the few that tell whether it is the same teacher


def test_tuning_images_are_answered_too(dataset: Dataset, folder: Path) -> None:
    tuned, teacher = replace(dataset, tuning=dataset.test.take(torch.arange(4))), _Teacher()
    tuning = held_out_outputs(teacher, tuned, folder=folder).tuning
    assert tuning is not None
    assert torch.equal(tuning, teacher(to_unit(dataset.test.images[:4])))


def test_a_constant_table_has_one_part_whatever_is_asked_for(
    dataset: Dataset, folder: Path
) -> None:
    teacher = _Teacher()
    table = view_outputs(
        teacher,
        dataset,
        views=ViewsSpec(),
        n_views=5,
        folder=folder,
        kind="constant",
        name="plain",
    )
    assert table.shape == (1, 48, 3)
    assert torch.equal(table[0], teacher(to_unit(dataset.train.images)).half())
    assert (folder / "plain.npy").exists()


def test_another_teacher_with_the_same_weights_is_noticed(
    dataset: Dataset, views: ViewsSpec, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    view_outputs(_Teacher(), dataset, views=views, n_views=1, folder=folder)
    held_out_outputs(_Teacher(), dataset, folder=folder)
    other = _Teacher(1.1)
    (folder / "maps").mkdir()
    validation = held_out_outputs(other, dataset, folder=folder).validation
    assert not (folder / "maps").exists()
    assert "the answers of another teacher with the same weights" in caplog.text
    assert torch.equal(validation, other(to_unit(dataset.validation.images)))
    table = view_outputs(other, dataset, views=views, n_views=1, folder=folder)
    pixels = view_images(dataset.train.images, torch.arange(48), view=0, spec=views)
    assert torch.equal(table[0], other(to_unit(pixels)).half())


def test_rounding_of_another_device_is_not_another_teacher(
    dataset: Dataset, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held_out_outputs(_Teacher(), dataset, folder=folder)
    held_out_outputs(_Teacher(1.001), dataset, folder=folder)
    assert caplog.text == ""


def test_logits_beyond_float16_are_refused(
    dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    with pytest.raises(TeacherError, match="not finite, or beyond 65504"):
        view_outputs(_Teacher(1e6), dataset, views=views, n_views=1, folder=folder)
    assert not list(folder.iterdir())


def test_logits_that_are_not_finite_are_refused(dataset: Dataset, folder: Path) -> None:
    with pytest.raises(TeacherError, match="not finite"):
        held_out_outputs(_Teacher(float("nan")), dataset, folder=folder)


def test_a_folder_is_one_teacher_one_data_set_and_one_kind_of_views(tmp_path: Path) -> None:
    settings = [
        ("a", "b", ViewsSpec()),
        ("x", "b", ViewsSpec()),
        ("a", "x", ViewsSpec()),
        ("a", "b", ViewsSpec(seed=1)),
        ("a", "b", ViewsSpec(crop_padding=1)),
        ("a", "b", ViewsSpec(flip=True)),
        ("a", "b", ViewsSpec(cutout=1)),
        ("a", "b", ViewsSpec(mix="mixup")),
        ("a", "b", ViewsSpec(mix="cutmix")),
    ]
    folders = {
        outputs_folder(tmp_path, teacher_digest=teacher, dataset_digest=data, views=views)
        for teacher, data, views in [*settings, settings[0]]
    }
    assert len(folders) == len(settings)
    assert {folder.parent for folder in folders} == {tmp_path / "outputs"}


def test_an_exhaustive_table_is_shared_by_seeds_and_never_by_tapes(tmp_path: Path) -> None:
    def folder_of(views: ViewsSpec, kind: TableKind) -> Path:
        return outputs_folder(
            tmp_path, teacher_digest="a", dataset_digest="b", views=views, kind=kind
        )

    tape = folder_of(ViewsSpec(flip=True), "tape")
    assert folder_of(ViewsSpec(flip=True, table="auto"), "tape") == tape
    whole = folder_of(ViewsSpec(flip=True), "exhaustive")
    assert whole != tape
    assert folder_of(ViewsSpec(flip=True, seed=5), "exhaustive") == whole
    assert folder_of(ViewsSpec(crop_padding=1), "exhaustive") != whole


def _teacher() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4)
    ).eval()


# A float16 has eleven significant bits: rounding changes a logit by at most 2**-11 of itself. The
# rest is for sums that are taken in another order when batches are cut otherwise.
_HALF, _SUMS = 2**-11, 1e-5


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "tape"),
        ({}, "exhaustive"),
        ({"cutout": 3}, "tape"),
        ({"mix": "mixup"}, "tape"),
        ({"mix": "cutmix", "cutout": 3}, "tape"),
    ],
)
def test_the_students_targets_equal_a_live_teachers_answers_to_the_same_pixels(
    changes: dict[str, Any], kind: TableKind, dataset: Dataset, folder: Path
) -> None:
    images = torch.randint(0, 256, (48, 3, 8, 8), dtype=torch.uint8)
    train = Split(images, torch.arange(48) % 4)
    colour = replace(dataset, train=train, class_names=("a", "b", "c", "d"))
    views, teacher = ViewsSpec(seed=2, crop_padding=2, flip=True, **changes), _teacher()
    table = view_outputs(teacher, colour, views=views, n_views=3, folder=folder, kind=kind)
    source = TrainingSource(train, views, Answers(table, kind))
    for epoch in range(3):
        for batch in source.batches(epoch, 10):
            assert batch.teacher_logits is not None
            with torch.no_grad():
                live = teacher(batch.images)
            assert torch.allclose(batch.teacher_logits, live, rtol=_HALF, atol=_SUMS)


def test_an_exhaustive_table_is_worked_out_once_for_all_seeds_and_views(
    dataset: Dataset, views: ViewsSpec, folder: Path
) -> None:
    teacher, told = _Teacher(), []
    for seed, n_views in ((0, 1), (1, 40)):
        table = view_outputs(
            teacher,
            dataset,
            views=views.model_copy(update={"seed": seed}),
            n_views=n_views,
            folder=folder,
            kind="exhaustive",
            progress=lambda *step: told.append(step),
        )
        assert table.shape == (18, 48, 3)
        assert teacher.n_images == 18 * 48
    assert told[-1] == ("views", 18, 18)


def test_what_is_covered_depends_on_how_views_are_kept() -> None:
    two = torch.zeros(2, 4, 3)
    held_out = (torch.zeros(1, 3), torch.zeros(1, 3))
    assert TeacherOutputs(two, *held_out).covers(2)
    assert not TeacherOutputs(two, *held_out).covers(3)
    assert TeacherOutputs(two, *held_out, kind="exhaustive").covers(3)
    assert TeacherOutputs(None, *held_out).covers(3)
    assert TeacherOutputs(two[:1], *held_out, kind="constant").covers(3)
    short = {"weak": Answers(two)}
    assert TeacherOutputs(None, *held_out, roles=short).covers(2)
    assert not TeacherOutputs(None, *held_out, roles=short).covers(3)


def test_tables_are_listed_by_what_the_teacher_looked_at() -> None:
    two, one = torch.zeros(2, 4, 3), torch.zeros(1, 4, 3)
    held_out = (torch.zeros(1, 3), torch.zeros(1, 3))
    roles = {"plain": Answers(one, "constant")}
    tables = TeacherOutputs(two, *held_out, roles=roles).tables()
    assert list(tables) == ["same", "plain"]
    assert tables["same"].parts is two
    assert list(TeacherOutputs(None, *held_out, roles=roles).tables()) == ["plain"]
