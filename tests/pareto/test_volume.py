"""Hypervolume against counted cells, closed forms and moocore."""

from itertools import product

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autokd.errors import ShapeError
from autokd.pareto import contributions, gain, hypervolume, hypervolume_history, is_front
from autokd.pareto.arrays import Floats

SIDE = 3
# Whole numbers up to and beyond the reference (SIDE, ..., SIDE): every volume is exact.
POINTS = st.tuples(st.integers(0, 10), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-1, SIDE + 1).map(float))
)


def corner(values: Floats) -> Floats:
    return np.full(values.shape[1], float(SIDE))


def counted(values: Floats) -> float:
    """Unit cells below the reference whose lower corner is not better than some point."""
    cells = product(range(-1, SIDE), repeat=values.shape[1])
    points = values.tolist()
    return float(
        sum(
            any(all(p <= c for p, c in zip(q, cell, strict=True)) for q in points)
            for cell in cells
        )
    )


def sphere(n_points: int, n_objectives: int) -> Floats:
    """Points of which none dominates another."""
    drawn = np.abs(np.random.default_rng(n_points).normal(size=(n_points, n_objectives)))
    return np.asarray(1 - drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


@settings(deadline=None)
@given(POINTS)
def test_hypervolume_counts_cells(values: Floats) -> None:
    assert hypervolume(values, corner(values)) == counted(values)


@settings(deadline=None)
@given(POINTS)
def test_history_is_the_hypervolume_of_each_beginning(values: Floats) -> None:
    expected = [counted(values[: i + 1]) for i in range(len(values))]
    assert hypervolume_history(values, corner(values)).tolist() == expected


@settings(deadline=None, max_examples=50)
@given(POINTS)
def test_contribution_is_what_is_lost_without_the_point(values: Floats) -> None:
    whole = counted(values)
    expected = [whole - counted(np.delete(values, i, axis=0)) for i in range(len(values))]
    assert contributions(values, corner(values)).tolist() == expected


@settings(deadline=None)
@given(POINTS.filter(len))
def test_gain_is_what_the_point_adds(values: Floats) -> None:
    expected = counted(values) - counted(values[1:])
    assert gain(values[0], values[1:], corner(values)) == expected


@pytest.mark.parametrize("n_points", [1, 2, 7, 50])
def test_staircase_has_half_the_square(n_points: int) -> None:
    steps = np.arange(n_points)
    staircase = np.stack([steps, n_points - 1 - steps], axis=1)
    reference = [n_points, n_points]
    assert hypervolume(staircase, reference) == n_points * (n_points + 1) / 2
    assert contributions(staircase, reference).tolist() == [1.0] * n_points


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4, 5])
def test_one_point_has_its_box(n_objectives: int) -> None:
    reference = np.arange(2, 2 + n_objectives)
    volume = float(np.prod(reference))
    assert hypervolume(np.zeros((1, n_objectives)), reference) == volume
    assert gain(np.zeros(n_objectives), np.empty((0, n_objectives)), reference) == volume


def test_one_objective_is_the_distance_of_the_best() -> None:
    values = [[3.0], [1.0], [2.0], [5.0], [1.0]]
    assert hypervolume(values, [4.0]) == 3.0
    assert hypervolume_history(values, [4.0]).tolist() == [1.0, 3.0, 3.0, 3.0, 3.0]
    assert contributions(values[:4], [4.0]).tolist() == [0.0, 1.0, 0.0, 0.0]  # 2 takes over


@pytest.mark.parametrize(
    ("n_points", "n_objectives"), [(100, 2), (100, 3), (40, 4), (12, 5), (1, 3)]
)
def test_volumes_agree_with_moocore(n_points: int, n_objectives: int) -> None:
    uniform = np.random.default_rng(2).random((n_points, n_objectives))
    reference = np.full(n_objectives, 0.9)  # some points lie beyond it
    for values in (sphere(n_points, n_objectives), uniform):
        expected = moocore.hypervolume(values, ref=reference)
        np.testing.assert_allclose(hypervolume(values, reference), expected, rtol=1e-12)
        mine = contributions(values, reference)
        theirs = moocore.hv_contributions(values, ref=reference, ignore_dominated=False)
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("n_objectives", [2, 3])
def test_long_history_never_falls_and_ends_at_the_hypervolume(n_objectives: int) -> None:
    values, reference = sphere(300, n_objectives), np.full(n_objectives, 1.0)
    history = hypervolume_history(values, reference)
    assert (np.diff(history) > 0).all()
    np.testing.assert_allclose(history[-1], hypervolume(values, reference), rtol=1e-12)


@settings(deadline=None)
@given(POINTS.filter(lambda values: values.shape[1] > 1), st.integers(0, 2**32 - 1))
def test_order_and_units_change_volume_as_they_must(values: Floats, seed: int) -> None:
    generator = np.random.default_rng(seed)
    columns = generator.permutation(values.shape[1])
    moved = 2 * generator.permutation(values)[:, columns] + 8
    reference = 2 * corner(values) + 8
    expected = 2 ** values.shape[1] * hypervolume(values, corner(values))
    assert hypervolume(moved, reference) == expected


def test_points_not_strictly_inside_add_nothing() -> None:
    values, reference = [[1.0, 2.0], [0.0, 0.5], [-5.0, 1.0], [9.0, 9.0]], [1.0, 1.0]
    assert hypervolume(values, reference) == 0.5
    assert hypervolume_history(values, reference).tolist() == [0.0, 0.5, 0.5, 0.5]
    assert contributions(values, reference).tolist() == [0.0, 0.5, 0.0, 0.0]
    assert gain([-5.0, 1.0], [[0.0, 0.5]], reference) == 0.0


def test_equal_points_contribute_nothing() -> None:
    values = np.concatenate([sphere(20, 3), sphere(20, 3)[:5]])
    found = contributions(values, np.ones(3))
    assert (found[:5] == 0).all()
    assert (found[20:] == 0).all()
    assert (found[5:20] > 0).all()
    assert gain(values[0], values, np.ones(3)) == 0.0


def test_only_the_front_contributes() -> None:
    values = np.random.default_rng(3).random((60, 3))
    found = contributions(values, np.ones(3))
    assert ((found > 0) == is_front(values)).all()


def test_no_points_have_no_volume() -> None:
    nothing = np.empty((0, 3))
    assert hypervolume(nothing, np.ones(3)) == 0.0
    assert hypervolume(np.empty((0, 1)), [1.0]) == 0.0
    assert hypervolume_history(nothing, np.ones(3)).shape == (0,)
    assert contributions(nothing, np.ones(3)).shape == (0,)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"a point has shape \(3,\), not \(2,\)"):
        hypervolume([[0.0, 0.0]], [1.0, 1.0, 1.0])
    with pytest.raises(ShapeError, match=r"a point has shape \(1,\), not \(2,\)"):
        gain([0.0], [[0.0, 0.0]], [1.0, 1.0])
    with pytest.raises(ShapeError, match=r"values have shape \(2,\)"):
        contributions([0.0, 0.0], [1.0, 1.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    for function in (hypervolume, hypervolume_history, contributions):
        with pytest.raises(ValueError, match="NaN or infinity"):
            function([[0.0, bad]], [1.0, 1.0])
        with pytest.raises(ValueError, match="NaN or infinity"):
            function([[0.0, 0.0]], [1.0, bad])
    with pytest.raises(ValueError, match="NaN or infinity"):
        gain([bad, 0.0], [[0.0, 0.0]], [1.0, 1.0])
