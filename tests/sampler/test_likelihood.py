"""The likelihood against scikit-learn's own, value and slope."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Columns
from autokd.sampler.kernel import GroupedMatern
from autokd.sampler.likelihood import Likelihood

GROUPS = ((0, 1), (1, 4), (4, 6))
JITTER = 1e-8


def drawn(n: int, n_columns: int, *, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((n, n_columns))


def of_scikit_learn(points: Floats, values: Floats, theta: Floats) -> tuple[float, Floats]:
    kernel = ConstantKernel() * GroupedMatern(np.ones(len(GROUPS)), GROUPS) + WhiteKernel()
    process = GaussianProcessRegressor(kernel, alpha=JITTER, optimizer=None).fit(points, values)
    value, slope = process.log_marginal_likelihood(theta, eval_gradient=True)
    return -value, -slope


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 4), (1,), (2, 3)])
def test_value_and_slope_are_scikit_learns(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    points, values = drawn(shape[0], 6, seed=seed), rng.normal(size=shape)
    theta = rng.normal(scale=1.5, size=len(GROUPS) + 2)
    loss, slope = Likelihood(Columns(points, GROUPS), values, jitter=JITTER)(theta)
    expected_loss, expected_slope = of_scikit_learn(points, values, theta)
    assert loss == pytest.approx(expected_loss, rel=1e-8)
    assert slope == pytest.approx(expected_slope, rel=1e-6, abs=1e-8)


def test_equal_points_with_little_noise_are_still_told_from_each_other() -> None:
    points, values = np.full((5, 6), 0.3), np.arange(5.0)
    theta = np.array([0.0, 0.0, 0.0, 0.0, np.log(1e-6)])
    loss, slope = Likelihood(Columns(points, GROUPS), values, jitter=JITTER)(theta)
    expected_loss, expected_slope = of_scikit_learn(points, values, theta)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    assert slope == pytest.approx(expected_slope, rel=1e-4, abs=1e-3)


def test_a_covariance_that_cannot_be_is_infinitely_unlikely() -> None:
    points = np.full((5, 6), 0.3)
    likelihood = Likelihood(Columns(points, GROUPS), np.arange(5.0), jitter=0.0)
    loss, slope = likelihood(np.array([0.0, 0.0, 0.0, 0.0, -800.0]))
    assert loss == np.inf
    assert not slope.any()
