"""The kernel against its formula, against scikit-learn's own, and its gradient by differences."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Matern

from autokd.pareto.arrays import Floats
from autokd.sampler.kernel import GroupedMatern

GROUPS = ((0, 1), (1, 4), (4, 6))


def points(n: int, n_columns: int, *, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((n, n_columns))


def test_values_follow_the_formula() -> None:
    kernel = GroupedMatern([0.5, 2.0, 0.9], GROUPS)
    xs, ys = points(7, 6), points(5, 6, seed=1)
    for i, x in enumerate(xs):
        for j, y in enumerate(ys):
            squares = [((x[a:b] - y[a:b]) ** 2).sum() for a, b in GROUPS]
            r = (5 * sum(s / w**2 for s, w in zip(squares, (0.5, 2.0, 0.9), strict=True))) ** 0.5
            expected = (1 + r + r * r / 3) * np.exp(-r)
            assert kernel(xs, ys)[i, j] == pytest.approx(expected, rel=1e-9)


def test_with_single_columns_it_is_scikit_learns_matern_with_its_gradient() -> None:
    lengths, xs = np.array([0.3, 1.0, 4.0]), points(9, 3)
    ours = GroupedMatern(lengths, ((0, 1), (1, 2), (2, 3)))
    theirs = Matern(lengths, nu=2.5)
    assert ours.theta == pytest.approx(theirs.theta)
    for mine, other in zip(
        ours(xs, eval_gradient=True), theirs(xs, eval_gradient=True), strict=True
    ):
        assert mine == pytest.approx(other, abs=1e-10)
    assert ours(xs, xs[:4]) == pytest.approx(theirs(xs, xs[:4]), abs=1e-7)


def test_gradient_is_the_slope_over_the_logarithms_of_the_lengths() -> None:
    kernel, xs, step = GroupedMatern([0.5, 2.0, 0.9], GROUPS), points(6, 6), 1e-5
    values, gradient = kernel(xs, eval_gradient=True)
    assert gradient.shape == (6, 6, 3)
    assert values == pytest.approx(kernel(xs), abs=1e-7)
    for k, direction in enumerate(np.eye(3)):
        above = kernel.clone_with_theta(kernel.theta + step * direction)(xs, eval_gradient=True)[0]
        below = kernel.clone_with_theta(kernel.theta - step * direction)(xs, eval_gradient=True)[0]
        assert gradient[..., k] == pytest.approx((above - below) / (2 * step), abs=1e-7)


def test_a_point_is_certain_of_itself_and_forgets_what_is_far() -> None:
    kernel, xs = GroupedMatern([0.5, 2.0, 0.9], GROUPS), points(6, 6)
    assert kernel.diag(xs).tolist() == [1.0] * 6
    assert np.diag(kernel(xs)) == pytest.approx(np.ones(6), abs=1e-7)
    assert kernel(xs, xs + 1000).max() < 1e-10


def test_scikit_learn_can_clone_it_and_hand_back_a_single_length() -> None:
    kernel = GroupedMatern(np.array([0.7]), ((0, 2),))
    single = clone(kernel).clone_with_theta(np.log([0.4]))
    assert single.length_scale == pytest.approx(0.4)
    assert single.n_dims == 1
    xs = points(4, 2)
    assert single(xs) == pytest.approx(GroupedMatern([0.4], ((0, 2),))(xs))
    assert single(xs, eval_gradient=True)[1].shape == (4, 4, 1)
