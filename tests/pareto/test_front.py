"""Dominance, fronts and knee against slow obvious references, closed forms and moocore."""

from itertools import product

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autokd.errors import ShapeError
from autokd.pareto import dominates, is_front, knee, ranks
from autokd.pareto.arrays import Floats

# Few different values, so that ties and equal points are the rule.
POINTS = st.tuples(st.integers(0, 14), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-2, 2).map(float))
)


def slowly_dominates(a: Floats, b: Floats) -> bool:
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def slow_ranks(values: Floats) -> list[int]:
    """Peel: whatever no remaining point dominates is the next front."""
    result = [-1] * len(values)
    left, rank = set(range(len(values))), 0
    while left:
        front = {i for i in left if not any(slowly_dominates(values[j], values[i]) for j in left)}
        for i in front:
            result[i] = rank
        left, rank = left - front, rank + 1
    return result


def sphere(n_points: int, n_objectives: int) -> Floats:
    """Points of which none dominates another."""
    drawn = np.abs(np.random.default_rng(0).normal(size=(n_points, n_objectives)))
    return np.asarray(1 - drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0], [1, 1], True),
        ([0, 1], [0, 2], True),
        ([0, 1], [0, 1], False),
        ([0, 1], [1, 0], False),
        ([1, 1], [0, 0], False),
        ([-1], [0], True),
    ],
)
def test_dominance_is_nowhere_worse_and_somewhere_better(
    a: list[float], b: list[float], expected: bool
) -> None:
    assert dominates(a, b) is expected


def test_points_of_different_length_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"a point has shape \(3,\), not \(2,\)"):
        dominates([0, 1], [0, 1, 2])


@settings(deadline=None)
@given(POINTS)
def test_front_and_ranks_are_those_of_peeling(values: Floats) -> None:
    expected = slow_ranks(values)
    assert ranks(values).tolist() == expected
    assert is_front(values).tolist() == [rank == 0 for rank in expected]


@settings(deadline=None)
@given(POINTS, st.integers(0, 2**32 - 1))
def test_order_of_points_and_of_objectives_changes_nothing(values: Floats, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(values))
    columns = generator.permutation(values.shape[1])
    assert ranks(values[rows][:, columns]).tolist() == ranks(values)[rows].tolist()
    assert is_front(values[rows][:, columns]).tolist() == is_front(values)[rows].tolist()


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_rank_in_a_full_grid_is_the_sum_of_coordinates(n_objectives: int) -> None:
    side = {1: 700, 2: 26, 3: 9, 4: 5}[n_objectives]  # more points than one block
    grid = np.array(list(product(range(side), repeat=n_objectives)), dtype=np.float64)
    shuffled = np.random.default_rng(0).permutation(grid)
    assert ranks(shuffled).tolist() == shuffled.sum(axis=1).tolist()
    assert is_front(shuffled).tolist() == (shuffled.sum(axis=1) == 0).tolist()


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
def test_large_sets_agree_with_moocore(n_objectives: int) -> None:
    generator = np.random.default_rng(1)
    tied = generator.integers(0, 12, size=(900, n_objectives)).astype(np.float64)
    for values in (tied, generator.random((900, n_objectives)), sphere(900, n_objectives)):
        expected = moocore.is_nondominated(values, keep_weakly=True)
        assert is_front(values).tolist() == expected.tolist()
        assert ranks(values).tolist() == moocore.pareto_rank(values).tolist()


def test_all_points_of_a_sphere_are_on_the_front() -> None:
    assert is_front(sphere(700, 3)).all()
    assert not ranks(sphere(700, 3)).any()


def test_equal_points_are_kept_together() -> None:
    values = [[0, 1], [1, 0], [0, 1], [1, 1], [1, 1], [0, 1]]
    assert is_front(values).tolist() == [True, True, True, False, False, True]
    assert ranks(values).tolist() == [0, 0, 0, 1, 1, 0]


def test_negative_zero_equals_zero() -> None:
    assert is_front([[0.0, -0.0], [-0.0, 0.0]]).all()


