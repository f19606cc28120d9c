"""How much better than training without a teacher each method is, at equal params.

Students of a search differ in size, and top1 grows with size, so means of methods say little. Here
all students at a rung get one curve of top1 over the logarithm of params, and each method a
constant above it; the constant of ``none`` is 0, that of another method its gain. That takes the
curves to be parallel: a gain is a mean over sizes. Only students within the sizes of ``none``
count, since beyond them there is nothing to compare with.

Gains are told at the top rung, for the few that the race let finish, and at the first, where no
race has chosen yet but training was short. At both the search has chosen the trials, and methods
differ in other parameters too: gains are hints of where to look, no controlled comparison.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

__all__ = ["BASELINE", "LEAST", "Gain", "comparable", "gains"]

BASELINE = "none"
"""The method that gains are measured from."""

LEAST = 3
"""Students of a method below which its gain is not told."""

_CONFIDENCE = 0.95
_MOST_PIECES = 4
_TRIALS_A_PIECE = 10

_Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Gain:
    """What a method adds to top1.

    Attributes:
        n: Students of the method that were compared.
        value: Gain over ``none`` in top1, in [-1, 1]; 0 for ``none`` itself.
        margin: Half of the 95 % interval around it, >= 0.
    """

    n: int
    value: float
    margin: float


def gains(students: pd.DataFrame) -> Mapping[str, Gain]:
    """Estimate each method's gain over ``none``.

    The curve is of up to four straight pieces with as many students each, ten or more. Curve and
    constants are found together by least squares. The variance of a gain is the sum of its squared
    changes when each student is left out in turn: that allows small students to scatter more than
    large ones.

    Args:
        students: Students at one rung, with ``kd.method``, ``params`` and ``top1``.

    Returns:
        Gain by method, ``none`` included; methods with fewer than `LEAST` students within the
        sizes of ``none`` are left out, and those whose gain the sizes leave open: a method that
        has one size alone, between those of the others, may be better, or the curve bent there.
        Empty if ``none`` or every other method is left out, or where the sizes are too few to
        tell.

    Source: MacKinnon and White 1985, J. Econometrics 29(3), HC3, the jackknife of a linear model.
    """
    rows = comparable(students)
    counts = rows["kd.method"].value_counts()
    methods = sorted(set(counts.index) - {BASELINE})
    if BASELINE not in counts or not methods:
        return {}
    constants = [(rows["kd.method"] == method).to_numpy(float) for method in methods]
    design = np.column_stack([*constants, *_curve(np.log10(rows["params"].to_numpy(float)))])
    fitted = _fit(design, rows["top1"].to_numpy(float))
    if fitted is None:
        return {}
    found = {
        method: Gain(int(counts[method]), float(value), float(margin))
        for method, value, margin in zip(methods, *fitted, strict=False)
        if np.isfinite(value)
    }
    if not found:
        return {}
    return {BASELINE: Gain(int(counts[BASELINE]), 0.0, 0.0), **found}


def comparable(students: pd.DataFrame) -> pd.DataFrame:
    """Select the students that can be compared.

    Args:
        students: Students at one rung, with ``kd.method``, ``params`` and ``top1``.

    Returns:
        Those within the sizes of ``none``, of methods that have at least `LEAST` there.
    """
    sizes = students.loc[students["kd.method"] == BASELINE, "params"]
    rows = students[students["params"].between(sizes.min(), sizes.max())]
    counts = rows["kd.method"].value_counts()
    return rows[rows["kd.method"].isin(counts.index[counts >= LEAST])]


def _curve(size: _Array) -> list[_Array]:
    """Span all continuous curves of straight pieces, each column ``(n,)``."""
    n_pieces = min(max(len(size) // _TRIALS_A_PIECE, 1), _MOST_PIECES)
    knots = np.quantile(size, np.arange(1, n_pieces) / n_pieces)
    return [
        np.ones_like(size),
        size - size.mean(),
        *(np.maximum(size - knot, 0) for knot in knots),
    ]


def _fit(design: _Array, top1: _Array) -> tuple[_Array, _Array] | None:
    """Find coefficients and their margins; None where a student alone decides on one.

    A coefficient that others can stand in for is NaN. Where students have few sizes, columns of
    the curve can stand in for each other, which takes nothing from the gains.
    """
    left, scale, right = np.linalg.svd(design, full_matrices=False)
    rank = int((scale > scale[0] * max(design.shape) * np.finfo(float).eps).sum())
    left = left[:, :rank]
    inverse = (right[:rank].T / scale[:rank]) @ left.T
    spare = 1 - (left**2).sum(axis=1)
    if spare.min() < 1e-9:
        return None
    coefficients = inverse @ top1
    is_open = (right[:rank] ** 2).sum(axis=0) < 1 - 1e-9  # its unit vector is no sum of students
    changes = inverse * ((top1 - design @ coefficients) / spare)
    quantile = student_t.ppf((1 + _CONFIDENCE) / 2, len(top1) - rank)
    found = np.where(is_open, np.nan, coefficients)
    return found, quantile * np.sqrt((changes**2).sum(axis=1))
