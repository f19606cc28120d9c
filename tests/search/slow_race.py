"""A slow, obvious race, for tests: it decides what `autokd.fidelity.goes_on` states.

It knows the rule and nothing of how the package computes it: fronts are peeled, volumes are sums
of boxes in whole numbers, so without rounding, and every verdict is worked out anew.

The package computes volumes in floats. Where two points add as much as each other but for
rounding, it may take the other one first; `is_close_call` tells such cases.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, product
from math import prod

from autokd.fidelity import Verdict

__all__ = ["Point", "is_close_call", "peeled", "slow_verdict", "turn"]

Point = tuple[float, ...]

FEW = 8


def slow_verdict(new: Point, earlier: Sequence[Point], *, reference: Point, eta: int) -> Verdict:
    n = len(earlier) + 1
    inside = [point for point in [*sorted(earlier), new] if is_below(point, reference)]
    fronts = peeled(inside)
    if not is_below(new, reference):
        reason = "not inside the reference point"
        if n < eta:
            reason = f"result {n} at this rung, the race begins with {eta}"
        return Verdict(n < eta, reason, len(fronts), n, n)

    last = len(inside) - 1
    (rank,) = (i for i, front in enumerate(fronts) if last in front)
    n_ahead = sum(len(front) for front in fronts[:rank])
    n_promoted = len(inside) // eta
    if rank == 0 and len(new) > 1:
        n_promoted = -(-len(inside) // 2)
    places = range(n_ahead + 1, n_ahead + len(fronts[rank]) + 1)
    place = places[turn([inside[i] for i in fronts[rank]], reference)]
    wins = place <= n_promoted
    is_decided_by_rank = len({each <= n_promoted for each in places}) == 1
    if is_decided_by_rank and len(places) - 1 > FEW:
        place = places[0]
    reason = f"place {place} of {len(inside)} (Pareto rank {rank}), the first {n_promoted} go on"
    if len(inside) < eta:
        reason = f"result {len(inside)} inside the reference point, the race begins with {eta}"
    if n < eta:
        reason = f"result {n} at this rung, the race begins with {eta}"
    return Verdict(n < eta or len(inside) < eta or wins, reason, rank, place, n)


def is_below(point: Point, reference: Point) -> bool:
    return all(p < r for p, r in zip(point, reference, strict=True))


def dominates(a: Point, b: Point) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def peeled(points: Sequence[Point]) -> list[list[int]]:
    """Indices of the front, of the front of the others, and so on."""
    left, fronts = list(range(len(points))), []
    while left:
        fronts.append([i for i in left if not any(dominates(points[j], points[i]) for j in left)])
        left = [i for i in left if i not in fronts[-1]]
    return fronts


def turn(front: Sequence[Point], reference: Point) -> int:
    """How many of a front are taken before its last; of those that add as much, the first is."""
    taken = [best for best, _ in choices(front, reference)]
    return taken.index(len(front) - 1)


def is_close_call(new: Point, earlier: Sequence[Point], *, reference: Point) -> bool:
    """Whether two different ones on the new one's front ever add as much, but for rounding."""
    inside = [point for point in [*sorted(earlier), new] if is_below(point, reference)]
    (front,) = (front for front in peeled(inside) if len(inside) - 1 in front)
    return any(
        (largest - second) * 10**12 < largest
        for _, (largest, second, *_) in choices(sorted({inside[i] for i in front}), reference)
    )


def choices(front: Sequence[Point], reference: Point) -> Iterator[tuple[int, list[int]]]:
    """What greedy choice takes, each time with what all that are left add: largest first."""
    points = [[whole(value) for value in point] for point in front]
    corner = [whole(value) for value in reference]
    # Lines through every point cut the space into boxes that a point covers or does not.
    lines = [sorted({*axis, end}) for *axis, end in zip(*points, corner, strict=True)]
    volumes = {
        tuple(low for low, _ in box): prod(high - low for low, high in box)
        for box in product(*(list(pairwise(axis)) for axis in lines))
    }
    covered = [
        {box for box in volumes if all(p <= low for p, low in zip(point, box, strict=True))}
        for point in points
    ]
    left = list(range(len(points)))
    while left:
        gains = {i: sum(volumes[box] for box in covered[i]) for i in left}
        best = max(left, key=lambda i: gains[i])
        yield best, [*sorted(gains.values(), reverse=True), 0]  # a last one is followed by none
        left.remove(best)
        covered = [boxes - covered[best] for boxes in covered]


def whole(value: float) -> int:
    return int(Fraction(value) * 2**1074)  # exact: any double is a multiple of 2**-1074
