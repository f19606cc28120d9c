import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.data.augment import hash_counters, to_unit, view_images, view_order
from autokd.errors import DataError
from autokd.study import ViewsSpec

_CROP_FLIP = ViewsSpec(seed=3, crop_padding=2, flip=True)


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


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (0, [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]),
        (1234567, [6457827717110365317, 3203168211198807973, 9817491932198370423]),
    ],
)
def test_hash_gives_the_published_splitmix64_sequence(key: int, expected: list[int]) -> None:
    bits = hash_counters(torch.arange(3), key=key)
    assert [value % 2**64 for value in bits.tolist()] == expected


def test_hash_equals_a_slow_computation_with_whole_numbers() -> None:
    def mix(counter: int, key: int) -> int:
        word = (key + (counter + 1) * 0x9E3779B97F4A7C15) % 2**64
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
        return word ^ word >> 31

    counters = torch.tensor([0, 1, 59999, 2**40])
    bits = hash_counters(counters, key=2**62 - 5)
    expected = [mix(counter, 2**62 - 5) for counter in counters.tolist()]
    assert [value % 2**64 for value in bits.tolist()] == expected


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
)
def test_a_view_does_not_depend_on_how_batches_are_cut_or_ordered(
    cuts: list[int], view: int, shuffle: int
) -> None:
    images = _images(40, 3)
    whole = view_images(images, torch.arange(40), view=view, spec=_CROP_FLIP)
    order = view_order(40, view=view, seed=shuffle)
    parts = torch.tensor_split(order, sorted(cuts))
    shown = torch.cat([view_images(images, part, view=view, spec=_CROP_FLIP) for part in parts])
    assert torch.equal(shown, whole[order])


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


def test_unit_images_are_pixels_divided_by_255() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    unit = to_unit(images)
    assert unit.dtype == torch.float32
    assert torch.equal(unit, torch.arange(256).reshape(1, 1, 16, 16) / 255)
    assert images.flatten().tolist() == list(range(256))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_shows_the_same_pixels_as_the_cpu() -> None:
    images = _images(1000, 3, 32)
    indices = view_order(1000, view=1, seed=0)
    on_cpu = view_images(images, indices, view=1, spec=_CROP_FLIP)
    on_cuda = view_images(images.cuda(), indices, view=1, spec=_CROP_FLIP)
    assert on_cuda.device.type == "cuda"
    assert torch.equal(on_cpu, on_cuda.cpu())
    assert torch.equal(
        hash_counters(indices, key=2**61), hash_counters(indices.cuda(), key=2**61).cpu()
    )
