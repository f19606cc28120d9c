from dataclasses import replace
from pathlib import Path

import pytest
import torch

from autokd.data.tensors import Dataset, Split
from autokd.errors import ShapeError
from autokd.graphs import InputShape


def _split(n: int) -> Split:
    images = torch.arange(n * 3 * 64, dtype=torch.int64).reshape(n, 3, 8, 8) % 256
    return Split(images.to(torch.uint8), torch.arange(n) % 2)


def test_length_is_the_number_of_images() -> None:
    assert len(_split(5)) == 5


def test_take_keeps_images_and_labels_together() -> None:
    split = _split(5)
    taken = split.take(torch.tensor([3, 0]))
    assert torch.equal(taken.images, split.images[[3, 0]])
    assert taken.labels.tolist() == [1, 0]


def test_dataset_shape_is_read_from_training_images_and_classes() -> None:
    dataset = Dataset(
        _split(4), _split(2), _split(2), ("a", "b"), (0.5,) * 3, (0.1,) * 3, "f" * 64
    )
    assert dataset.shape == InputShape(channels=3, size=8, num_classes=2)


def test_moving_a_dataset_moves_every_split_and_keeps_the_facts() -> None:
    dataset = Dataset(
        _split(4), _split(2), _split(3), ("a", "b"), (0.5,) * 3, (0.1,) * 3, "f" * 64
    )
    moved = dataset.to("meta")
    for name in ("train", "validation", "test"):
        split: Split = getattr(moved, name)
        assert split.images.device.type == split.labels.device.type == "meta"
        assert len(split) == len(getattr(dataset, name))
    assert (moved.class_names, moved.mean, moved.std, moved.digest) == (
        dataset.class_names,
        dataset.mean,
        dataset.std,
        dataset.digest,
    )


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (torch.zeros(2, 3, 8, 8), r"float32 \(2, 3, 8, 8\)"),
        (torch.zeros(2, 8, 8, dtype=torch.uint8), r"uint8 \(2, 8, 8\)"),
        (torch.zeros(2, 3, 8, 9, dtype=torch.uint8), r"uint8 \(2, 3, 8, 9\)"),
    ],
)
def test_split_refuses_images_of_another_kind(images: torch.Tensor, found: str) -> None:
    with pytest.raises(ShapeError, match=f"images must be uint8 .* found {found}"):
        Split(images, torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (torch.zeros(2, dtype=torch.int32), r"int32 \(2,\)"),
        (torch.zeros(3, dtype=torch.int64), r"int64 \(3,\)"),
        (torch.zeros(2, 1, dtype=torch.int64), r"int64 \(2, 1\)"),
    ],
)
def test_split_refuses_labels_that_do_not_fit(labels: torch.Tensor, found: str) -> None:
    with pytest.raises(ShapeError, match=rf"labels must be int64 \(2,\), found {found}"):
        Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), labels)


def test_a_mapped_split_has_a_file_only_where_its_images_are_the_files() -> None:
    split = Split(_split(3).images, torch.tensor([0, 1, 0]), Path("pixels.npy"))
    assert split.to("cpu").file == Path("pixels.npy")
    assert split.take(torch.tensor([0])).file is None
    assert split.to("meta").file is None


def test_a_dataset_knows_its_size_and_whether_it_is_mapped() -> None:
    dataset = Dataset(
        _split(4), _split(2), _split(3), ("a", "b"), (0.5,) * 3, (0.1,) * 3, "f" * 64
    )
    assert dataset.n_bytes == 9 * 3 * 64
    assert not dataset.is_mapped
    mapped = replace(dataset, train=replace(dataset.train, file=Path("pixels.npy")))
    assert mapped.is_mapped


def test_tuning_images_are_a_split_like_the_others() -> None:
    plain = Dataset(_split(4), _split(2), _split(3), ("a", "b"), (0.5,) * 3, (0.1,) * 3, "f" * 64)
    dataset = replace(plain, tuning=_split(5))
    assert list(plain.splits) == ["train", "validation", "test"]
    assert list(dataset.splits) == ["train", "validation", "test", "tuning"]
    assert dataset.n_bytes == plain.n_bytes + 5 * 3 * 64
    moved = dataset.to("meta")
    assert moved.tuning is not None
    assert moved.tuning.images.device.type == "meta"
    assert plain.to("meta").tuning is None
