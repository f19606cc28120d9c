from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.data.augment import view_images
from autokd.data.single import view_image
from autokd.views import ViewRole, ViewsSpec


def _images(n: int, channels: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(n)
    shape = (n, channels, size, size)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def _reader(images: Tensor) -> Callable[[int], Tensor]:
    return lambda index: images[index]


@given(
    view=st.integers(0, 10_000),
    channels=st.sampled_from([1, 3]),
    size=st.integers(8, 20),
    spec=st.builds(
        ViewsSpec,
        seed=st.integers(0, 100),
        crop_padding=st.integers(0, 12),
        flip=st.booleans(),
        cutout=st.integers(0, 7),
        mix=st.sampled_from(["none", "mixup", "cutmix"]),
    ),
)
def test_one_image_has_the_pixels_that_the_batch_has(
    view: int, channels: int, size: int, spec: ViewsSpec
) -> None:
    images = _images(7, channels, size)
    shown = view_images(images, torch.arange(7), view=view, spec=spec)
    for index in range(7):
        alone = view_image(_reader(images), index, n=7, view=view, spec=spec)
        assert alone.dtype == torch.uint8
        assert torch.equal(alone, shown[index])


@pytest.mark.parametrize("role", ["plain", "weak", "strong"])
def test_what_a_teacher_sees_in_a_role_is_the_same_alone_and_in_a_batch(role: ViewRole) -> None:
    images = _images(5, 3, 12)
    views = ViewsSpec(seed=3, crop_padding=32, flip=True, cutout=1)
    spec = views.seen_as(role, size=12)
    shown = view_images(images, torch.arange(5), view=2, spec=spec)
    alone = [view_image(_reader(images), index, n=5, view=2, spec=spec) for index in range(5)]
    assert torch.equal(torch.stack(alone), shown)
    assert torch.equal(shown, images) == (role == "plain")


def test_padding_wider_than_the_image_repeats_its_edges() -> None:
    images, spec = _images(5, 3, 8), ViewsSpec(crop_padding=32)
    shown = view_images(images, torch.arange(5), view=0, spec=spec)
    alone = [view_image(_reader(images), index, n=5, view=0, spec=spec) for index in range(5)]
    assert torch.equal(torch.stack(alone), shown)


@pytest.mark.parametrize(("mix", "n_read"), [("none", 1), ("mixup", 2), ("cutmix", 2)])
def test_only_the_image_and_its_partner_are_read(mix: Any, n_read: int) -> None:
    images, read = _images(9, 1, 8), []

    def note(index: int) -> Tensor:
        read.append(index)
        return images[index]

    before = images.clone()
    view_image(note, 4, n=9, view=0, spec=ViewsSpec(mix=mix, cutout=3))
    assert read[0] == 4
    assert len(set(read)) == n_read
    assert torch.equal(images, before)
