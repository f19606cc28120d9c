"""The model of an outcome over points: a Gaussian process of scikit-learn with priors.

Maximum likelihood alone overfits a dozen trials in twenty dimensions; so the fit adds the
logarithm of a prior over lengths, noise and variance to the likelihood. scikit-learn's process,
which cannot do that, is given the kernel that was found, and predicts. The prior of the lengths
grows with the number of groups: in many dimensions an outcome is expected to depend on each one
the less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Columns
from autokd.sampler.kernel import GroupedMatern
from autokd.sampler.likelihood import Likelihood

__all__ = ["Surrogate", "fitted"]

_LENGTH_MEAN, _LENGTH_STD = np.sqrt(2), np.sqrt(3)
_NOISE_MEAN, _NOISE_STD = -5.0, 2.0
_VARIANCE_STD = 1.0
_JITTER = 1e-8
_N_STEPS = 25
_ANY = (1e-12, 1e12)


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A Gaussian process that has seen some points.

    Attributes:
        process: scikit-learn's.
        columns: What it has seen, ``(points, columns)``.
        values: Outcomes there, ``(points,)`` or ``(points, outcomes)``.
    """

    process: GaussianProcessRegressor
    columns: Floats
    values: Floats

    def predict(self, columns: Floats) -> tuple[Floats, Floats]:
        """Predict the outcome without its noise.

        Args:
            columns: Points, ``(points, columns)``.

        Returns:
            Mean and standard deviation, each ``(points,)``; the deviation is > 0.
        """
        mean, deviation = self.process.predict(columns, return_std=True)
        noise = self.process.kernel_.k2.noise_level
        return mean, np.sqrt(np.maximum(deviation**2 - noise, 1e-12))

    def mean(self, columns: Floats) -> Floats:
        """Predict the outcome's mean alone, which is faster.

        Args:
            columns: Points, ``(points, columns)``.

        Returns:
            Mean, ``(points,)``, or of each outcome, ``(points, outcomes)``.
        """
        return np.asarray(self.process.predict(columns))

    def believing(self, columns: Floats) -> "Surrogate":
        """Take the predictions at some points for outcomes.

        Args:
            columns: Points whose outcomes are awaited, ``(points, columns)``.

        Returns:
            A surrogate as certain there as if it had seen an outcome, and unchanged in its mean.

        Source: Ginsbourger et al. 2010, "Kriging is well-suited to parallelize optimization"
            (kriging believer).
        """
        if not len(columns):
            return self
        mean, _ = self.predict(columns)
        return _conditioned(
            self.process.kernel_,
            np.concatenate([self.columns, columns]),
            np.concatenate([self.values, mean]),
        )


def fitted(columns: Columns, values: Floats, *, n_fitted: int) -> Surrogate:
    """Fit a Gaussian process.

    Args:
        columns: Points.
        values: Outcomes of about zero mean and unit variance, ``(points,)``, at least one; or
            several that share lengths, noise and variance, ``(points, outcomes)``.
        n_fitted: Points that decide lengths, noise and variance, >= 1: the last ones. All decide
            the prediction. The time of the fit grows with the cube of this number.

    Returns:
        The surrogate.

    Source: Hvarfner et al. 2024, arXiv:2402.02229, section 5 (prior of the lengths, with mean
        sqrt(2) + log(dimensions) / 2 and deviation sqrt(3) in the logarithm). The priors of noise
        (log-normal around e^-5) and variance (around 1) are ours.
    """
    n_groups = len(columns.groups)
    middle = _LENGTH_MEAN + np.log(n_groups) / 2
    # Begun from shorter lengths than expected: from long ones the slope towards "all is noise" is
    # the first that an optimizer sees.
    kernel = ConstantKernel(1.0, _ANY) * GroupedMatern(
        np.full(n_groups, np.exp(middle - 1.5)), columns.groups, _ANY
    ) + WhiteKernel(np.exp(_NOISE_MEAN), _ANY)
    means = np.array([0.0, *[middle] * n_groups, _NOISE_MEAN])
    deviations = np.array([_VARIANCE_STD, *[_LENGTH_STD] * n_groups, _NOISE_STD])
    bounds = np.log([(1e-2, 1e2), *[(1e-2, 1e3)] * n_groups, (1e-6, 1.0)])
    likelihood = Likelihood(
        Columns(columns.values[-n_fitted:], columns.groups), values[-n_fitted:], jitter=_JITTER
    )
    theta = _most_likely(likelihood, kernel.theta, means, deviations, bounds)
    return _conditioned(kernel.clone_with_theta(theta), columns.values, values)


def _conditioned(kernel: Any, columns: Floats, values: Floats) -> Surrogate:
    process = GaussianProcessRegressor(kernel, alpha=_JITTER, optimizer=None)
    return Surrogate(process.fit(columns, values), columns, values)


def _most_likely(
    likelihood: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    means: Floats,
    deviations: Floats,
    bounds: Floats,
) -> Floats:
    """Find where the likelihood times normal priors of the logarithms is largest."""

    def with_prior(theta: Floats) -> tuple[float, Floats]:
        value, gradient = likelihood(theta)
        away = (theta - means) / deviations
        return value + 0.5 * float(away @ away), gradient + away / deviations

    options = {"maxiter": _N_STEPS}
    found = minimize(
        with_prior, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    return np.asarray(found.x)
