"""Metrics in their own units become values to minimise."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.errors import DefinitionError, ShapeError
from autokd.pareto import Axis, dominates, is_front, minimised, reference_point

TOP1 = Axis("top1", "maximize", "linear", 0.2)
ECE = Axis("ece", "minimize", "linear", 0.5)
PARAMS = Axis("params", "minimize", "log10", 1e6)


def test_each_axis_turns_its_own_column() -> None:
    turned = minimised([[0.75, 0.125, 1000], [1.0, 0.0, 1]], (TOP1, ECE, PARAMS))
    np.testing.assert_allclose(turned, [[0.25, 0.125, 3.0], [0.0, 0.0, 0.0]], rtol=0, atol=1e-15)


def test_reference_is_turned_like_a_value() -> None:
    np.testing.assert_allclose(reference_point((TOP1, ECE, PARAMS)), [0.8, 0.5, 6.0])
    assert reference_point([ECE]).shape == (1,)


def test_no_points_stay_no_points() -> None:
    assert minimised(np.empty((0, 2)), (TOP1, PARAMS)).shape == (0, 2)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True))
def test_larger_is_better_where_maximised_and_worse_where_minimised(counts: list[int]) -> None:
    low, high = sorted(counts)
    better, worse = minimised([[high / 1000], [low / 1000]], [TOP1])
    assert dominates(better, worse)
    for axis in (ECE, PARAMS):
        better, worse = minimised([[low + 1], [high + 1]], [axis])
        assert dominates(better, worse)


def test_front_is_the_accurate_and_the_small() -> None:
    metrics = [[0.9, 1e5], [0.8, 1e4], [0.7, 1e5], [0.9, 1e5], [0.95, 1e6], [0.5, 2e4]]
    mask = is_front(minimised(metrics, (TOP1, PARAMS)))
    assert mask.tolist() == [True, True, False, True, True, False]


@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_only_fractions_are_maximised(bad: float) -> None:
    with pytest.raises(ValueError, match=rf"top1: {bad} is not in \[0, 1\]"):
        minimised([[0.5], [bad]], [TOP1])


@pytest.mark.parametrize("bad", [0, -3])
def test_log10_needs_numbers_above_zero(bad: int) -> None:
    with pytest.raises(ValueError, match=f"params: {bad}.0 is not > 0"):
        minimised([[0.5, 10], [0.5, bad]], (TOP1, PARAMS))


def test_columns_and_axes_have_the_same_number() -> None:
    with pytest.raises(ShapeError, match=r"values have shape \(1, 2\), not \(points, 1\)"):
        minimised([[0.5, 10.0]], [TOP1])
    with pytest.raises(ShapeError, match=r"values have shape \(1, 0\)"):
        reference_point([])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("params", "maximize", "log10", 0.5),
            "params: maximize needs scale 'linear', not 'log10'",
        ),
        (("top1", "maximize", "linear", 1.0), r"top1: reference 1.0 is not a number in \[0, 1\)"),
        (("top1", "maximize", "linear", -0.1), r"top1: reference -0.1 is not a number in"),
        (("top1", "maximize", "linear", np.nan), "top1: reference nan is not a number in"),
        (("params", "minimize", "log10", 0.0), "params: reference 0.0 is not a number > 0"),
        (("params", "minimize", "log10", np.inf), "params: reference inf is not a number > 0"),
        (("ece", "minimize", "linear", np.inf), "ece: reference inf is not a finite number"),
    ],
)
def test_impossible_axis_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        Axis(*arguments)
