"""Fronts behind fronts, kept up to date while points arrive one by one.

Sorting ten thousand points anew for each that arrives takes a second; adding one to what is sorted
already takes a few milliseconds, and asking where one would stand less than one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from autokd.pareto.arrays import Floats, Integers, Mask, as_point

__all__ = ["Levels", "Standing"]

_FIRST_CAPACITY = 64


class Standing(NamedTuple):
    """Where a point would stand among others.

    Attributes:
        rank: Its Pareto rank, 0 is best.
        n_ahead: Points of better rank.
        peers: Points of the same rank, ``(peers, objectives)``.
    """

    rank: int
    n_ahead: int
    peers: Floats


class Levels:
    """Points by Pareto rank.

    Args:
        n_objectives: Objectives of a point, >= 1.

    Source: Li et al. 2014, "Efficient non-domination level update approach for steady-state
        evolutionary multiobjective optimization" (what is updated: a point pushes those that it
        dominates on its level to the next, and so on).
    """

    def __init__(self, n_objectives: int) -> None:
        self._values = np.empty((_FIRST_CAPACITY, n_objectives))
        self._ranks = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def ranks(self) -> Integers:
        """Rank of each point in the order of arrival, >= 0, ``(points,)``."""
        return self._ranks[: self._n]

    @property
    def n_ranks(self) -> int:
        """Number of ranks, 0 without points."""
        return int(self.ranks.max(initial=-1)) + 1

    def add(self, point: ArrayLike) -> None:
        """Add a point.

        Args:
            point: Minimised values, ``(objectives,)``.

        Raises:
            ShapeError: If the shape is another.
            ValueError: If a value is not finite.
        """
        one = as_point(point, n_objectives=self._values.shape[1])
        rank = self._rank_of(one)
        self._append(one, rank)
        moved = np.array([self._n - 1])
        while len(moved):
            level = np.flatnonzero(self.ranks == rank)
            rivals = level[~np.isin(level, moved)]
            beaten = _dominates(self._values[moved], self._values[rivals]).any(axis=0)
            moved = rivals[beaten]
            rank += 1
            self._ranks[moved] = rank

    def standing(self, point: ArrayLike) -> Standing:
        """Say where a point would stand, without adding it.

        Args:
            point: Minimised values, ``(objectives,)``.

        Returns:
            Its standing. A point of its rank that it would push to the next is no peer.

        Raises:
            ShapeError: If the shape is another.
            ValueError: If a value is not finite.
        """
        one = as_point(point, n_objectives=self._values.shape[1])
        rank = self._rank_of(one)
        peers = self._values[: self._n][self.ranks == rank]
        stay = ~_dominates(one[np.newaxis], peers)[0]
        return Standing(rank, int((self.ranks < rank).sum()), peers[stay])

    def _rank_of(self, one: Floats) -> int:
        dominators = _dominates(self._values[: self._n], one[np.newaxis])[:, 0]
        return int(self.ranks[dominators].max(initial=-1)) + 1

    def _append(self, one: Floats, rank: int) -> None:
        if self._n == len(self._ranks):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
            self._ranks = np.concatenate([self._ranks, np.empty_like(self._ranks)])
        self._values[self._n] = one
        self._ranks[self._n] = rank
        self._n += 1


def _dominates(ones: Floats, others: Floats) -> Mask:
    """Who dominates whom, ``(ones, others)``."""
    nowhere_worse = np.ones((len(ones), len(others)), dtype=np.bool_)
    somewhere_better = np.zeros_like(nowhere_worse)
    for i in range(ones.shape[1]):
        mine, theirs = ones[:, np.newaxis, i], others[np.newaxis, :, i]
        nowhere_worse &= mine <= theirs
        somewhere_better |= mine < theirs
    return nowhere_worse & somewhere_better
