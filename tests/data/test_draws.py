import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.data.draws import (
    BLEND_BITS,
    crops_of,
    draw_augmentations,
    draw_boxes,
    draw_holes,
    draw_partners,
    draw_weights,
    hash_counters,
    view_key,
)
from autokd.errors import DataError
from autokd.views import ViewsSpec

_MANY = torch.arange(20_000)


def _chi_square(counts: Tensor) -> float:
    expected = counts.sum().item() / counts.numel()
    return float(((counts - expected) ** 2 / expected).sum())


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


@pytest.mark.cuda
def test_cuda_hashes_as_the_cpu_does() -> None:
    here, there = (hash_counters(each, key=2**61) for each in (_MANY, _MANY.cuda()))
    assert torch.equal(here, there.cpu())


@given(
    padding=st.integers(0, 32),
    flip=st.booleans(),
    view=st.integers(0, 10_000),
    index=st.integers(0, 2**31),
)
def test_an_augmentation_is_legal_and_says_what_it_does(
    padding: int, flip: bool, view: int, index: int
) -> None:
    spec = ViewsSpec(crop_padding=padding, flip=flip)
    number = draw_augmentations(torch.tensor([index]), view=view, spec=spec)
    assert 0 <= int(number) < spec.n_augmentations
    crop = crops_of(number, spec=spec)
    assert 0 <= int(crop.down) <= 2 * padding
    assert 0 <= int(crop.across) <= 2 * padding
    again = (int(crop.down) * (2 * padding + 1) + int(crop.across)) * (2 if flip else 1)
    assert int(number) == again + int(crop.is_flipped)
    assert flip or not bool(crop.is_flipped)


# Limits of the chi-square tests: the 99.99 % point of the stated number of degrees of freedom.
def test_partners_are_uniform_over_the_other_images() -> None:
    n = 8
    partners = torch.cat(
        [draw_partners(torch.arange(n), view=view, spec=ViewsSpec(), n=n) for view in range(2000)]
    )
    steps = (partners - torch.arange(n).repeat(2000)) % n
    counts = torch.bincount(steps, minlength=n)
    assert counts[0] == 0
    assert _chi_square(counts[1:].double()) < 28.0  # 6 degrees of freedom


@given(index=st.integers(0, 2**31 - 2), view=st.integers(0, 100))
def test_a_partner_is_another_image_however_many_there_are(index: int, view: int) -> None:
    n = 2**31 - 1
    partner = int(draw_partners(torch.tensor([index]), view=view, spec=ViewsSpec(), n=n))
    assert 0 <= partner < n
    assert partner != index


def test_weights_are_uniform_odd_and_never_whole() -> None:
    weights = draw_weights(_MANY, view=3, spec=ViewsSpec())
    whole = 2**BLEND_BITS
    assert (weights % 2 == 1).all()
    counts = torch.bincount(weights // 2, minlength=whole // 2)
    assert len(counts) == whole // 2
    assert _chi_square(counts.double()) < 347.7  # 255 degrees of freedom
    assert float(weights.double().mean() / whole) == pytest.approx(0.5, abs=0.01)


def test_the_side_of_a_box_is_a_whole_square_root() -> None:
    # Away from the edges nothing is cut off, and u can be read from the hash itself.
    size = 31
    boxes = draw_boxes(_MANY, view=0, spec=ViewsSpec(seed=5), size=size)
    bits = hash_counters(_MANY, key=view_key(5, "box", view=0)).tolist()
    n_whole = 0
    for index in range(2000):
        share = (bits[index] % 2**64) >> 48
        side = math.isqrt(size * size * share // 2**16)
        edges = [int(edge[index]) for edge in boxes]
        if edges[0] > 0 and edges[2] > 0 and edges[1] < size and edges[3] < size:
            n_whole += 1
            assert (edges[1] - edges[0], edges[3] - edges[2]) == (side, side)
    assert n_whole > 300


def test_boxes_before_they_are_cut_off_cover_half_of_an_image_on_average() -> None:
    bits = hash_counters(_MANY, key=view_key(0, "box", view=1))
    share = ((bits >> 48) & 0xFFFF).double() / 2**16
    assert float(share.mean()) == pytest.approx(0.5, abs=0.01)  # uniform: five deviations
    areas = draw_boxes(_MANY, view=1, spec=ViewsSpec(), size=100).areas()
    assert ((areas >= 0) & (areas <= 100 * 100 * share)).all()


@given(
    cutout=st.integers(1, 30), size=st.integers(8, 224), view=st.integers(0, 50), mix=st.booleans()
)
def test_rectangles_lie_inside_the_image(cutout: int, size: int, view: int, mix: bool) -> None:
    indices, spec = torch.arange(50), ViewsSpec(cutout=cutout)
    draw: Any = draw_boxes if mix else draw_holes
    boxes = draw(indices, view=view, spec=spec, size=size)
    for low, high in ((boxes.top, boxes.bottom), (boxes.left, boxes.right)):
        assert ((low >= 0) & (low <= high) & (high <= size)).all()
    assert torch.equal(boxes.mask(size).sum((1, 2, 3)), boxes.areas())


def test_the_middle_of_a_hole_is_uniform_over_the_pixels() -> None:
    holes = draw_holes(_MANY, view=0, spec=ViewsSpec(cutout=1), size=8)
    assert (holes.areas() == 1).all()
    counts = torch.bincount(holes.top * 8 + holes.left, minlength=64)
    assert _chi_square(counts.double()) < 114.0  # 63 degrees of freedom


def test_streams_of_different_uses_are_independent() -> None:
    spec = ViewsSpec(crop_padding=1, cutout=1)
    crops = draw_augmentations(_MANY, view=0, spec=spec)
    holes = draw_holes(_MANY, view=0, spec=spec, size=4)
    weights = draw_weights(_MANY, view=0, spec=spec) * 4 >> BLEND_BITS
    pairs = torch.bincount(crops * 4 + holes.top, minlength=36)
    assert _chi_square(pairs.double()) < 76.4  # 35 degrees of freedom
    pairs = torch.bincount(holes.left * 4 + weights, minlength=16)
    assert _chi_square(pairs.double()) < 44.3  # 15 degrees of freedom


def test_draws_stay_what_they_were_when_tables_were_stored() -> None:
    # Stored teacher outputs rest on these draws: if this fails, every such table is wrong. The
    # numbers come from a separate computation with Python's whole numbers.
    def word(use: str, index: int) -> int:
        mixed = (view_key(7, use, view=2) + (index + 1) * 0x9E3779B97F4A7C15) % 2**64
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
        return mixed ^ mixed >> 31

    indices, spec = torch.arange(6), ViewsSpec(seed=7, cutout=4)
    partners = draw_partners(indices, view=2, spec=spec, n=6).tolist()
    weights = draw_weights(indices, view=2, spec=spec).tolist()
    holes = draw_holes(indices, view=2, spec=spec, size=20)
    for index in range(6):
        step = (word("partner", index) % 2**32) * 5 >> 32
        assert partners[index] == (index + 1 + step) % 6
        assert weights[index] == 2 * ((word("weight", index) % 2**24) * 256 >> 24) + 1
        middle = (word("hole", index) % 2**24) * 20 >> 24
        assert int(holes.top[index]) == max(middle - 2, 0)
        assert int(holes.bottom[index]) == min(middle + 2, 20)


def test_negative_views_are_refused() -> None:
    with pytest.raises(DataError, match="a view's number must be at least 0, found -1"):
        draw_weights(torch.arange(2), view=-1, spec=ViewsSpec())
