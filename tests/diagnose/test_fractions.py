from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autokd.diagnose.fractions import check_fractions, nested_parts
from autokd.errors import DiagnosisError

FRACTIONS = (0.125, 0.25, 0.5, 1.0)


@given(st.lists(st.integers(8, 40), min_size=2, max_size=5), st.integers(0, 2**31 - 1))
def test_each_part_is_inside_of_the_next_and_stratified(sizes: list[int], seed: int) -> None:
    labels = torch.cat([torch.full((size,), label) for label, size in enumerate(sizes)])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    parts = nested_parts(labels, FRACTIONS, seed=seed)
    for smaller, larger in pairwise(parts):
        assert set(smaller.tolist()) < set(larger.tolist())
    for fraction, part in zip(FRACTIONS, parts, strict=True):
        assert part.tolist() == sorted(set(part.tolist()))
        found = torch.bincount(labels[part], minlength=len(sizes)).tolist()
        assert found == [max(int(fraction * size + 0.5), 1) for size in sizes]
    assert parts[-1].tolist() == list(range(len(labels)))


def test_every_class_has_an_image_however_small_the_part() -> None:
    labels = torch.arange(3).repeat(20)
    (part, _) = nested_parts(labels, (0.001, 1), seed=0)
    assert labels[part].sort().values.tolist() == [0, 1, 2]


def test_parts_follow_from_the_seed() -> None:
    labels = torch.arange(4).repeat(30)
    first = nested_parts(labels, (0.25,), seed=1)[0]
    assert torch.equal(nested_parts(labels, (0.25,), seed=1)[0], first)
    assert not torch.equal(nested_parts(labels, (0.25,), seed=2)[0], first)


@pytest.mark.parametrize("fractions", [(), (0.5, 0.5), (1.0, 0.5), (0.0, 1.0), (-0.1,), (1.5,)])
def test_fractions_that_do_not_ascend_within_0_and_1_are_refused(
    fractions: tuple[float, ...],
) -> None:
    with pytest.raises(DiagnosisError, match=r"must ascend within \(0, 1\], found \["):
        check_fractions(fractions)


def test_fractions_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(DiagnosisError, match="found"):
        check_fractions((float("nan"),))


def test_two_fractions_of_the_same_images_are_refused() -> None:
    with pytest.raises(DiagnosisError, match=r"0\.01 takes the same 2 images"):
        nested_parts(torch.arange(2).repeat(4), (0.01, 0.1, 1), seed=0)
