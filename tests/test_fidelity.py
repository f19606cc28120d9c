"""The ladder in exact integers; the race against a slow one that counts cells."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autokd.errors import DefinitionError, ShapeError
from autokd.fidelity import Ladder, Verdict, goes_on
from autokd.pareto.arrays import Floats

SIDE = 3
Rows = list[list[float]]
# The last row is the candidate. Whole numbers up to and beyond the reference (SIDE, ...).
RESULTS = st.tuples(st.integers(1, 12), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, SIDE).map(float))
)
STUDENTS = np.random.default_rng(0).random((40, 2))


def race(values: Floats | Rows, *, side: float = SIDE, eta: int = 3) -> Verdict:
    results = np.asarray(values, dtype=np.float64)
    reference = np.full(results.shape[1], float(side))
    return goes_on(results[-1], results[:-1], reference=reference, eta=eta)


def slow_place(values: Rows) -> tuple[int, int]:
    """Rank and place of the last result: fronts peeled, cells counted, all gains anew."""

    def cells(point: list[float]) -> set[tuple[int, ...]]:
        within = product(range(SIDE), repeat=len(point))
        return {cell for cell in within if all(p <= c for p, c in zip(point, cell, strict=True))}

    def beats(a: list[float], b: list[float]) -> bool:
        return a != b and all(x <= y for x, y in zip(a, b, strict=True))

    last = len(values) - 1
    # Equal results are interchangeable but for the candidate, which comes last.
    left = sorted(
        (i for i, v in enumerate(values) if max(v) < SIDE), key=lambda i: (i == last, values[i])
    )
    n_placed, rank = 0, 0
    while left:
        front = [i for i in left if not any(beats(values[j], values[i]) for j in left)]
        left = [i for i in left if i not in front]
        taken: set[tuple[int, ...]] = set()
        while front:
            best = max(front, key=lambda i: len(cells(values[i]) - taken))
            front.remove(best)
            taken |= cells(values[best])
            n_placed += 1
            if best == last:
                return rank, n_placed
        rank += 1
    return rank, len(values)


@pytest.mark.parametrize("eta", range(2, 11))
@pytest.mark.parametrize("n_steps", range(9))
def test_ladder_of_an_exact_power_has_all_powers(eta: int, n_steps: int) -> None:
    rungs = Ladder.geometric(1, eta**n_steps, eta).rungs
    assert rungs == tuple(eta**k for k in range(n_steps + 1))


def test_ladder_of_243_epochs_has_six_rungs() -> None:
    assert Ladder.geometric(1, 243, 3).rungs == (1, 3, 9, 27, 81, 243)
    assert Ladder.geometric(3, 243, 3).rungs == (3, 9, 27, 81, 243)
    assert Ladder.geometric(4, 243, 3).rungs == (9, 27, 81, 243)


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(2, 7))
def test_rungs_are_the_quotients_that_are_long_enough(a: int, b: int, eta: int) -> None:
    low, high = sorted((a, b))
    quotients = {high // eta**k for k in range(12)}
    assert Ladder.geometric(low, high, eta).rungs == tuple(
        sorted(q for q in quotients if q >= low)
    )


def test_ladder_may_have_one_rung() -> None:
    assert Ladder.geometric(1, 1, 3).rungs == (1,)
    assert Ladder.geometric(5, 10, 3).rungs == (10,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 9, 1), "eta 1 is not a whole number >= 2"),
        ((1, 9, 2.5), "eta 2.5 is not a whole number >= 2"),
        ((1, 0, 3), "max_epochs 0 is not a whole number >= 1"),
        ((1, 9.0, 3), "max_epochs 9.0 is not a whole number >= 1"),
        ((0, 9, 3), r"min_epochs 0 is not a whole number in \[1, 9\]"),
        ((10, 9, 3), r"min_epochs 10 is not a whole number in \[1, 9\]"),
        ((True, 9, 3), r"min_epochs True is not a whole number in \[1, 9\]"),
    ],
)
def test_impossible_ladder_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        Ladder.geometric(*arguments)


@pytest.mark.parametrize("rungs", [(), (0, 1), (1, 1), (3, 1), (1, 2.5), (-1,), (True, 2)])
def test_rungs_rise_in_whole_epochs(rungs: tuple[Any, ...]) -> None:
    with pytest.raises(DefinitionError, match="are not rising whole epochs, each >= 1"):
        Ladder(rungs)


@settings(deadline=None)
@given(RESULTS, st.integers(2, 4))
def test_verdict_is_that_of_the_slow_race(values: Floats, eta: int) -> None:
    verdict, n = race(values, eta=eta), len(values)
    rank, place = slow_place(values.tolist())
    assert (verdict.rank, verdict.place, verdict.n) == (rank, place, n)
    inside = [max(row) < SIDE for row in values.tolist()]
    n_inside = sum(inside)
    quota = (n_inside + 1) // 2 if rank == 0 and values.shape[1] > 1 else n_inside // eta
    wins = n_inside < eta or place <= quota
    assert verdict.goes_on == (n < eta or (inside[-1] and wins))


@settings(deadline=None)
@given(RESULTS, st.integers(0, 2**32 - 1))
def test_order_of_the_others_decides_nothing(values: Floats, seed: int) -> None:
    generator = np.random.default_rng(seed)
    shuffled = np.vstack([generator.permutation(values[:-1]), values[-1:]])
    assert race(shuffled) == race(values)
    drawn = generator.random((12, 3))
    assert race([*generator.permutation(drawn[:-1]), drawn[-1]]) == race(drawn)


def test_others_that_tie_are_not_taken_in_their_order_of_arrival() -> None:
    # Both have area 12; the candidate adds 4 to the first of them, but only 2 to the second.
    one, other, candidate = [3.0, 2.0], [2.0, 3.0], [1.0, 4.0]
    assert race([one, other, candidate], side=6) == race([other, one, candidate], side=6)


@pytest.mark.parametrize("eta", [2, 3, 4])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 11, 12, 13, 40])
def test_of_n_different_results_one_in_eta_goes_on_and_the_rungs_front(n: int, eta: int) -> None:
    results = STUDENTS[:n]
    verdicts = [race(np.roll(results, i, axis=0), side=1, eta=eta) for i in range(n)]
    assert sorted(verdict.place for verdict in verdicts) == list(range(1, n + 1))
    n_front = sum(verdict.rank == 0 for verdict in verdicts)
    n_going_on = sum(verdict.goes_on for verdict in verdicts)
    assert n_going_on == (n if n < eta else max(n // eta, min(n_front, (n + 1) // 2)))


def test_the_rungs_front_goes_on_until_it_is_more_than_half() -> None:
    # Six students, none dominated; one in three would be two of them.
    front = [[0.1, 2.4], [0.5, 1.9], [1.0, 1.4], [1.6, 1.0], [2.1, 0.5], [2.6, 0.2]]
    verdicts = [race([*front[:i], *front[i + 1 :], front[i]]) for i in range(6)]
    assert sorted(verdict.place for verdict in verdicts if verdict.goes_on) == [1, 2, 3]


def test_with_one_objective_a_tie_with_the_best_has_no_front_to_be_on() -> None:
    assert race([[1.0], [1.0], [2.0]][::-1]).place == 2
    assert not race([[2.0], [1.0], [1.0]]).goes_on


def test_fewer_than_eta_results_all_go_on() -> None:
    worst = [5.0, 5.0]
    verdict = race([[0.0, 0.0], worst])
    assert verdict == Verdict(True, "result 2 at this rung, the race begins with 3", 1, 2, 2)
    assert race([worst]).goes_on
    assert not race([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]).goes_on
    assert race([[0.0, 0.0], worst, [2.0, 2.0]]).goes_on  # two useful ones are too few to halve
    assert not race([[0.0, 0.0], [2.0, 2.0], worst]).goes_on


@pytest.mark.parametrize("outside", [[-9.0, 3.0], [3.0, -9.0], [-9.0, 4.0]])
def test_unrivalled_result_outside_the_reference_stops(outside: list[float]) -> None:
    verdict = race([[2.0, 2.0], [1.0, 1.0], outside])
    assert verdict == Verdict(False, "not inside the reference point", 2, 3, 3)
    assert not race([[4.0, 4.0], [5.0, 5.0], outside]).goes_on


def test_results_outside_rank_behind_those_inside() -> None:
    verdict = race([[-9.0, 3.0], [3.0, -9.0], [2.9, 2.9]])
    reason = "result 1 inside the reference point, the race begins with 3"
    assert verdict == Verdict(True, reason, 0, 1, 3)


def test_the_share_is_counted_among_those_inside() -> None:
    failures, inside = [[-9.0, 3.0]] * 20, [[0.5, 0.5], [0.6, 0.6], [0.7, 0.7]]
    assert not race([*failures, *inside, [0.8, 0.8]]).goes_on
    assert race([*failures, *inside[:2], [0.4, 0.4]]).reason == (
        "place 1 of 3 (Pareto rank 0), the first 2 go on"
    )


def test_share_is_rounded_down() -> None:
    others = [[0.0], [1.0], [2.0], [2.5]]
    assert race([*others[:1], [2.0], [0.5]]).goes_on is False  # 3 results, 1 goes on
    assert race([*others, [0.5]]).goes_on is False  # 5 results, still 1
    assert race([*others, [2.8], [0.5]]).goes_on is True  # 6 results, 2


def test_rank_counts_before_spread() -> None:
    # The candidate adds more volume than its rival at the edge, but is dominated by the other.
    values = [[0.5, 0.5], [0.4, 2.9], [1.0, 1.0]]
    verdict = race(values)
    assert (verdict.rank, verdict.place) == (1, 3)


def test_smallest_student_goes_on_only_for_what_it_adds() -> None:
    # (1 - top1, log10 params) with reference (0.8, 6): nothing is as small, top1 is hardly 0.21.
    reference = np.array([0.8, 6.0])
    front = np.array([[0.1, 5.0], [0.2, 4.5], [0.4, 4.0]])
    useless, useful = np.array([0.79, 3.0]), np.array([0.45, 3.0])
    stopped = goes_on(useless, front, reference=reference, eta=2)
    assert (stopped.goes_on, stopped.rank, stopped.place) == (False, 0, 4)
    assert goes_on(useful, front, reference=reference, eta=2).place == 1


def test_near_copy_comes_after_what_is_new() -> None:
    good, copy, new = [0.5, 0.5], [0.51, 0.49], [0.1, 2.0]
    assert race([good, new, copy]).place == 3
    assert race([good, copy, new]).place == 2


def test_candidate_comes_after_its_equals() -> None:
    assert race([[1.0, 1.0]] * 3).place == 3
    assert race([[1.0, 1.0], [1.0, 1.0], [2.0, 2.0], [1.0, 1.0]], eta=2).place == 3


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=20), st.integers(2, 4))
def test_one_objective_is_plain_successive_halving(scores: list[int], eta: int) -> None:
    verdict = race([[float(score)] for score in scores], side=21, eta=eta)
    place = sum(score <= scores[-1] for score in scores)
    assert verdict.place == place
    assert verdict.goes_on == (len(scores) < eta or place <= len(scores) // eta)


@settings(deadline=None)
@given(RESULTS, st.integers(0, 2))
def test_better_result_never_does_worse_alone(values: Floats, objective: int) -> None:
    """Improving the candidate until it dominates all others wins the race."""
    winner = values.copy()
    winner[-1] = values.min(axis=0)
    winner[-1, objective % values.shape[1]] -= 1
    verdict = race(winner)
    is_inside = bool((winner[-1] < SIDE).all())
    assert verdict.place == (1 if is_inside else len(values))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"values have shape \(0,\), not \(points, objectives\)"):
        goes_on([1.0, 1.0], [], reference=[2.0, 2.0], eta=3)
    with pytest.raises(ShapeError, match=r"a point has shape \(1,\), not \(2,\)"):
        goes_on([1.0], np.empty((0, 2)), reference=[2.0, 2.0], eta=3)
    with pytest.raises(ShapeError, match=r"a point has shape \(3,\), not \(2,\)"):
        goes_on([1.0, 1.0], np.empty((0, 2)), reference=[2.0, 2.0, 2.0], eta=3)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        goes_on([np.nan], [[1.0]], reference=[2.0], eta=3)


def test_eta_is_a_whole_number_above_one() -> None:
    with pytest.raises(DefinitionError, match="eta 1 is not a whole number >= 2"):
        goes_on([1.0], [[1.0]], reference=[2.0], eta=1)
