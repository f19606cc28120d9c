import math

import pytest
import torch

from autokd.data.measure import channel_statistics, digest_of
from autokd.data.tensors import Split
from autokd.errors import DataError


def _random_images(n: int, channels: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, channels, 8, 8), dtype=torch.uint8)


def test_half_black_half_white_has_mean_and_std_one_half() -> None:
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    images[1] = 255
    assert channel_statistics(images) == ((0.5,), (0.5,))


def test_statistics_equal_a_plain_float64_computation() -> None:
    images = _random_images(20, 3)
    scaled = images.to(torch.float64) / 255
    mean, std = channel_statistics(images)
    expected = torch.std_mean(scaled, dim=(0, 2, 3), correction=0)
    assert torch.allclose(torch.tensor(std, dtype=torch.float64), expected[0], atol=1e-12, rtol=0)
    assert torch.allclose(torch.tensor(mean, dtype=torch.float64), expected[1], atol=1e-12, rtol=0)


def test_statistics_do_not_depend_on_the_order_of_images() -> None:
    images = _random_images(20, 3)
    assert channel_statistics(images) == channel_statistics(images.flip(0))


def test_a_barely_varying_channel_is_measured_not_refused() -> None:
    images = torch.full((100, 1, 8, 8), 254, dtype=torch.uint8)
    images[0, 0, 0, 0] = 255
    _, (std,) = channel_statistics(images)
    share = 1 / 6400
    assert std == pytest.approx(math.sqrt(share * (1 - share)) / 255, rel=1e-9)


def test_constant_channel_is_refused_by_number_and_value() -> None:
    images = _random_images(4, 3)
    images[:, 2] = 7
    with pytest.raises(DataError, match="channel 2 of the training images is 7 in every pixel"):
        channel_statistics(images)


def test_digest_changes_with_a_pixel_a_label_and_a_move_between_splits() -> None:
    images, labels = _random_images(6, 1), torch.arange(6) % 2
    whole = Split(images, labels)
    changed_pixel, changed_label = images.clone(), labels.clone()
    changed_pixel[5, 0, 7, 7] ^= 1
    changed_label[5] ^= 1
    digests = {
        digest_of([whole]),
        digest_of([Split(changed_pixel, labels)]),
        digest_of([Split(images, changed_label)]),
        digest_of([whole.take(torch.arange(4)), whole.take(torch.arange(4, 6))]),
        digest_of([whole.take(torch.arange(3)), whole.take(torch.arange(3, 6))]),
    }
    assert len(digests) == 5


def test_digest_depends_on_values_not_on_memory_layout() -> None:
    images, labels = _random_images(4, 3), torch.arange(4) % 2
    other_layout = images.to(memory_format=torch.channels_last)
    digest = digest_of([Split(images, labels)])
    assert digest == digest_of([Split(other_layout, labels)])
    assert len(digest) == 64
