"""The likelihood of a Gaussian process with a grouped Matern kernel, and its slope, fast.

scikit-learn computes the same numbers, and the tests hold this to them. But for the slope it keeps
a matrix for every length through every sum and product of kernels, and then most of the time of a
proposal goes into copying them. Here squared distances are computed once a fit, and a slope is one
product of a matrix with them.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Columns

__all__ = ["Likelihood"]


class Likelihood:
    """Minus the logarithm of the likelihood of some outcomes, over the model's parameters.

    The covariance is ``variance * matern(r) + (noise + jitter) * identity`` with the kernel of
    `autokd.sampler.kernel.GroupedMatern`.

    Args:
        columns: Points.
        values: Their outcomes, ``(points,)``, or several that share all parameters,
            ``(points, outcomes)``.
        jitter: Variance that is added to the diagonal, >= 0.

    Source: Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", equations 2.30 and
        5.9.
    """

    def __init__(self, columns: Columns, values: Floats, *, jitter: float) -> None:
        n = len(values)
        self._values = values.reshape(n, -1)
        self._jitter = jitter
        self._pairs = np.tril_indices(n, -1)
        first, second = self._pairs
        squares = (columns.values[first] - columns.values[second]) ** 2
        starts = [start for start, _ in columns.groups]
        self._squares = np.add.reduceat(squares, starts, axis=1) if starts else squares

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Evaluate it.

        Args:
            theta: Logarithms of the variance, of the length of each group, and of the noise,
                ``(groups + 2,)``.

        Returns:
            The loss, and its slope along theta, ``(groups + 2,)``; infinity and no slope where
            the covariance is not positive definite.
        """
        variance, noise = np.exp(theta[0]), np.exp(theta[-1])
        weights = np.exp(-2 * theta[1:-1])
        r = np.sqrt(5 * (self._squares @ weights))
        decay = np.exp(-r)
        below = variance * ((1 + r + r * r / 3) * decay)
        covariance = np.diag(np.full(len(self._values), variance + noise + self._jitter))
        covariance[self._pairs] = below  # what is above the diagonal is not read
        try:
            factor = cholesky(covariance, lower=True, check_finite=False)
        except LinAlgError:
            return np.inf, np.zeros_like(theta)
        solved = cho_solve((factor, True), self._values, check_finite=False)
        inverse = cho_solve((factor, True), np.eye(len(factor)), check_finite=False)
        n_outcomes = self._values.shape[1]
        away = solved @ solved.T - n_outcomes * inverse  # twice the slope along the covariance
        off, trace = away[self._pairs], float(np.trace(away))
        along_lengths = (5 / 3 * variance * (off * (1 + r) * decay)) @ self._squares * weights
        along_variance = float(off @ below) + 0.5 * variance * trace
        fit = 0.5 * float((self._values * solved).sum())
        volume = n_outcomes * float(np.log(np.diag(factor)).sum())
        loss = fit + volume + 0.5 * self._values.size * np.log(2 * np.pi)
        return loss, -np.array([along_variance, *along_lengths, 0.5 * noise * trace])