def test_no_points_have_no_front() -> None:
    assert is_front(np.empty((0, 3))).shape == (0,)
    assert ranks(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    for function in (is_front, ranks):
        with pytest.raises(ValueError, match="NaN or infinity"):
            function([[0.0, 1.0], [1.0, bad]])
    with pytest.raises(ValueError, match="NaN or infinity"):
        dominates([0, 1], [bad, 2])


def test_knee_is_farthest_above_the_chord() -> None:
    # Scaled: (0, 0), (1/3, 0.6), (2/3, 0.9), (1, 1); above the chord by 0.27 and 0.23.
    assert knee([0.5, 0.8, 0.95, 1.0], [1e3, 1e4, 1e5, 1e6]) == 1
    assert knee([0.5, 0.7, 0.95, 1.0], [1e3, 1e4, 1e5, 1e6]) == 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), min_size=1, max_size=10))
def test_knee_is_that_of_the_cross_product(students: list[tuple[int, int]]) -> None:
    top1 = [count / 20 for count, _ in students]
    params = [2.0**power for _, power in students]
    values = np.array([[-count, power] for count, power in students], dtype=np.float64)
    front = [i for i, rank in enumerate(slow_ranks(values)) if rank == 0]
    first = min(front, key=lambda i: students[i][1])
    last = max(front, key=lambda i: students[i][1])

    def above(i: int) -> int:  # twice the triangle with the chord: whole numbers, no rounding
        rise = (students[last][0] - students[first][0], students[i][0] - students[first][0])
        run = (students[last][1] - students[first][1], students[i][1] - students[first][1])
        return rise[1] * run[0] - rise[0] * run[1]

    best = max(front, key=lambda i: (above(i), -students[i][1]))
    expected = best if above(best) > 0 else last
    assert students[knee(top1, params)] == students[expected]


def test_tie_for_the_knee_goes_to_fewer_params() -> None:
    # Both interior students are above the chord by the same 1/3.
    assert knee([1.0, 1.0 - 1e-9, 2 / 3, 0.0], [1e6, 1e9, 1e4, 1e3]) == 2
    assert knee([0.9, 0.8, 0.5, 0.0], [1e3, 1e2, 1e1, 1e0]) == 2


@pytest.mark.parametrize(
    ("top1", "params", "expected"),
    [
        ([0.7], [10], 0),
        ([0.9, 0.7], [100, 10], 0),
        ([0.7, 0.9], [10, 100], 1),
        ([0.5, 0.9, 0.7, 0.6], [50, 100, 10, 10], 1),  # two of them dominated
        ([0.9, 0.9, 0.9], [10, 10, 10], 0),  # three, but all the same
        ([0.7, 0.9, 0.7, 0.9], [10, 100, 10, 100], 1),
    ],
)
def test_fewer_than_three_students_have_the_highest_top1_for_a_knee(
    top1: list[float], params: list[float], expected: int
) -> None:
    assert knee(top1, params) == expected


def test_front_without_a_knee_gives_the_highest_top1() -> None:
    assert knee([0.1, 0.2, 0.3], [10, 100, 1000]) == 2  # on the chord
    assert knee([0.1, 0.2, 0.9], [10, 100, 1000]) == 2  # below it


def test_dominated_students_move_no_chord() -> None:
    top1, params = [0.5, 0.8, 0.95, 1.0], [1e3, 1e4, 1e5, 1e6]
    assert knee([*top1, 0.01, 1.0, 0.4], [*params, 2e3, 1e12, 1e3]) == knee(top1, params)


def test_equal_knees_give_the_first() -> None:
    assert knee([0.0, 0.9, 0.9, 1.0], [1e1, 1e2, 1e2, 1e3]) == 1


@pytest.mark.parametrize(
    ("top1", "params"), [([], []), ([0.5], [0]), ([0.5, 0.6], [10, -1]), ([np.nan], [10])]
)
def test_knee_of_nothing_or_of_nonsense_is_refused(top1: list[float], params: list[float]) -> None:
    with pytest.raises(ValueError, match=r"params > 0|NaN or infinity"):
        knee(top1, params)


def test_knee_needs_as_many_params_as_top1() -> None:
    with pytest.raises(ShapeError, match=r"a point has shape \(2,\), not \(1,\)"):
        knee([0.5], [10, 20])
