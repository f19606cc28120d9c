from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset, to_unit, view_images
from autokd.distill.outputs import held_out_outputs, outputs_folder, view_outputs
from autokd.errors import TeacherError
from autokd.study import ViewsSpec


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
    validation, test = held_out_outputs(teacher, dataset, folder=folder)
    assert teacher.n_images == 24 + 15
    assert torch.equal(validation, teacher(to_unit(dataset.validation.images)))
    assert torch.equal(test, teacher(to_unit(dataset.test.images)))
    again = _Teacher()
    held_out_outputs(again, dataset, folder=folder)
    assert again.n_images == 16  # the few that tell whether it is the same teacher


def test_another_teacher_with_the_same_weights_is_noticed(
    dataset: Dataset, views: ViewsSpec, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    view_outputs(_Teacher(), dataset, views=views, n_views=1, folder=folder)
    held_out_outputs(_Teacher(), dataset, folder=folder)
    other = _Teacher(1.1)
    validation, _ = held_out_outputs(other, dataset, folder=folder)
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
    ]
    folders = {
        outputs_folder(tmp_path, teacher_digest=teacher, dataset_digest=data, views=views)
        for teacher, data, views in [*settings, settings[0]]
    }
    assert len(folders) == len(settings)
    assert {folder.parent for folder in folders} == {tmp_path / "outputs"}
