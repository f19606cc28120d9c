import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.sampler.warp import Warp

VALUES = st.lists(st.floats(-1e3, 1e3).map(lambda v: round(v, 3)), min_size=1, max_size=30)


@given(VALUES)
def test_outcomes_come_back_from_the_warp(values: list[float]) -> None:
    outcomes = np.array(values)
    warp = Warp.of(outcomes)
    assert warp.back(warp.forward(outcomes)) == pytest.approx(outcomes, rel=1e-9, abs=1e-6)


@given(VALUES)
def test_warped_outcomes_have_zero_mean_and_unit_variance(values: list[float]) -> None:
    warped = Warp.of(np.array(values)).forward(np.array(values))
    assert warped.mean() == pytest.approx(0.0, abs=1e-9)
    assert warped.std() == pytest.approx(0.0 if len(set(values)) == 1 else 1.0, abs=1e-6)


@given(VALUES)
def test_order_is_kept_above_half_a_spread_better_than_the_best(values: list[float]) -> None:
    warp = Warp.of(np.array(values))
    outcomes = warp.best + warp.spread * np.array([-0.49, -0.2, 0.0, 0.5, 1.0, 30.0, 1e4])
    assert (np.diff(warp.forward(outcomes)) > 0).all()
    assert warp.forward(np.array([warp.best - 9 * warp.spread])) == pytest.approx(
        warp.forward(np.array([warp.best - warp.spread / 2]))
    )


def test_formula_is_the_documented_one() -> None:
    values = np.array([1.0, 2.0, 5.0])  # best 1, spread to the median 1
    z = np.log1p(values - 1)
    assert Warp.of(values) == Warp(1.0, 1.0, z.mean(), z.std())
    assert Warp.of(values).forward(values) == pytest.approx((z - z.mean()) / z.std())


def test_nothing_is_better_than_the_best_by_more_than_the_spread() -> None:
    warp = Warp.of(np.array([1.0, 2.0, 5.0]))
    assert warp.back(np.array([-1e6])) == pytest.approx([0.0])


def test_one_catastrophe_does_not_flatten_the_others() -> None:
    values = np.array([0.10, 0.11, 0.12, 0.13, 0.14, 1e4])
    warped = Warp.of(values).forward(values)
    assert warped[4] - warped[0] > 0.15  # in their own unit it would be 1e-5
    equal = Warp.of(np.full(4, 7.0))
    assert (equal.best, equal.spread, equal.scale) == (7.0, 1.0, 1.0)
    mostly_best = Warp.of(np.array([1.0, 1.0, 1.0, 4.0]))
    assert mostly_best.spread == 3.0
