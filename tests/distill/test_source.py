from typing import Any

import pytest
import torch
from torch import Tensor

from autokd.data import Dataset, draw_augmentations, view_images, view_labels, view_order
from autokd.distill import source as source_module
from autokd.distill.answers import Answers
from autokd.distill.source import TrainingSource
from autokd.errors import ShapeError
from autokd.views import ViewsSpec


def _whole(source: TrainingSource, epoch: int, batch_size: int) -> tuple[Tensor, Tensor, Tensor]:
    batches = list(source.batches(epoch, batch_size))
    logits = [batch.teacher_logits for batch in batches if batch.teacher_logits is not None]
    return (
        torch.cat([batch.images for batch in batches]),
        torch.cat(logits),
        torch.cat([batch.labels for batch in batches]),
    )


def test_a_batch_holds_the_views_pixels_the_teachers_answers_to_them_and_the_labels(
    dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    source = TrainingSource(dataset.train, views, Answers(teacher_views), first_view=1)
    images, logits, labels = _whole(source, 2, 10)
    order = view_order(48, view=3, seed=views.seed)
    pixels = view_images(dataset.train.images, order, view=3, spec=views)
    assert torch.equal(images, pixels.float() / 255)
    assert torch.equal(logits[:, 0], 300.0 + order)
    assert torch.equal(labels, dataset.train.labels[order])
    assert logits.dtype == torch.float32


def test_batches_do_not_depend_on_how_many_are_made_ready_at_once(
    dataset: Dataset, views: ViewsSpec, teacher_views: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = TrainingSource(dataset.train, views, Answers(teacher_views))
    at_once = _whole(source, 0, 7)
    monkeypatch.setattr(source_module, "_CHUNK_BYTES", 2 * 7 * 64 * 4)
    assert source._chunk(7) == 14
    for ours, theirs in zip(_whole(source, 0, 7), at_once, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(16, [16] * 3), (20, [20, 20, 8]), (47, [47]), (1, [1] * 48)]
)
def test_only_a_single_image_left_over_is_dropped(
    dataset: Dataset, views: ViewsSpec, batch_size: int, sizes: list[int]
) -> None:
    source = TrainingSource(dataset.train, views)
    assert [len(batch.labels) for batch in source.batches(0, batch_size)] == sizes


@pytest.mark.parametrize("mix", ["none", "mixup"])
def test_images_alone_are_those_of_the_batches_and_ask_nobody(
    mix: str, dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    asked: list[int] = []

    class Maps:
        channels = (1,)

        def at(self, images: Tensor, indices: Tensor, view: int) -> tuple[Tensor, ...]:
            asked.append(view)
            return (images,)

    source = TrainingSource(
        dataset.train,
        views.model_copy(update={"mix": mix}),
        Answers(teacher_views),
        first_view=1,
        maps=Maps(),
        only=torch.arange(30),
    )
    expected = [batch.images for batch in source.batches(2, 20)]
    assert set(asked) == {3}
    asked.clear()
    for ours, theirs in zip(source.images(2, 20), expected, strict=True):
        assert torch.equal(ours, theirs)
    assert not asked


def test_without_a_teacher_there_are_no_logits(dataset: Dataset, views: ViewsSpec) -> None:
    batch = next(TrainingSource(dataset.train, views).batches(0, 8))
    assert batch.teacher_logits is None
    assert len(batch.part(slice(0, 3)).images) == 3


def test_colour_images_lie_channels_last_in_memory(views: ViewsSpec, dataset: Dataset) -> None:
    colour = type(dataset.train)(dataset.train.images.repeat(1, 3, 1, 1), dataset.train.labels)
    batch = next(TrainingSource(colour, views).batches(0, 8))
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_a_table_for_other_images_is_refused(dataset: Dataset, views: ViewsSpec) -> None:
    with pytest.raises(ShapeError, match=r"\(views, 48, classes\), found \(2, 47, 3\)"):
        TrainingSource(dataset.train, views, Answers(torch.zeros(2, 47, 3)))


def test_fewer_than_two_images_are_refused(dataset: Dataset, views: ViewsSpec) -> None:
    with pytest.raises(ShapeError, match="at least 2 images, found 1"):
        TrainingSource(dataset.train.take(torch.tensor([0])), views)


def test_more_epochs_than_views_are_refused(
    dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    source = TrainingSource(dataset.train, views, Answers(teacher_views), first_view=2)
    source.check_epochs(3)
    with pytest.raises(ShapeError, match="4 epochs from view 2 need teacher logits of 6 views"):
        source.check_epochs(4)
    TrainingSource(dataset.train, views).check_epochs(1000)


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_labels_of_mixed_views_are_probabilities_for_these_very_pixels(
    mix: Any, dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    mixed = views.model_copy(update={"mix": mix, "cutout": 2})
    with_teacher = TrainingSource(dataset.train, mixed, Answers(teacher_views))
    images, _, labels = _whole(with_teacher, 1, 10)
    order = view_order(48, view=1, seed=views.seed)
    pixels = view_images(dataset.train.images, order, view=1, spec=mixed)
    expected = view_labels(dataset.train.labels, order, view=1, spec=mixed, size=8, num_classes=3)
    assert torch.equal(images, pixels.float() / 255)
    assert torch.equal(labels, expected)
    alone = TrainingSource(dataset.train, mixed, num_classes=3)
    assert torch.equal(torch.cat([batch.labels for batch in alone.batches(1, 10)]), expected)


def test_an_exhaustive_table_is_read_by_augmentation(dataset: Dataset, views: ViewsSpec) -> None:
    number = torch.arange(18.0)[:, None, None]
    image = torch.arange(48.0)[None, :, None]
    table = (100 * number + image + torch.zeros(1, 1, 3)).half()
    source = TrainingSource(dataset.train, views, Answers(table, "exhaustive"), first_view=7)
    source.check_epochs(1000)
    _, logits, _ = _whole(source, 2, 10)
    order = view_order(48, view=9, seed=views.seed)
    drawn = draw_augmentations(order, view=9, spec=views)
    assert torch.equal(logits[:, 0], (100.0 * drawn + order).half().float())


def test_an_exhaustive_table_of_other_views_is_refused(
    dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    with pytest.raises(ShapeError, match="have 18 augmentations, found teacher logits of 5"):
        TrainingSource(dataset.train, views, Answers(teacher_views, "exhaustive"))


def test_mixed_views_without_a_number_of_classes_are_refused(dataset: Dataset) -> None:
    with pytest.raises(ShapeError, match="need the number of classes"):
        TrainingSource(dataset.train, ViewsSpec(mix="mixup"))


def test_batches_go_to_another_device_than_the_images(
    dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    source = TrainingSource(
        dataset.train, views, Answers(teacher_views), trained_on=torch.device("meta")
    )
    batch = next(source.batches(0, 8))
    assert batch.teacher_logits is not None
    for part in (batch.images, batch.teacher_logits, batch.labels):
        assert part.device == source.device == torch.device("meta")
    assert dataset.train.images.device.type == "cpu"


def test_images_that_are_on_the_kind_of_device_already_stay_there(
    dataset: Dataset, views: ViewsSpec
) -> None:
    source = TrainingSource(dataset.train, views, trained_on=torch.device("cpu", 0))
    assert source.device == dataset.train.images.device
    assert TrainingSource(dataset.train, views).device == torch.device("cpu")


def test_a_part_is_shown_again_until_the_view_is_full(
    dataset: Dataset, views: ViewsSpec, teacher_views: Tensor
) -> None:
    part = torch.tensor([3, 5, 8, 13, 21])
    source = TrainingSource(dataset.train, views, Answers(teacher_views), only=part)
    batches = list(source.batches(2, 10))
    assert [len(batch.labels) for batch in batches] == [10, 10, 10, 10, 8]
    indices = torch.cat([batch.indices for batch in batches if batch.indices is not None])
    rounds = torch.split(indices, 5)
    assert all(torch.equal(shown.sort().values, part) for shown in rounds[:-1])
    assert len({tuple(shown.tolist()) for shown in rounds[:-1]}) > 1
    pixels = view_images(dataset.train.images, indices, view=2, spec=views)
    images, logits, labels = _whole(source, 2, 10)
    assert torch.equal(images, pixels.float() / 255)
    assert torch.equal(logits[:, 0], 200.0 + indices)
    assert torch.equal(labels, dataset.train.labels[indices])


def test_each_view_of_a_part_has_an_order_of_its_own(dataset: Dataset, views: ViewsSpec) -> None:
    source = TrainingSource(dataset.train, views, only=torch.arange(24))
    first, again, other = (next(source.batches(epoch, 24)).indices for epoch in (0, 0, 1))
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_part_without_images_is_refused(dataset: Dataset, views: ViewsSpec) -> None:
    with pytest.raises(ShapeError, match="some of the images needs at least one"):
        TrainingSource(dataset.train, views, only=torch.empty(0, dtype=torch.int64))
