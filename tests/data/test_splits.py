import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autokd.data.splits import apportion, cut_fraction, keep_few, keep_limit
from autokd.errors import DataError

_sizes = st.lists(st.integers(2, 40), min_size=2, max_size=6)
_seeds = st.integers(0, 2**31)
_fractions = st.floats(0.01, 0.99)


def _labels(sizes: list[int]) -> torch.Tensor:
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    order = torch.arange(len(labels)) * 7919 % 104729  # mixed up, without a random generator
    return labels[order.argsort(stable=True)]


def _names(sizes: list[int]) -> tuple[str, ...]:
    return tuple(f"class{index}" for index in range(len(sizes)))


def _cut(sizes: list[int], fraction: float, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    labels = _labels(sizes)
    return cut_fraction(labels, fraction, class_names=_names(sizes), seed=seed, what="validation")


def _counts(labels: torch.Tensor, chosen: torch.Tensor, n_classes: int) -> list[int]:
    return torch.bincount(labels[chosen], minlength=n_classes).tolist()


@pytest.mark.parametrize(
    ("sizes", "taken", "counts"),
    [
        ([10, 10], 10, [5, 5]),
        ([6, 3, 1], 5, [3, 2, 0]),  # quotas 3, 1.5, 0.5: the tie goes to the lower class
        ([5, 5, 5], 4, [2, 1, 1]),
        ([1, 9], 1, [0, 1]),
        ([3, 0, 3], 6, [3, 0, 3]),
        ([0, 0], 0, [0, 0]),
    ],
)
def test_apportion_follows_largest_remainders(
    sizes: list[int], taken: int, counts: list[int]
) -> None:
    assert apportion(sizes, taken) == counts


@given(sizes=st.lists(st.integers(0, 1000), min_size=1, max_size=12), data=st.data())
def test_apportion_stays_within_one_of_the_quota_and_sums_up(
    sizes: list[int], data: st.DataObject
) -> None:
    taken = data.draw(st.integers(0, sum(sizes)))
    counts = apportion(sizes, taken)
    assert sum(counts) == taken
    for size, count in zip(sizes, counts, strict=True):
        assert 0 <= count <= size
        assert abs(count - size * taken / max(sum(sizes), 1)) < 1


@given(sizes=_sizes, fraction=_fractions, seed=_seeds)
def test_a_cut_is_disjoint_complete_and_ascending(
    sizes: list[int], fraction: float, seed: int
) -> None:
    stays, cut = _cut(sizes, fraction, seed=seed)
    assert sorted(stays.tolist() + cut.tolist()) == list(range(sum(sizes)))
    assert stays.tolist() == sorted(stays.tolist())
    assert cut.tolist() == sorted(cut.tolist())


@given(sizes=_sizes, fraction=_fractions, seed=_seeds)
def test_a_cut_takes_exactly_the_stated_number_of_each_class(
    sizes: list[int], fraction: float, seed: int
) -> None:
    _, cut = _cut(sizes, fraction, seed=seed)
    wanted = apportion(sizes, math.floor(fraction * sum(sizes) + 0.5))
    expected = [min(max(count, 1), size - 1) for count, size in zip(wanted, sizes, strict=True)]
    assert _counts(_labels(sizes), cut, len(sizes)) == expected


@given(sizes=_sizes, fraction=_fractions, seed=_seeds)
def test_both_sides_of_a_cut_know_every_class(
    sizes: list[int], fraction: float, seed: int
) -> None:
    labels = _labels(sizes)
    for side in _cut(sizes, fraction, seed=seed):
        assert min(_counts(labels, side, len(sizes))) >= 1


def test_the_same_seed_gives_the_same_cut_and_another_seed_another() -> None:
    sizes = [30, 30]
    _, first = _cut(sizes, 0.3, seed=1)
    _, again = _cut(sizes, 0.3, seed=1)
    _, other = _cut(sizes, 0.3, seed=2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_cuts_of_different_names_are_drawn_apart() -> None:
    labels = _labels([30, 30])
    cuts = [
        cut_fraction(labels, 0.3, class_names=("a", "b"), seed=0, what=what)[1]
        for what in ("validation", "test")
    ]
    assert not torch.equal(*cuts)


def test_every_image_is_cut_equally_often_over_seeds() -> None:
    labels, n_seeds = _labels([10, 20]), 400
    times = torch.zeros(30)
    for seed in range(n_seeds):
        _, cut = cut_fraction(labels, 0.3, class_names=("a", "b"), seed=seed, what="test")
        times[cut] += 1
    spread = math.sqrt(n_seeds * 0.3 * 0.7)
    assert (times - 0.3 * n_seeds).abs().max() < 4.5 * spread


def test_a_class_of_one_image_is_refused_by_name() -> None:
    with pytest.raises(
        DataError, match=r"class 'class1' has 1 image: .* validation .* at least 2"
    ):
        _cut([5, 1], 0.5)


def test_a_class_without_images_is_refused_by_name() -> None:
    labels = torch.zeros(5, dtype=torch.int64)
    with pytest.raises(DataError, match="class 'b' has 0 images"):
        cut_fraction(labels, 0.5, class_names=("a", "b"), seed=0, what="test")


@given(sizes=_sizes, seed=_seeds, data=st.data())
def test_a_limit_keeps_exactly_so_many_in_proportion(
    sizes: list[int], seed: int, data: st.DataObject
) -> None:
    limit = data.draw(st.integers(1, sum(sizes) + 5))
    labels, names = _labels(sizes), _names(sizes)
    expected = apportion(sizes, min(limit, sum(sizes)))
    if min(expected) < 2:
        with pytest.raises(DataError, match=r"\[data.train_limit\]"):
            keep_limit(labels, limit, class_names=names, seed=seed)
        return
    kept = keep_limit(labels, limit, class_names=names, seed=seed)
    assert _counts(labels, kept, len(sizes)) == expected
    assert kept.tolist() == sorted(kept.tolist())


def test_a_limit_that_starves_a_class_is_refused_by_key_and_class() -> None:
    message = r"\[data.train_limit\] = 6 leaves 1 image of class 'class1'; at least 2"
    with pytest.raises(DataError, match=message):
        keep_limit(_labels([50, 10]), 6, class_names=("class0", "class1"), seed=0)


@given(
    sizes=st.lists(st.integers(0, 20), min_size=2, max_size=5), seed=_seeds, n=st.integers(1, 9)
)
def test_of_each_class_exactly_so_many_are_kept_or_all(
    sizes: list[int], seed: int, n: int
) -> None:
    labels = _labels(sizes)
    kept = keep_few(labels, n, seed=seed)
    assert _counts(labels, kept, len(sizes)) == [min(size, n) for size in sizes]
    assert kept.tolist() == sorted(kept.tolist())


def test_which_few_are_kept_follows_from_the_seed() -> None:
    labels = _labels([30, 30])
    first, again, other = (keep_few(labels, 5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_limit_leaves_every_class_the_least_that_is_asked_for_or_all() -> None:
    labels = _labels([500, 50, 3])
    kept = keep_limit(labels, 20, class_names=_names([500, 50, 3]), seed=0, least=4)
    assert _counts(labels, kept, 3) == [18, 4, 3]
    without = keep_limit(labels, 300, class_names=_names([500, 50, 3]), seed=0, least=1)
    assert torch.equal(without, keep_limit(labels, 300, class_names=_names([500, 50, 3]), seed=0))
