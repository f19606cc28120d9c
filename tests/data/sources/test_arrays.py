from typing import Any

import numpy as np
import pytest
import torch

from autokd.data.sources.arrays import arrays
from autokd.data.sources.request import Found, Request
from autokd.data.tensors import Split
from autokd.errors import DataError
from autokd.study import DataSpec

_N = 6
_LABELS = np.arange(_N) % 2


def _take(images: Any, labels: Any = _LABELS) -> Found[Split]:
    return arrays(Request(DataSpec(source="arrays"), None, (images, labels)))


def _pixels(*shape: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_grey_images_without_a_channel_axis_get_one() -> None:
    pixels = _pixels(_N, 9, 9)
    found = _take(pixels)
    assert torch.equal(found.train.images, torch.from_numpy(pixels)[:, None])
    assert found.train.labels.tolist() == _LABELS.tolist()
    assert (found.test, found.class_names) == (None, ("0", "1"))


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_and_channels_first_give_the_same_images(channels: int) -> None:
    first = _pixels(_N, channels, 9, 9)
    from_first = _take(first).train.images
    from_last = _take(first.transpose(0, 2, 3, 1)).train.images
    assert torch.equal(from_first, torch.from_numpy(first))
    assert torch.equal(from_last, from_first)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_the_unit_interval_become_the_nearest_pixels(dtype: type) -> None:
    pixels = _pixels(_N, 8, 8)
    found = _take((pixels / 255).astype(dtype))
    assert torch.equal(found.train.images[:, 0], torch.from_numpy(pixels))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_float_tensors_are_taken_like_arrays(dtype: torch.dtype) -> None:
    images = torch.zeros(_N, 3, 8, 8, dtype=dtype, requires_grad=True)
    with torch.no_grad():
        images[1:] = 1
    found = _take(images, torch.from_numpy(_LABELS))
    assert found.train.images.amax((1, 2, 3)).tolist() == [0] + [255] * (_N - 1)


def test_uint8_tensors_and_any_integer_labels_are_taken() -> None:
    pixels = torch.from_numpy(_pixels(_N, 8, 8))
    found = _take(pixels, torch.from_numpy(_LABELS).to(torch.int16))
    assert torch.equal(found.train.images[:, 0], pixels)
    assert found.train.labels.dtype == torch.int64


def test_read_only_arrays_are_copied_not_shared() -> None:
    pixels = _pixels(_N, 8, 8)
    pixels.flags.writeable = False
    images = _take(pixels).train.images
    images.zero_()
    assert pixels.any()


def test_missing_arrays_are_asked_for() -> None:
    with pytest.raises(
        DataError, match=r"'arrays' needs images and labels .* data=\(images, labels\)"
    ):
        arrays(Request(DataSpec(source="arrays"), None))


@pytest.mark.parametrize(
    "shape", [(_N, 8), (_N, 8, 9), (_N, 2, 8, 8), (_N, 8, 8, 4), (_N, 3, 8, 9), (_N, 1, 1, 8, 8)]
)
def test_other_shapes_are_refused_with_the_shape_found(shape: tuple[int, ...]) -> None:
    found = ", ".join(map(str, shape))
    with pytest.raises(DataError, match=rf"images must be \(n, size, size\).* found \({found}\)"):
        _take(_pixels(*shape))


def test_no_images_are_refused() -> None:
    with pytest.raises(DataError, match="found no images"):
        _take(_pixels(0, 8, 8), np.arange(0))


@pytest.mark.parametrize(
    ("low", "high", "found"), [(0, 255, "0 to 255"), (-1, 1, "-1 to 1"), (0, np.nan, "nan to nan")]
)
def test_floats_outside_the_unit_interval_are_refused(low: float, high: float, found: str) -> None:
    images = np.full((_N, 8, 8), low, dtype=np.float64)
    images[0, 0, 0] = high
    with pytest.raises(DataError, match=rf"must lie in \[0, 1\], found {found}"):
        _take(images)


def test_uint8_images_of_zeros_and_ones_are_ambiguous() -> None:
    with pytest.raises(DataError, match="uint8 images hold nothing but 0 and 1"):
        _take(_pixels(_N, 8, 8) % 2)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.bool_])
def test_other_image_types_are_refused(dtype: type) -> None:
    name = np.dtype(dtype).name
    with pytest.raises(DataError, match=f"images must be uint8 or floats, found {name}"):
        _take(_pixels(_N, 8, 8).astype(dtype))


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (np.array([0, 1, 3, 0, 1, 3]), "3 but no 2"),
        (np.array([1, 2, 1, 2, 1, 2]), "1 but no 0"),
        (np.array([-1, 0, 1, 0, 1, 0]), "-1"),
    ],
)
def test_labels_with_a_gap_are_refused(labels: Any, found: str) -> None:
    with pytest.raises(DataError, match=f"each of them occurring; found {found}"):
        _take(_pixels(_N, 8, 8), labels)


@pytest.mark.parametrize(
    "labels", [_LABELS.astype(np.float32), _LABELS.astype(bool), _LABELS[None]]
)
def test_labels_of_another_kind_are_refused(labels: Any) -> None:
    with pytest.raises(DataError, match=rf"labels must be integers \(n,\), found {labels.dtype}"):
        _take(_pixels(_N, 8, 8), labels)


def test_different_numbers_of_images_and_labels_are_refused() -> None:
    with pytest.raises(DataError, match="found 6 images but 5 labels"):
        _take(_pixels(_N, 8, 8), _LABELS[:-1])


def test_no_labels_are_refused() -> None:
    with pytest.raises(DataError, match="found 6 images but 0 labels"):
        _take(_pixels(_N, 8, 8), _LABELS[:0])
