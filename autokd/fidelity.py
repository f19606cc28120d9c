"""The ladder of rungs, and the race that decides at each rung whether a trial trains on.

The race is asynchronous successive halving in its stopping variant: a trial that reaches a rung
is compared with those that reached it before and either trains on or stops; it is never paused,
and no earlier verdict is revised. With several objectives "better" has two levels: Pareto rank,
and inside a rank the order in which greedy choice by hypervolume would take the points. Whether a
sampler may propose again what was stopped is not the race's business (`autokd.search.repeats`).

Two things differ from the published multi-objective race, because the size of a student is known
and searched, so that the smallest one is never dominated. Results outside the reference point
rank behind all others and stop. And spread is measured as hypervolume, where the published
epsilon-net keeps points for being far from the others: here the smallest student goes on for the
space that it dominates, not for having no neighbour.

Left out: promoting later what was stopped, when the rung has filled up, and Hyperband's
brackets of several ladders.
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from autokd.errors import DefinitionError
from autokd.pareto import Levels, gain
from autokd.pareto.arrays import Floats, as_point, as_points

__all__ = ["Ladder", "Rung", "Verdict", "goes_on"]

_FEW = 8
"""Results of one rank that are put in order even where their rank alone decides."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The fidelities at which trials are compared.

    Attributes:
        rungs: Epochs, each >= 1, strictly rising, at least one; the last is the top rung.

    Raises:
        DefinitionError: If the rungs are no such numbers.
    """

    rungs: tuple[int, ...]

    def __post_init__(self) -> None:
        below = (0, *self.rungs[:-1])
        is_rising = all(_is_int(b) and a < b for a, b in zip(below, self.rungs, strict=False))
        if not self.rungs or not is_rising:
            raise DefinitionError(f"rungs {self.rungs} are not rising whole epochs, each >= 1")

    @classmethod
    def geometric(cls, min_epochs: int, max_epochs: int, eta: int) -> Self:
        """Divide the epochs of the top rung by eta, rounding down, as long as enough remain.

        Args:
            min_epochs: Lower bound of the lowest rung, epochs, in [1, max_epochs].
            max_epochs: The top rung, epochs, >= 1.
            eta: Ratio between rungs, >= 2.

        Returns:
            The rungs ``max_epochs // eta**k`` that are >= min_epochs; the top rung alone, a
            ladder without a race, if min_epochs exceeds ``max_epochs // eta``.

        Raises:
            DefinitionError: If a number is not whole or outside its interval.

        Source: Li et al. 2018, arXiv:1810.05934, section 3.1: r, R and eta are min_epochs,
            max_epochs and eta. There rungs are r * eta**k; here the top one is exact, since a
            student is judged by it. Integers throughout: log(243) / log(3) is below 5 in floats.
        """
        _check_eta(eta)
        if not _is_int(max_epochs) or max_epochs < 1:
            raise DefinitionError(f"max_epochs {max_epochs} is not a whole number >= 1")
        if not _is_int(min_epochs) or not 1 <= min_epochs <= max_epochs:
            legal = f"a whole number in [1, {max_epochs}]"
            raise DefinitionError(f"min_epochs {min_epochs} is not {legal}")
        rungs = [max_epochs]
        while rungs[-1] // eta >= min_epochs:
            rungs.append(rungs[-1] // eta)
        return cls(tuple(reversed(rungs)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the race says of a trial that reached a rung.

    Attributes:
        goes_on: Whether the trial trains on.
        reason: Why, in one line for the record.
        rank: Pareto rank among the results at the rung, 0 is best; results outside the reference
            point share the rank behind all others.
        place: Place among the results at the rung, 1 is best. Where the rank alone decides and
            more than eight share it, the best place that one of that rank can have.
        n: Results at the rung, this one included, >= 1.
    """

    goes_on: bool
    reason: str
    rank: int
    place: int
    n: int


