"""Expected hypervolume improvement where some coordinates are known and some predicted.

Size is known before training. A candidate's improvement is then a sum over the open boxes of the
front of products: an exact length along a known coordinate, an expected one along a predicted
coordinate. Predictions of several outcomes are taken as independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

from autokd.pareto import open_boxes
from autokd.pareto.arrays import Floats
from autokd.sampler.warp import Warp

__all__ = ["Predicted", "expected_improvement"]

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

    def below(self, edges: Floats) -> Floats:
        """Say how far below some edges the outcome is expected to be, where it is below.

        Undone, the warp makes a normal a shifted log-normal, of which this is the value of a put
        option (Black and Scholes 1973, J. Polit. Econ. 81).

        Args:
            edges: Outcomes, ``(edges,)``.

        Returns:
            ``E[max(edge - outcome, 0)]``, ``(candidates, edges)``.
        """
        mean = (self.mean * self.warp.scale + self.warp.shift)[:, np.newaxis]
        deviation = (self.deviation * self.warp.scale)[:, np.newaxis]
        # In units of the spread, from the least that any outcome can be.
        strikes = np.maximum((edges - self.warp.best) / self.warp.spread + 1, 0.0)
        with np.errstate(divide="ignore"):
            apart = (np.log(strikes) - mean) / deviation
        paid = np.exp(mean + deviation**2 / 2 + log_ndtr(apart - deviation))
        return np.asarray(self.warp.spread * np.maximum(strikes * ndtr(apart) - paid, 0.0))


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
        expectations); known coordinates are their case of no variance.
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
    edges, inverse = np.unique(np.concatenate([lower, upper]), return_inverse=True)
    if isinstance(coordinate, Predicted):
        below = coordinate.below(edges)
    else:
        below = np.maximum(edges - coordinate[:, np.newaxis], 0.0)
    return np.asarray(below[:, inverse[len(lower) :]] - below[:, inverse[: len(lower)]])


def _chunk(coordinates: Sequence[Floats | Predicted]) -> int:
    first = coordinates[0]
    n_candidates = len(first.mean) if isinstance(first, Predicted) else len(first)
    return max(1, _BLOCK // max(n_candidates, 1))
