from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.data.augment import (
    GREY,
    augmented_images,
    check_views,
    to_unit,
    view_images,
    view_labels,
    view_order,
)
from autokd.data.draws import draw_augmentations
from autokd.errors import DataError
from autokd.views import ViewsSpec

_CROP_FLIP = ViewsSpec(seed=3, crop_padding=2, flip=True)
_MIXES = [
    _CROP_FLIP.model_copy(update=change)
    for change in (
        {"cutout": 3},
        {"mix": "mixup"},
        {"mix": "cutmix"},
        {"mix": "mixup", "cutout": 3},
        {"mix": "cutmix", "cutout": 3},
    )
]


def _images(n: int, channels: int = 1, size: int = 8) -> Tensor:
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8)


def _coordinates(n: int, size: int) -> Tensor:
    """Images whose channel 0 holds each pixel's row and whose channel 1 holds its column."""
    places = torch.arange(size, dtype=torch.uint8)
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    return torch.stack([rows, columns]).expand(n, 2, size, size).contiguous()


def _draws(n: int, *, padding: int, view: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Read offsets and flips back from the pixels, without looking into the hash."""
    size = 2 * padding + 4
    spec = ViewsSpec(seed=seed, crop_padding=padding, flip=True)
    shown = view_images(_coordinates(n, size), torch.arange(n), view=view, spec=spec).long()
    middle = size // 2
    is_flipped = shown[:, 1, middle, middle] < shown[:, 1, middle, middle - 1]
    down = shown[:, 0, middle, middle] - middle
    place = torch.where(is_flipped, size - 1 - middle, middle)
    across = shown[:, 1, middle, middle] - place
    return down + padding, across + padding, is_flipped.long()


def _chi_square(counts: Tensor) -> float:
    expected = counts.sum().item() / counts.numel()
    return float(((counts - expected) ** 2 / expected).sum())


def _reference(image: Tensor, *, down: int, across: int, flip: bool, padding: int) -> Tensor:
    size = image.shape[-1]
    padded = torch.nn.functional.pad(
        image[None].float(), (padding, padding, padding, padding), mode="replicate"
    )[0].to(torch.uint8)
    crop = padded[:, down : down + size, across : across + size]
    return crop.flip(2) if flip else crop


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_a_view_equals_pad_crop_and_flip_one_image_at_a_time(
    channels: int, flip: bool, padding: int
) -> None:
    images = _images(30, channels)
    spec = ViewsSpec(seed=0, crop_padding=padding, flip=flip)
    shown = view_images(images, torch.arange(30), view=5, spec=spec)
    candidates = [
        (down, across, is_flipped)
        for down in range(2 * padding + 1)
        for across in range(2 * padding + 1)
        for is_flipped in ([False, True] if flip else [False])
    ]
    for image, view in zip(images, shown, strict=True):
        matches = [
            torch.equal(
                view,
                _reference(image, down=down, across=across, flip=is_flipped, padding=padding),
            )
            for down, across, is_flipped in candidates
        ]
        assert sum(matches) == 1


def test_offsets_read_from_pixels_reproduce_the_view() -> None:
    n, padding = 20, 2
    size = 2 * padding + 4
    images = _images(n, size=size)
    down, across, flip = _draws(n, padding=padding, view=1)
    spec = ViewsSpec(seed=0, crop_padding=padding, flip=True)
    shown = view_images(images, torch.arange(n), view=1, spec=spec)
    for index in range(n):
        expected = _reference(
            images[index],
            down=int(down[index]),
            across=int(across[index]),
            flip=bool(flip[index]),
            padding=padding,
        )
        assert torch.equal(shown[index], expected)


def test_without_padding_and_flip_a_view_is_the_images_themselves() -> None:
    images = _images(6)
    indices = torch.tensor([4, 0, 4])
    assert torch.equal(view_images(images, indices, view=9, spec=ViewsSpec()), images[indices])


@given(
    cuts=st.lists(st.integers(0, 40), max_size=5),
    view=st.integers(0, 1000),
    shuffle=st.integers(0, 10),
    spec=st.sampled_from([_CROP_FLIP, *_MIXES]),
)
def test_a_view_does_not_depend_on_how_batches_are_cut_or_ordered(
    cuts: list[int], view: int, shuffle: int, spec: ViewsSpec
) -> None:
    images, labels = _images(40, 3), torch.arange(40) % 5
    everything = torch.arange(40)
    whole = view_images(images, everything, view=view, spec=spec)
    given = view_labels(labels, everything, view=view, spec=spec, size=8, num_classes=5)
    order = view_order(40, view=view, seed=shuffle)
    parts = torch.tensor_split(order, sorted(cuts))
    shown = [view_images(images, part, view=view, spec=spec) for part in parts]
    named = [
        view_labels(labels, part, view=view, spec=spec, size=8, num_classes=5) for part in parts
    ]
    assert torch.equal(torch.cat(shown), whole[order])
    assert torch.equal(torch.cat(named), given[order])


def test_large_batches_are_gathered_in_pieces_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = _images(50)
    at_once = view_images(images, torch.arange(50), view=0, spec=_CROP_FLIP)
    monkeypatch.setattr("autokd.data.augment._PIECE_PIXELS", 7 * 64)
    in_pieces = view_images(images, torch.arange(50), view=0, spec=_CROP_FLIP)
    assert torch.equal(at_once, in_pieces)


def test_an_empty_batch_gives_no_images() -> None:
    empty = torch.empty(0, dtype=torch.int64)
    assert view_images(_images(3), empty, view=0, spec=_CROP_FLIP).shape == (0, 1, 8, 8)


def test_a_view_leaves_the_global_generator_alone() -> None:
    images = _images(8)
    before = torch.get_rng_state()
    view_images(images, torch.arange(8), view=0, spec=_CROP_FLIP)
    view_order(8, view=0, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_views_and_seeds_show_different_pixels() -> None:
    images = _images(64)
    shown = [
        view_images(
            images,
            torch.arange(64),
            view=view,
            spec=ViewsSpec(seed=seed, crop_padding=2, flip=True),
        )
        for seed in (0, 1)
        for view in (0, 1)
    ]
    for index, one in enumerate(shown):
        for other in shown[:index]:
            is_same = (one == other).flatten(1).all(1)
            assert is_same.float().mean() < 0.2  # by chance 1 in 50


# Limits of the chi-square tests: the 99.99 % point of the stated number of degrees of freedom.
@pytest.mark.parametrize("view", [0, 1, 77])
def test_offsets_and_flips_are_uniform_and_independent(view: int) -> None:
    down, across, flip = _draws(20_000, padding=2, view=view)
    place = (down * 5 + across) * 2 + flip
    counts = torch.bincount(place, minlength=50).double()
    assert _chi_square(counts) < 95.0  # 49 degrees of freedom


def test_offsets_of_one_image_are_uniform_over_views() -> None:
    n_views = 2000
    draws = [_draws(1, padding=1, view=view) for view in range(n_views)]
    place = torch.cat([(down * 3 + across) * 2 + flip for down, across, flip in draws])
    counts = torch.bincount(place, minlength=18).double()
    assert _chi_square(counts) < 48.0  # 17 degrees of freedom


def test_successive_views_are_independent_of_each_other() -> None:
    first, second = (_draws(20_000, padding=1, view=view) for view in (4, 5))
    pair = (first[0] * 3 + first[1]) * 9 + second[0] * 3 + second[1]
    counts = torch.bincount(pair, minlength=81).double()
    assert _chi_square(counts) < 136.0  # 80 degrees of freedom


def test_the_largest_padding_reaches_every_offset() -> None:
    down, across, _ = _draws(5000, padding=32, view=0)
    assert set(down.tolist()) == set(across.tolist()) == set(range(65))


@given(n=st.integers(0, 300), view=st.integers(0, 1000), seed=st.integers(0, 2**31))
def test_an_order_is_a_permutation_and_repeats(n: int, view: int, seed: int) -> None:
    order = view_order(n, view=view, seed=seed)
    assert sorted(order.tolist()) == list(range(n))
    assert torch.equal(order, view_order(n, view=view, seed=seed))


def test_orders_differ_between_views_and_seeds() -> None:
    orders = {
        tuple(view_order(50, view=view, seed=seed).tolist())
        for view in range(5)
        for seed in range(5)
    }
    assert len(orders) == 25


def test_every_image_comes_first_equally_often() -> None:
    first = torch.stack([view_order(6, view=view, seed=0)[0] for view in range(3000)])
    counts = torch.bincount(first, minlength=6).double()
    assert _chi_square(counts) < 25.8  # 5 degrees of freedom, the 99.99 % point


def test_views_and_orders_stay_what_they_were_when_tables_were_stored() -> None:
    # Stored teacher outputs rest on these draws: if this fails, every table in a cache is wrong.
    down, across, flip = _draws(6, padding=4, view=2, seed=11)
    # The numbers come from a separate computation with Python's whole numbers.
    assert down.tolist() == [5, 1, 8, 5, 7, 6]
    assert across.tolist() == [5, 8, 8, 0, 7, 1]
    assert flip.tolist() == [0, 0, 1, 0, 0, 0]
    assert view_order(8, view=2, seed=11).tolist() == [2, 1, 0, 3, 5, 6, 4, 7]


def test_negative_views_are_refused() -> None:
    with pytest.raises(DataError, match="a view's number must be at least 0, found -1"):
        view_order(3, view=-1, seed=0)
    with pytest.raises(DataError, match="a view's number must be at least 0, found -2"):
        view_images(_images(2), torch.arange(2), view=-2, spec=ViewsSpec())


# Cutout and mixing.


def test_cutout_hides_a_grey_square_of_its_side_and_nothing_else() -> None:
    images = torch.zeros(400, 2, 12, 12, dtype=torch.uint8)
    spec = ViewsSpec(cutout=5)
    is_hidden = view_images(images, torch.arange(400), view=0, spec=spec) == GREY
    assert torch.equal(is_hidden[:, 0], is_hidden[:, 1])
    rows, columns = is_hidden[:, 0].any(2).sum(1), is_hidden[:, 0].any(1).sum(1)
    assert torch.equal(is_hidden[:, 0].sum((1, 2)), rows * columns)  # it is a rectangle
    assert int(rows.max()) == int(columns.max()) == 5
    # The middle at an edge: two of five are outside.
    assert int(rows.min()) == int(columns.min()) == 3
    inner = ((rows == 5) & (columns == 5)).float().mean()
    assert float(inner) == pytest.approx((8 / 12) ** 2, abs=0.1)  # four standard deviations


def test_cutout_leaves_other_pixels_as_the_view_without_it_has_them() -> None:
    images, indices = _images(50, 3), torch.arange(50)
    plain = view_images(images, indices, view=1, spec=_CROP_FLIP)
    cut = view_images(images, indices, view=1, spec=_MIXES[0])
    assert ((cut == plain) | (cut == GREY)).all()
    assert (cut != plain).any()


def test_mixing_two_flat_images_gives_their_labels_as_brightness() -> None:
    # Class 0 is black and class 1 is white, so a mixed image's mean is its share of class 1.
    labels = torch.arange(300) % 2
    images = (labels * 255).to(torch.uint8)[:, None, None, None].expand(300, 1, 16, 16)
    indices = torch.arange(300)
    for spec, tolerance in ((_MIXES[1], 0.5 / 255), (_MIXES[2], 1e-6)):
        shown = view_images(images, indices, view=0, spec=spec)
        given = view_labels(labels, indices, view=0, spec=spec, size=16, num_classes=2)
        brightness = shown.float().mean((1, 2, 3)) / 255
        assert torch.allclose(brightness, given[:, 1], atol=tolerance + 1e-6, rtol=0)


def test_a_blend_is_the_nearest_whole_number_halves_rounded_up() -> None:
    images, labels, indices = _images(60, 3), torch.arange(60), torch.arange(60)
    spec = ViewsSpec(mix="mixup")
    shown = view_images(images, indices, view=2, spec=spec)
    shares = view_labels(labels, indices, view=2, spec=spec, size=8, num_classes=60).double()
    exact = (shares @ images.double().flatten(1)).view_as(shown)
    assert torch.equal(shown, (exact + 0.5).floor().to(torch.uint8))


def test_cutmix_pastes_the_partners_pixels_of_the_same_view() -> None:
    images, labels, indices = _images(40, 3), torch.arange(40), torch.arange(40)
    plain = view_images(images, indices, view=3, spec=_CROP_FLIP)
    shown = view_images(images, indices, view=3, spec=_MIXES[2])
    shares = view_labels(labels, indices, view=3, spec=_MIXES[2], size=8, num_classes=40)
    for index in range(40):
        others = shares[index].clone()
        others[index] = 0
        partner = int(others.argmax())
        is_pasted = (shown[index] != plain[index]).any(0)
        assert int(is_pasted.sum()) == round(float(others.sum()) * 64)  # random pixels differ
        assert torch.equal(shown[index][:, is_pasted], plain[partner][:, is_pasted])


@given(
    view=st.integers(0, 1000),
    n=st.integers(1, 50),
    spec=st.sampled_from([spec for spec in _MIXES if spec.mix != "none"]),
)
def test_labels_of_mixed_views_are_probabilities_of_at_most_two_classes(
    view: int, n: int, spec: ViewsSpec
) -> None:
    labels = torch.arange(n) % 7
    given_ = view_labels(labels, torch.arange(n), view=view, spec=spec, size=8, num_classes=7)
    assert given_.shape == (n, 7)
    assert given_.dtype == torch.float32
    assert (given_ >= 0).all()
    assert torch.allclose(given_.sum(1), torch.ones(n), atol=2e-7, rtol=0)  # two roundings
    assert ((given_ > 0).sum(1) <= 2).all()


@pytest.mark.parametrize("spec", [ViewsSpec(cutout=3), _CROP_FLIP])
def test_labels_of_views_that_are_not_mixed_stay_class_indices(spec: ViewsSpec) -> None:
    labels = torch.tensor([3, 1, 2])
    given_ = view_labels(labels, torch.tensor([2, 0]), view=0, spec=spec, size=8, num_classes=4)
    assert given_.tolist() == [2, 3]
    assert given_.dtype == torch.int64


def test_an_image_without_another_is_mixed_with_itself() -> None:
    images = _images(1)
    for spec in (ViewsSpec(mix="mixup"), ViewsSpec(mix="cutmix")):
        assert torch.equal(view_images(images, torch.tensor([0]), view=0, spec=spec), images)


def test_each_image_of_a_view_shows_its_augmentation() -> None:
    images, indices = _images(60, 3), torch.arange(60)
    shown = view_images(images, indices, view=4, spec=_CROP_FLIP)
    numbers = draw_augmentations(indices, view=4, spec=_CROP_FLIP)
    for number in range(_CROP_FLIP.n_augmentations):
        whole = augmented_images(images, indices, number=number, spec=_CROP_FLIP)
        assert torch.equal(shown[numbers == number], whole[numbers == number])


def test_the_augmentations_are_all_crops_and_flips() -> None:
    shown = [
        augmented_images(_coordinates(1, 8), torch.tensor([0]), number=number, spec=_CROP_FLIP)
        for number in range(50)
    ]
    assert len({image.numpy().tobytes() for image in shown}) == 50


def test_cutout_that_would_hide_whole_images_is_refused() -> None:
    check_views(ViewsSpec(cutout=7), size=8)
    with pytest.raises(DataError, match=r"\[views.cutout\] must be below .* 8 pixels, found 8"):
        check_views(ViewsSpec(cutout=8), size=8)


def test_unit_images_are_pixels_divided_by_255() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    unit = to_unit(images)
    assert unit.dtype == torch.float32
    assert torch.equal(unit, torch.arange(256).reshape(1, 1, 16, 16) / 255)
    assert images.flatten().tolist() == list(range(256))


@pytest.mark.cuda
@pytest.mark.parametrize("mix", ["none", "mixup", "cutmix"])
def test_cuda_shows_the_same_pixels_as_the_cpu(mix: Any) -> None:
    images, labels = _images(1000, 3, 32), torch.arange(1000) % 10
    indices = view_order(1000, view=1, seed=0)
    spec = _CROP_FLIP.model_copy(update={"mix": mix, "cutout": 8})
    on_cpu = view_images(images, indices, view=1, spec=spec)
    on_cuda = view_images(images.cuda(), indices, view=1, spec=spec)
    assert on_cuda.device.type == "cuda"
    assert torch.equal(on_cpu, on_cuda.cpu())
    here, there = (
        view_labels(each, indices, view=1, spec=spec, size=32, num_classes=10)
        for each in (labels, labels.cuda())
    )
    assert torch.equal(here, there.cpu())
