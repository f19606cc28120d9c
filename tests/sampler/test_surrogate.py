import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Columns
from autokd.sampler.surrogate import _most_likely, fitted


def columns(points: Floats) -> Columns:
    return Columns(points, tuple((i, i + 1) for i in range(points.shape[1])))


def smooth(points: Floats) -> Floats:
    return np.asarray(np.sin(4 * points[:, 0]) + points[:, 1] ** 2)


def drawn(n: int, *, seed: int, n_columns: int = 3) -> Floats:
    return np.random.default_rng(seed).random((n, n_columns))


def test_a_smooth_function_is_recovered() -> None:
    points, others = drawn(40, seed=0), drawn(200, seed=1)
    model = fitted(columns(points), smooth(points), n_fitted=100)
    mean, deviation = model.predict(others)
    away = np.abs(mean - smooth(others))
    assert np.median(away) < 0.02
    assert (away <= 3 * deviation + 0.01).mean() > 0.95


def test_a_column_that_does_nothing_gets_a_length_longer_than_those_that_do() -> None:
    points = drawn(50, seed=2)
    kernel = fitted(columns(points), smooth(points), n_fitted=100).process.kernel_
    first, second, idle = kernel.k1.k2.length_scale
    assert idle > 2 * max(first, second)


def test_the_noise_is_found_and_is_not_part_of_the_prediction() -> None:
    rng, points = np.random.default_rng(3), drawn(150, seed=3, n_columns=1)
    values = np.sin(6 * points[:, 0])
    model = fitted(columns(points), values + rng.normal(scale=0.3, size=150), n_fitted=150)
    assert model.process.kernel_.k2.noise_level == pytest.approx(0.09, rel=0.3)
    mean, deviation = model.predict(points)
    assert np.abs(mean - values).mean() < 0.1
    assert deviation.max() < 0.25
    assert deviation.min() > 0


def test_the_mean_alone_is_the_predictions() -> None:
    points, others = drawn(12, seed=11), drawn(20, seed=12)
    model = fitted(columns(points), smooth(points), n_fitted=100)
    assert model.mean(others) == pytest.approx(model.predict(others)[0])


def test_far_from_everything_the_prediction_is_the_prior() -> None:
    points = drawn(30, seed=4)
    model = fitted(columns(points), smooth(points), n_fitted=100)
    mean, deviation = model.predict(np.full((1, 3), 1e6))
    assert mean[0] == pytest.approx(0.0, abs=1e-9)
    assert deviation[0] ** 2 == pytest.approx(model.process.kernel_.k1.k1.constant_value, rel=1e-6)


def test_believing_leaves_the_mean_and_takes_the_variance() -> None:
    points, awaited, others = drawn(12, seed=5), drawn(3, seed=6), drawn(50, seed=7)
    model = fitted(columns(points), smooth(points), n_fitted=100)
    believing = model.believing(awaited)
    before, after = model.predict(awaited), believing.predict(awaited)
    assert after[0] == pytest.approx(before[0], abs=1e-6)
    assert (after[1] < before[1]).all()
    assert (after[1] ** 2 <= model.process.kernel_.k2.noise_level).all()
    elsewhere = model.predict(others), believing.predict(others)
    assert elsewhere[1][0] == pytest.approx(elsewhere[0][0], abs=1e-6)
    assert (elsewhere[1][1] <= elsewhere[0][1] + 1e-9).all()
    assert model.believing(np.empty((0, 3))) is model


def test_one_point_is_enough_and_equal_ones_are_no_harm() -> None:
    for points in (drawn(1, seed=8), np.full((6, 3), 0.5)):
        mean, deviation = fitted(columns(points), np.ones(len(points)), n_fitted=100).predict(
            points
        )
        assert mean == pytest.approx(np.ones(len(points)), abs=0.2)
        assert np.isfinite(deviation).all()


def test_the_last_points_decide_the_lengths_and_all_of_them_the_prediction() -> None:
    points, values = drawn(30, seed=9), smooth(drawn(30, seed=9))
    late = fitted(columns(points[-10:]), values[-10:], n_fitted=10)
    both = fitted(columns(points), values, n_fitted=10)
    assert both.process.kernel_.theta == pytest.approx(late.process.kernel_.theta)
    assert both.predict(points[:1])[0] == pytest.approx(values[:1], abs=0.1)


def test_what_is_found_is_most_likely_together_with_the_prior() -> None:
    points = drawn(8, seed=10)
    kernel = fitted(columns(points), smooth(points), n_fitted=100).process.kernel_
    process = GaussianProcessRegressor(kernel, optimizer=None).fit(points, smooth(points))
    means, deviations = np.full(5, 0.3), np.full(5, 2.0)

    def loss(theta: Floats) -> tuple[float, Floats]:
        value, gradient = process.log_marginal_likelihood(theta, eval_gradient=True)
        return -value, -gradient

    def posterior(theta: Floats) -> float:
        prior = 0.5 * float((((theta - means) / deviations) ** 2).sum())
        return prior - float(process.log_marginal_likelihood(theta))

    bounds = np.array([(-6.0, 6.0)] * 5)
    found = _most_likely(loss, np.zeros(5), means, deviations, bounds)
    assert posterior(found) < posterior(np.zeros(5))
    slope = approx_fprime(found, posterior, 1e-6)
    assert np.abs(slope).max() < 0.05  # a minimum, so the gradient that led there was right


def test_several_outcomes_share_a_kernel_and_are_each_predicted() -> None:
    points, others = drawn(40, seed=0), drawn(50, seed=1)
    both = np.column_stack([smooth(points), -2 * smooth(points)])
    mean = fitted(columns(points), both, n_fitted=100).mean(others)
    assert mean.shape == (50, 2)
    assert np.median(np.abs(mean[:, 0] - smooth(others))) < 0.03
    assert mean[:, 1] == pytest.approx(-2 * mean[:, 0], abs=1e-6)
