"""A Matern kernel for scikit-learn that scales distances by groups of columns.

scikit-learn's own has one length for all columns or one for each. A category has one column a
choice; a length for each of them is more than a few dozen trials can tell, and one length for
everything cannot find out that half of the parameters do nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import (
    Hyperparameter,
    Kernel,
    NormalizedKernelMixin,
    StationaryKernelMixin,
)

from autokd.pareto.arrays import Floats

__all__ = ["GroupedMatern"]

_BOUNDS = (1e-2, 1e3)


class GroupedMatern(StationaryKernelMixin, NormalizedKernelMixin, Kernel):  # type: ignore[misc]
    """``(1 + r + r^2 / 3) exp(-r)`` with ``r^2 = 5 * sum over groups of (distance / length)^2``.

    Args:
        length_scale: Lengths, > 0, ``(groups,)``.
        groups: First and last-but-one column of each group.
        length_scale_bounds: Of the fit, for every length.

    Source: Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", equation 4.17
        (Matern, nu = 5/2).
    """

    def __init__(
        self,
        length_scale: Floats | Sequence[float],
        groups: tuple[tuple[int, int], ...],
        length_scale_bounds: tuple[float, float] = _BOUNDS,
    ) -> None:
        # scikit-learn clones a kernel from attributes that are its very arguments.
        self.length_scale = length_scale
        self.groups = groups
        self.length_scale_bounds = length_scale_bounds

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        """What is fitted, as scikit-learn asks for it."""
        n = int(np.size(self.length_scale))  # scikit-learn hands back a single one as a number
        return Hyperparameter("length_scale", "numeric", self.length_scale_bounds, n)

    def __call__(self, X: Floats, Y: Floats | None = None, eval_gradient: bool = False) -> Any:  # noqa: N803 (scikit-learn's names)
        """Evaluate the kernel.

        Args:
            X: Points, ``(points, columns)``.
            Y: Other points, ``(others, columns)``; None means X.
            eval_gradient: Whether the gradient with respect to the logarithms of the lengths is
                wanted; only without Y.

        Returns:
            The kernel's values, ``(points, others)``; with the gradient, also
            ``(points, points, groups)``.
        """
        lengths = np.atleast_1d(self.length_scale)
        if eval_gradient:
            scaled = self._squares(X) / lengths[:, np.newaxis, np.newaxis] ** 2
            r, decay, values = _matern(scaled.sum(axis=0))
            return values, np.moveaxis(5 / 3 * ((1 + r) * decay) * scaled, 0, -1)
        sizes = [end - first for first, end in self.groups]
        widths = np.repeat(lengths, sizes)
        return _matern(_square_distances(X / widths, (X if Y is None else Y) / widths))[2]

    def _squares(self, points: Floats) -> Floats:
        """Squared distances by group, ``(groups, points, points)``."""
        result = np.empty((len(self.groups), len(points), len(points)))
        for i, (first, end) in enumerate(self.groups):
            some = points[:, first:end]
            result[i] = (some - some.T) ** 2 if end - first == 1 else _square_distances(some, some)
        return result


def _matern(squares: Floats) -> tuple[Floats, Floats, Floats]:
    """The distance ``r``, its decay and the kernel's values."""
    r = np.sqrt(5 * squares)
    decay = np.exp(-r)
    return r, decay, (1 + r + r * r / 3) * decay


def _square_distances(ones: Floats, others: Floats) -> Floats:
    square = (ones * ones).sum(axis=1)[:, np.newaxis] + (others * others).sum(axis=1)
    return np.asarray(np.maximum(square - 2 * ones @ others.T, 0.0))  # rounding may pass below 0
