"""The space that is still to be won, as boxes that do not overlap.

What a new point would add to the hypervolume is the volume that it dominates inside these boxes,
a sum over boxes of products over objectives. That form stays easy where a coordinate of the point
is not known but has a distribution: a sampler's expected improvement is a sum of products too.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from autokd.pareto.arrays import Floats, as_point, as_points
from autokd.pareto.front import is_front

__all__ = ["open_boxes"]


def open_boxes(values: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    """Cut the space below the reference point that no point dominates into boxes.

    Args:
        values: Minimised values, ``(points, objectives)``; points outside the reference point,
            dominated and equal ones do no harm.
        reference: Reference point, ``(objectives,)``.

    Returns:
        Lower and upper corners, each ``(boxes, objectives)``; a lower corner may be -inf. A point
        y adds ``sum over boxes of prod over objectives of max(0, upper - max(lower, y))``. For n
        members of a front there are at most n + 1 boxes with two objectives and
        (n + 1) (n + 2) / 2 with three; each further objective multiplies by about n.

    Raises:
        ShapeError: If the shapes do not fit.
        ValueError: If a value is not finite.

    Source: Yang et al. 2019, J. Global Optim. 75 (expected improvement by slices along an
        objective); the recursion over objectives is ours.
    """
    points = as_points(values)
    corner = as_point(reference, n_objectives=points.shape[1])
    inside = points[(points < corner).all(axis=1)]
    return _boxes(np.unique(inside[is_front(inside)], axis=0), corner)


def _boxes(front: Floats, corner: Floats) -> tuple[Floats, Floats]:
    if len(corner) == 1:
        return np.full((1, 1), -np.inf), np.full((1, 1), front[:, 0].min(initial=corner[0]))
    if not len(front):
        return np.full((1, len(corner)), -np.inf), corner[np.newaxis]
    edges = np.array([-np.inf, *np.unique(front[:, -1]), corner[-1]])
    lowers, uppers = [], []
    for below, above in pairwise(edges):
        covering = front[front[:, -1] <= below, :-1]
        lower, upper = _boxes(np.unique(covering[is_front(covering)], axis=0), corner[:-1])
        lowers.append(np.column_stack([lower, np.full(len(lower), below)]))
        uppers.append(np.column_stack([upper, np.full(len(upper), above)]))
    return np.concatenate(lowers), np.concatenate(uppers)
