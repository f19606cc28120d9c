"""Hypervolume: how much of the space inside the reference point a set of points dominates.

Exact for any number of objectives. Two halves call each other: the volume of a set is cut into
slices along the last objective, whose areas are the running volume of one objective fewer; and
the running volume grows by what each point adds, its box less the volume that others cover of it.

Left out: approximations. The exact volume takes milliseconds for some hundred points and up to
four objectives; each further objective multiplies its time by about the number of points.
"""

from bisect import bisect_left

import numpy as np
from numpy.typing import ArrayLike

from autokd.pareto.arrays import Floats, Mask, as_point, as_points
from autokd.pareto.front import is_front

__all__ = ["contributions", "gain", "hypervolume", "hypervolume_history"]


def hypervolume(values: ArrayLike, reference: ArrayLike) -> float:
    """Measure the space that the points dominate inside the reference point, exactly.

    Args:
        values: Minimised values, ``(points, objectives)``; dominated and equal points do no harm.
        reference: Reference point, ``(objectives,)``.

    Returns:
        Hypervolume, >= 0. A point that is not below the reference in every objective counts
        nothing; no points have none.

    Raises:
        ShapeError: If the shapes do not fit.
        ValueError: If a value is not finite.

    Source: Zitzler, Thiele 1998, PPSN V (the measure). While et al. 2006, IEEE Trans. Evol.
        Comput. 10(1) (slices along an objective) and 2012, ibid. 16(1) (box less what is covered).
    """
    points, corner, is_inside = _inside(values, reference)
    return _volume(points[is_inside], corner)


def gain(point: ArrayLike, values: ArrayLike, reference: ArrayLike) -> float:
    """Measure the hypervolume that one point adds to others.

    Args:
        point: Minimised values of the point, ``(objectives,)``.
        values: Minimised values of the others, ``(points, objectives)``.
        reference: Reference point, ``(objectives,)``.

    Returns:
        Added hypervolume, >= 0; exactly 0 if the point is outside the reference, or if another
        dominates or equals it.

    Raises:
        ShapeError: If the shapes do not fit.
        ValueError: If a value is not finite.
    """
    points, corner, is_inside = _inside(values, reference)
    one = as_point(point, n_objectives=len(corner))
    return _gain(one, points[is_inside], corner) if (one < corner).all() else 0.0


def contributions(values: ArrayLike, reference: ArrayLike) -> Floats:
    """Measure the hypervolume that each point alone accounts for.

    Args:
        values: Minimised values, ``(points, objectives)``.
        reference: Reference point, ``(objectives,)``.

    Returns:
        What the hypervolume loses without the point, >= 0, ``(points,)``; 0 for points that have
        an equal, are dominated, or are outside the reference.

    Raises:
        ShapeError: If the shapes do not fit.
        ValueError: If a value is not finite.
    """
    points, corner, is_inside = _inside(values, reference)
    result = np.zeros(len(points))
    for i in np.flatnonzero(is_inside & is_front(points)):
        # Dominated points too: what only this point dominated would take its place.
        is_other = is_inside & (np.arange(len(points)) != i)
        result[i] = _gain(points[i], points[is_other], corner)
    return result


def hypervolume_history(values: ArrayLike, reference: ArrayLike) -> Floats:
    """Measure the hypervolume of the first point, the first two, and so on.

    Args:
        values: Minimised values in the order of their arrival, ``(points, objectives)``.
        reference: Reference point, ``(objectives,)``.

    Returns:
        Hypervolume after each point, ``(points,)``; never falls.

    Raises:
        ShapeError: If the shapes do not fit.
        ValueError: If a value is not finite.
    """
    points, corner, is_inside = _inside(values, reference)
    after = np.concatenate([[0.0], _running(points[is_inside], corner)])
    return after[np.cumsum(is_inside)]


def _inside(values: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats, Mask]:
    points = as_points(values)
    corner = as_point(reference, n_objectives=points.shape[1])
    is_inside: Mask = np.all(points < corner, axis=1)
    return points, corner, is_inside


def _volume(points: Floats, reference: Floats) -> float:
    """Hypervolume as slices along the last objective; every point lies inside the reference."""
    if points.shape[1] == 1:
        return float(reference[0] - points.min(initial=reference[0]))
    points = points[np.argsort(points[:, -1], kind="stable")]
    thickness = np.diff(points[:, -1], append=reference[-1])
    return float(_running(points[:, :-1], reference[:-1]) @ thickness)


def _running(points: Floats, reference: Floats) -> Floats:
    """Hypervolume after each point; every point lies inside the reference."""
    if points.shape[1] == 1:
        return np.asarray(reference[0] - np.minimum.accumulate(points[:, 0]))
    if points.shape[1] == 2:
        return _running_area(points, reference)
    gains, front = np.zeros(len(points)), points[:0]
    for i, point in enumerate(points):
        gains[i] = _gain(point, front, reference)
        if gains[i] > 0:
            front = np.vstack([front[(front < point).any(axis=1)], point])
    return np.cumsum(gains)


def _gain(point: Floats, others: Floats, reference: Floats) -> float:
    """Box of the point, less what the others cover of it."""
    if (others <= point).all(axis=1).any():
        return 0.0
    covered = _volume(np.maximum(others, point), reference)
    return max(float(np.prod(reference - point)) - covered, 0.0)  # rounding may pass below zero


def _running_area(points: Floats, reference: Floats) -> Floats:
    # The front as a staircase, x rising and y falling, between two ends that no point reaches.
    xs, ys = [-np.inf, float(reference[0])], [float(reference[1]), -np.inf]
    return np.cumsum([_step(xs, ys, x, y) for x, y in points.tolist()], dtype=np.float64)


def _step(xs: list[float], ys: list[float], x: float, y: float) -> float:
    """Put one point into the staircase and return the area that it adds."""
    first = last = bisect_left(xs, x)
    left, top, added = x, ys[first - 1], 0.0
    if top <= y:
        return 0.0
    while ys[last] >= y:
        added += (xs[last] - left) * (top - y)
        left, top, last = xs[last], ys[last], last + 1
    added += (xs[last] - left) * (top - y)
    xs[first:last], ys[first:last] = [x], [y]
    return added
