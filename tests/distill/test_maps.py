from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset, draw_augmentations, to_unit, view_images
from autokd.distill.maps import Hint, LiveMaps, MapTable, hints_at, last_maps
from autokd.distill.source import MapReader, TrainingSource
from autokd.views import ViewsSpec


@pytest.fixture
def teacher() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Flatten(),
        nn.Linear(96, 3),
    ).eval()


HINTS = (Hint("0", 4, 8, 8), Hint("3", 6, 4, 4))


def _by_hand(teacher: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    assert isinstance(teacher, nn.Sequential)
    with torch.no_grad():
        return teacher[0](images), teacher[:4](images)


def test_hints_carry_the_shapes_of_their_maps(dataset: Dataset, teacher: nn.Module) -> None:
    assert hints_at(teacher, ["0", "3"], dataset.shape) == HINTS
    assert [hint.n_numbers for hint in HINTS] == [256, 96]


def test_a_live_teacher_gives_its_maps_of_these_pixels(teacher: nn.Module) -> None:
    images, live = torch.rand(5, 1, 8, 8), LiveMaps(teacher, HINTS)
    found = live.at(images, torch.arange(5), 3)
    assert live.channels == (4, 6)
    assert live.covers(10**6)
    for ours, theirs in zip(found, _by_hand(teacher, images), strict=True):
        assert torch.equal(ours, theirs)


def test_a_live_teacher_answers_in_float32_and_evaluation_mode(teacher: nn.Module) -> None:
    images, expected = torch.rand(5, 1, 8, 8), _by_hand(teacher, torch.ones(1, 1, 8, 8))
    before = teacher.get_buffer("1.running_mean").clone()
    teacher.train()
    with torch.autocast("cpu", torch.bfloat16), torch.enable_grad():
        found = LiveMaps(teacher, HINTS).at(images, torch.arange(5), 0)
        again = LiveMaps(teacher, HINTS).at(torch.ones(1, 1, 8, 8), torch.arange(1), 0)
    assert {each.dtype for each in found} == {torch.float32}
    assert not any(each.requires_grad for each in found)
    for ours, theirs in zip(again, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(teacher.get_buffer("1.running_mean"), before)
    assert all(part.training for part in teacher.modules())


def test_a_live_teacher_is_left_without_hooks(teacher: nn.Module) -> None:
    LiveMaps(teacher, HINTS).at(torch.rand(2, 1, 8, 8), torch.arange(2), 0)
    assert not any(part._forward_hooks for part in teacher.modules())


def _table(n_parts: int) -> Tensor:
    """Rows by which one can tell part, image and hint."""
    part = 100 * torch.arange(float(n_parts))[:, None, None]
    image = torch.arange(48.0)[None, :, None]
    hint = torch.cat([torch.full((256,), 0.25), torch.full((96,), 0.5)])
    return (part + image + hint).half()


def test_a_tape_is_read_by_view_and_image(views: ViewsSpec) -> None:
    table = MapTable(_table(5), HINTS, views)
    indices = torch.tensor([7, 0, 47])
    large, small = table.at(torch.empty(3, 1, 8, 8), indices, 4)
    assert table.channels == (4, 6)
    assert (large.shape, small.shape) == ((3, 4, 8, 8), (3, 6, 4, 4))
    assert large.dtype == small.dtype == torch.float32
    assert torch.equal(large, (400 + indices + 0.25)[:, None, None, None].expand_as(large))
    assert torch.equal(small, (400 + indices + 0.5)[:, None, None, None].expand_as(small))


def test_an_exhaustive_table_is_read_by_augmentation_and_image(views: ViewsSpec) -> None:
    table = MapTable(_table(18), HINTS, views, "exhaustive")
    indices = torch.arange(48)
    _, small = table.at(torch.empty(48, 1, 8, 8), indices, 30)
    numbers = draw_augmentations(indices, view=30, spec=views)
    assert len({*numbers.tolist()}) > 5
    assert torch.equal(small[:, 0, 0, 0], (100 * numbers + indices + 0.5).half().float())


def test_a_tape_covers_its_views_and_an_exhaustive_table_all(views: ViewsSpec) -> None:
    tape = MapTable(_table(5), HINTS, views)
    assert tape.covers(5)
    assert not tape.covers(6)
    assert replace(tape, kind="exhaustive").covers(6)


class _Noting:
    """A reader that notes what it is asked."""

    channels = (1, 2, 3)

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def at(self, images: Tensor, indices: Tensor, view: int) -> tuple[Tensor, ...]:
        self.asked.append((images, indices, view))
        return tuple(torch.zeros(1, n, 1, 1) for n in self.channels)


@pytest.mark.parametrize("n", [1, 2])
def test_the_last_maps_are_those_of_the_same_images(n: int) -> None:
    reader, images, indices = _Noting(), torch.rand(1, 1, 8, 8), torch.arange(1)
    last: MapReader = last_maps(reader, n)
    assert last.channels == (1, 2, 3)[-n:]
    assert tuple(each.shape[1] for each in last.at(images, indices, 5)) == (1, 2, 3)[-n:]
    assert reader.asked == [(images, indices, 5)]


def test_all_maps_are_read_as_they_are() -> None:
    reader = _Noting()
    assert last_maps(reader, 3) is reader
    assert last_maps(reader, 4) is reader


def test_batches_carry_the_maps_of_their_pixels(
    dataset: Dataset, views: ViewsSpec, teacher: nn.Module
) -> None:
    source = TrainingSource(dataset.train, views, first_view=2, maps=LiveMaps(teacher, HINTS))
    for batch in source.batches(1, 10):
        assert batch.indices is not None
        pixels = view_images(dataset.train.images, batch.indices, view=3, spec=views)
        assert torch.equal(batch.images, to_unit(pixels))
        for ours, theirs in zip(batch.teacher_maps, _by_hand(teacher, batch.images), strict=True):
            assert torch.equal(ours, theirs)
