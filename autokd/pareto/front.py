"""Who dominates whom: the Pareto front, the fronts behind it, and the knee of the first.

Exact comparisons only: two values are equal or they are not, no tolerance decides dominance.
"""

import numpy as np
from numpy.typing import ArrayLike

from autokd.pareto.arrays import Floats, Integers, Mask, as_point, as_points

__all__ = ["dominates", "is_front", "knee", "ranks"]

# Points compared at once: enough to keep numpy busy, few enough for the processor's cache.
_BLOCK = 256

# Distances from the chord (of a front scaled to the unit square) that differ by less are rounding.
_TIE = 1e-12


def dominates(a: ArrayLike, b: ArrayLike) -> bool:
    """Say whether one point is nowhere worse than another, and somewhere better.

    Args:
        a: Minimised values of the one, ``(objectives,)``.
        b: Minimised values of the other, same shape.

    Returns:
        True if a dominates b; equal points do not dominate each other.

    Raises:
        ShapeError: If either is not ``(objectives,)``, or the shapes differ.
        ValueError: If a value is not finite.
    """
    one = as_point(a)
    other = as_point(b, n_objectives=len(one))
    return bool((one <= other).all() and (one < other).any())


def is_front(values: ArrayLike) -> Mask:
    """Mark the points that no other point dominates.

    Args:
        values: Minimised values, ``(points, objectives)``.

    Returns:
        Mask, ``(points,)``; of equal points all or none are marked.

    Raises:
        ShapeError: If values is not two-dimensional.
        ValueError: If a value is not finite.

    Source: Kung, Luccio, Preparata 1975, J. ACM 22(4), for the sorting.
    """
    distinct, inverse = _distinct(as_points(values))
    mask = np.ones(len(distinct), dtype=np.bool_)
    if distinct.shape[1] == 2:
        second = distinct[:, 1]
        mask[1:] = second[1:] < np.minimum.accumulate(second)[:-1]
        return mask[inverse]
    front = distinct[:0]
    for start in range(0, len(distinct), _BLOCK):
        block = distinct[start : start + _BLOCK]
        beaten = _beats(front, block).any(axis=0) | np.triu(_beats(block, block), 1).any(axis=0)
        mask[start : start + _BLOCK] = ~beaten
        front = np.concatenate([front, block[~beaten]])
    return mask[inverse]


def ranks(values: ArrayLike) -> Integers:
    """Sort points into fronts: rank 0 is the front, rank 1 the front of the others, and so on.

    Args:
        values: Minimised values, ``(points, objectives)``.

    Returns:
        Rank of each point, >= 0, ``(points,)``; equal points share one.

    Raises:
        ShapeError: If values is not two-dimensional.
        ValueError: If a value is not finite.

    Source: Deb et al. 2002, IEEE Trans. Evol. Comput. 6(2), section III-A (what is computed). The
        computation is ours: the rank is the length of the longest chain of dominating points.
    """
    distinct, inverse = _distinct(as_points(values))
    rank = np.zeros(len(distinct), dtype=np.int64)
    for start in range(0, len(distinct), _BLOCK):
        block = distinct[start : start + _BLOCK]
        found = rank[start : start + _BLOCK]
        below = rank[:start, np.newaxis] + 1
        found[:] = (_beats(distinct[:start], block) * below).max(axis=0, initial=0)
        inside = _beats(block, block)
        for i in range(1, len(block)):
            found[i] = max(found[i], (inside[:i, i] * (found[:i] + 1)).max())
    return rank[inverse]


def knee(top1: ArrayLike, params: ArrayLike) -> int:
    """Find the student after which more params buy least: the farthest beyond the chord.

    The front is scaled to the unit square in (log10 params, top1); the chord joins its smallest
    and its most accurate student. Dominated students are never the knee and move nothing.

    Args:
        top1: Fractions correct in [0, 1], ``(points,)``.
        params: Counts of weights, > 0, ``(points,)``.

    Returns:
        Index of the knee. Ties go to fewer params, equal students to the first. Where there is no
        knee, the index of the highest top1: a front of fewer than three different students, or
        none beyond the chord.

    Raises:
        ShapeError: If top1 and params are not ``(points,)`` with the same number of points.
        ValueError: If there are no points, a value is not finite, or a count is not > 0.

    Source: Das 1999, Structural Optimization 18 (farthest from the chord, on the better side).
    """
    accuracy = as_point(top1)
    values = np.stack([as_point(params, n_objectives=len(accuracy)), -accuracy], axis=1)
    if not len(values) or (values[:, 0] <= 0).any():
        raise ValueError("a knee needs at least one point, and params > 0")
    members = np.flatnonzero(is_front(values))
    front, inverse = _distinct(values[members])
    beyond = _scaled(-front[:, 1]) - _scaled(np.log10(front[:, 0]))
    best = len(front) - 1
    if beyond.max() > _TIE:
        best = int(np.argmax(beyond >= beyond.max() - _TIE))
    return int(members[np.argmax(inverse == best)])


def _scaled(values: Floats) -> Floats:
    span = float(np.ptp(values))
    return np.asarray((values - values.min()) / (span or 1.0))


def _distinct(points: Floats) -> tuple[Floats, Integers]:
    """Different points in lexicographic order, and the place there of each given point."""
    order = np.lexsort(points.T[::-1])
    ordered = points[order]
    is_new = np.ones(len(points), dtype=np.bool_)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    inverse = np.empty(len(points), dtype=np.int64)
    inverse[order] = np.cumsum(is_new) - 1
    return ordered[is_new], inverse


def _beats(earlier: Floats, later: Floats) -> Mask:
    """Who dominates whom, ``(earlier, later)``, among different points in lexicographic order."""
    result = np.ones((len(earlier), len(later)), dtype=np.bool_)
    # The order settles the first objective, and that the points differ settles "somewhere better".
    for i in range(1, earlier.shape[1]):
        result &= earlier[:, np.newaxis, i] <= later[np.newaxis, :, i]
    return result
