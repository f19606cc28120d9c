"""How well one order of students agrees with another, with an interval over students.

Kendall's tau-b is a sum over pairs, so a bootstrap draw of the students is a vector of how often
each one came, and its tau a quadratic form of that vector: thousands of draws cost a matrix
product. The intervals treat the students as drawn and their trainings as given.

Source: Kendall 1945, Biometrika 33(3), for tau-b; Efron 1979, Ann. Stat. 7(1), for the bootstrap,
of which the percentile interval is taken.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

N_DRAWS = 2_000
LEVEL = 0.95

Floats = NDArray[np.float64]


class Draws:
    """Bootstrap draws of the students, the same for all that is compared.

    Args:
        n: Students, >= 2.
        sizes: Params of each student, ``(n,)``, for `near`.
        seed: Of the draws.
    """

    def __init__(self, n: int, *, sizes: ArrayLike, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        drawn = generator.multinomial(n, np.full(n, 1 / n), size=N_DRAWS)
        # The first row is no draw but the students themselves.
        self._counts = np.vstack([np.ones(n), drawn])
        logs = np.log(np.asarray(sizes, float))
        self.near = (np.abs(logs[:, None] - logs[None, :]) < np.log(2)).astype(float)
        """Pairs of which neither has twice the other's params, ``(n, n)``."""

    def tau(self, one: ArrayLike, other: ArrayLike, *, pairs: Floats | None = None) -> Floats:
        """Work out tau-b of the students and of every draw.

        Args:
            one: A score of each student, ``(n,)``.
            other: Another one, ``(n,)``.
            pairs: Which pairs count, ``(n, n)``; None means all.

        Returns:
            ``(1 + draws,)``; NaN where a score is the same for all.
        """
        signs, others = _signs(one), _signs(other)
        mask = np.ones_like(signs) if pairs is None else pairs
        agreeing = self._sum(signs * others * mask)
        untied = self._sum(np.abs(signs) * mask) * self._sum(np.abs(others) * mask)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(agreeing / np.sqrt(untied))

    def mean(self, values: ArrayLike) -> Floats:
        """Work out the mean over the students and over every draw, ``(1 + draws,)``."""
        return np.asarray(self._counts @ np.asarray(values, float) / self._counts.shape[1])

    def _sum(self, pairs: Floats) -> Floats:
        return np.asarray(((self._counts @ pairs) * self._counts).sum(1))


def interval(values: Floats) -> dict[str, float | None]:
    """Describe what came out of the students, first, and of the draws, ``(1 + draws,)``.

    NaN, an order of students that all score the same, is left out of the draws, and None here.
    """
    found = values[1:][~np.isnan(values[1:])]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(found, [tail, 1 - tail]) if len(found) else (np.nan, np.nan)
    return {"value": _digits(values[0]), "low": _digits(low), "high": _digits(high)}


def _signs(values: ArrayLike) -> Floats:
    found = np.asarray(values, float)
    return np.sign(found[:, None] - found[None, :])


def _digits(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.4g}")