def goes_on(candidate: ArrayLike, others: ArrayLike, *, reference: ArrayLike, eta: int) -> Verdict:
    """Decide whether a trial that has reached a rung trains on.

    With fewer than eta results at the rung, this one included, it does: there is nothing to halve
    yet. After that a result outside the reference point stops, and of the n results inside it, as
    soon as they are eta, the best ``n // eta`` go on: rounded down so that no more than one in eta
    is promoted, and counted among those inside, since a share of failures would promote nearly all
    that is not one. With several objectives a result that no other dominates goes on too, as long
    as it is among the better half of the n: a stopped trial seldom comes back, and one on the
    rung's front is not worse than the others there, only in a more crowded or a smaller place.
    Results are ordered by

    1. being below the reference point in every objective: no other result counts as good;
    2. Pareto rank;
    3. the turn in which greedy choice takes them within their rank: always the one that adds most
       hypervolume to those already taken, and of others that add as much the one lower in the
       first objective, then in the next. The first is the best compromise, a near copy of it
       comes late, and an extreme comes when what it dominates is worth it, not before. Gains that
       are equal but for rounding are not told from different ones;
    4. the order of arrival: the candidate comes after its equals.

    Args:
        candidate: Minimised values of the trial, ``(objectives,)``.
        others: Minimised values of the trials that reached this rung before, in any order,
            ``(trials, objectives)``; ``(0, objectives)`` for the first.
        reference: Reference point of the study, ``(objectives,)``.
        eta: One in eta goes on, >= 2.

    Returns:
        The verdict. Among others the order does not matter.

    Raises:
        DefinitionError: If eta is not a whole number >= 2.
        ShapeError: If the shapes do not fit.
        ValueError: If a value is not finite.

    Source: Li et al. 2018, arXiv:1810.05934, algorithm 2 (asynchronous halving, top 1 / eta of a
        rung); Klein et al. 2020, arXiv:2003.10865 (stopping variant); Schmucker et al. 2021,
        arXiv:2106.12639 (ranking by fronts, then by a measure of spread); Guerreiro et al. 2016,
        Evol. Comput. 24(3) (greedy choice by hypervolume).
    """
    values = as_points(others)
    rung = Rung(as_point(reference, n_objectives=values.shape[1]), eta=eta)
    for row in values:
        rung.add(row)
    return rung.judge(candidate)


class Rung:
    """The results at one rung, and what they mean for the next; `goes_on` states the rule.

    Args:
        reference: Reference point of the study, ``(objectives,)``.
        eta: One in eta goes on, >= 2.

    Raises:
        DefinitionError: If eta is not a whole number >= 2.
    """

    def __init__(self, reference: ArrayLike, *, eta: int) -> None:
        _check_eta(eta)
        self._reference = as_point(reference)
        self._eta = eta
        self._inside = Levels(len(self._reference))
        self._n = 0

    def add(self, values: ArrayLike) -> None:
        """Add a result.

        Args:
            values: Minimised values of a trial, ``(objectives,)``.

        Raises:
            ShapeError: If the shape does not fit.
            ValueError: If a value is not finite.
        """
        one = as_point(values, n_objectives=len(self._reference))
        self._n += 1
        if (one < self._reference).all():
            self._inside.add(one)

    def judge(self, values: ArrayLike) -> Verdict:
        """Decide whether a trial trains on, without adding its result.

        Args:
            values: Minimised values of the trial, ``(objectives,)``.

        Returns:
            The verdict, by the results added so far.

        Raises:
            ShapeError: If the shape does not fit.
            ValueError: If a value is not finite.
        """
        one = as_point(values, n_objectives=len(self._reference))
        n, eta = self._n + 1, self._eta
        if not (one < self._reference).all():
            rank = self._inside.n_ranks
            if n >= eta:
                return Verdict(False, "not inside the reference point", rank, n, n)
            return Verdict(True, _begins(n, "at this rung", eta), rank, n, n)
        rank, n_ahead, peers = self._inside.standing(one)
        n_inside = len(self._inside) + 1
        on_front = rank == 0 and len(one) > 1
        n_promoted = (n_inside + 1) // 2 if on_front else n_inside // eta
        place = n_ahead + 1
        rank_decides = place > n_promoted or place + len(peers) <= n_promoted
        if len(peers) <= _FEW or not rank_decides:
            place += _n_taken_before(one, peers, self._reference)
        if n < eta:
            return Verdict(True, _begins(n, "at this rung", eta), rank, place, n)
        if n_inside < eta:
            reason = _begins(n_inside, "inside the reference point", eta)
            return Verdict(True, reason, rank, place, n)
        reason = f"place {place} of {n_inside} (Pareto rank {rank}), the first {n_promoted} go on"
        return Verdict(place <= n_promoted, reason, rank, place, n)


def _begins(n: int, where: str, eta: int) -> str:
    return f"result {n} {where}, the race begins with {eta}"


def _n_taken_before(candidate: Floats, peers: Floats, reference: Floats) -> int:
    """How many peers the greedy choice by hypervolume takes before the candidate."""
    # Sorted, so that the order of arrival among the peers cannot decide; the candidate is last.
    points = np.vstack([peers[np.lexsort(peers.T[::-1])], candidate])
    taken = points[:0]
    # A gain only falls while points are taken: one that is still largest when measured anew is
    # the largest of all, and most others need no new measurement.
    queue = [(-np.inf, i) for i in range(len(points))]
    while True:
        _, i = heappop(queue)
        measured = (-gain(points[i], taken, reference), i)
        if queue and measured > queue[0]:
            heappush(queue, measured)
        elif i == len(peers):
            return len(taken)
        else:
            taken = np.vstack([taken, points[i]])


def _check_eta(eta: int) -> None:
    if not _is_int(eta) or eta < 2:
        raise DefinitionError(f"eta {eta} is not a whole number >= 2")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
