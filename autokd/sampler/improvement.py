"""Expected hypervolume improvement where some coordinates are known and some predicted.

Size is known before training. A candidate's improvement is then a sum over the open boxes of the
front of products: an exact length along a known coordinate, an expected one along a predicted
coordinate. Predictions of several outcomes are taken as independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autokd.pareto import open_boxes
from autokd.pareto.arrays import Floats
from autokd.sampler.warp import Warp

__all__ = ["Predicted", "expected_improvement"]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_BLOCK = 2_000_000


@dataclass(frozen=True, slots=True)
class Predicted:
    """An outcome of some candidates, normal after its warp.

    Attributes:
        mean: Warped means, ``(candidates,)``.
        deviation: Warped standard deviations, > 0, ``(candidates,)``.
        warp: From outcomes to warped ones.
    """

    mean: Floats
    deviation: Floats
    warp: Warp

    def outcomes(self) -> Floats:
        """Give outcomes that stand for the distribution, with the weights of the quadrature.

        Returns:
            Outcomes, ``(candidates, nodes)``.
        """
        return self.warp.back(self.mean[:, np.newaxis] + self.deviation[:, np.newaxis] * _NODES)


def expected_improvement(
    coordinates: Sequence[Floats | Predicted], front: Floats, reference: Floats
) -> Floats:
    """Say by how much each candidate is expected to enlarge the hypervolume.

    Args:
        coordinates: For each objective the candidates' known values, ``(candidates,)``, or
            predictions; minimised.
        front: Minimised values of the points so far, ``(points, objectives)``.
        reference: Reference point, ``(objectives,)``.

    Returns:
        Expected improvement, >= 0, ``(candidates,)``.

    Source: Yang et al. 2019, J. Global Optim. 75 (sum over boxes of products of one-dimensional
        expectations); known coordinates are their case of no variance. The expectations are
        Gauss-Hermite sums with 24 nodes, since a warped normal has no closed form.
    """
    lower, upper = open_boxes(front, reference)
    size = _chunk(coordinates)
    parts = []
    for first in range(0, len(lower), size):
        some = slice(first, first + size)
        lengths = [_length(c, lower[some, i], upper[some, i]) for i, c in enumerate(coordinates)]
        parts.append(np.prod(lengths, axis=0).sum(axis=1))
    return np.asarray(np.sum(parts, axis=0))


def _length(coordinate: Floats | Predicted, lower: Floats, upper: Floats) -> Floats:
    """Expected length inside each box beyond the candidate, ``(candidates, boxes)``."""
    if isinstance(coordinate, Predicted):
        values, weights = coordinate.outcomes(), _WEIGHTS
    else:
        values, weights = coordinate[:, np.newaxis], np.ones(1)
    edges, inverse = np.unique(np.concatenate([lower, upper]), return_inverse=True)
    below = np.zeros((len(values), len(edges)))
    for j, edge in enumerate(edges.tolist()):
        if edge != -np.inf:
            below[:, j] = np.maximum(edge - values, 0.0) @ weights
    return np.asarray(below[:, inverse[len(lower) :]] - below[:, inverse[: len(lower)]])


def _chunk(coordinates: Sequence[Floats | Predicted]) -> int:
    first = coordinates[0]
    n_candidates = len(first.mean) if isinstance(first, Predicted) else len(first)
    return max(1, _BLOCK // max(n_candidates, 1))
