"""Open boxes against cells counted one by one, and against `gain`, which is computed otherwise."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autokd.errors import ShapeError
from autokd.pareto import gain, is_front, open_boxes
from autokd.pareto.arrays import Floats

SIDE = 3
# Whole numbers up to and beyond the reference (SIDE, ..., SIDE): every volume is exact.
POINTS = st.tuples(st.integers(0, 7), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-1, SIDE + 1).map(float))
)


def corner(values: Floats) -> Floats:
    return np.full(values.shape[1], float(SIDE))


def added(point: Floats, boxes: tuple[Floats, Floats]) -> float:
    lower, upper = boxes
    return float(np.maximum(upper - np.maximum(lower, point), 0.0).prod(axis=1).sum())


@settings(deadline=None)
@given(POINTS)
def test_every_open_cell_is_in_one_box_and_no_other_cell_in_any(values: Floats) -> None:
    lower, upper = open_boxes(values, corner(values))
    for cell in product(range(-2, SIDE), repeat=values.shape[1]):
        middle = np.array(cell) + 0.5
        n_boxes = int(((lower < middle) & (middle < upper)).all(axis=1).sum())
        is_open = not (values <= cell).all(axis=1).any()
        assert n_boxes == is_open


@settings(deadline=None)
@given(POINTS, st.data())
def test_sum_of_products_is_the_gain_of_a_point(values: Floats, data: st.DataObject) -> None:
    elements = st.floats(-2, SIDE + 1, allow_nan=False)
    point = data.draw(arrays(np.float64, values.shape[1], elements=elements))
    found = added(point, open_boxes(values, corner(values)))
    assert found == pytest.approx(gain(point, values, corner(values)), abs=1e-9)


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_gain_of_a_long_front_is_that_of_its_boxes(n_objectives: int) -> None:
    rng = np.random.default_rng(n_objectives)
    values, reference = rng.random((25, n_objectives)), np.full(n_objectives, 1.1)
    boxes = open_boxes(values, reference)
    for point in rng.random((20, n_objectives)) * 0.8:
        assert added(point, boxes) == pytest.approx(gain(point, values, reference), abs=1e-12)


@pytest.mark.parametrize(("n_objectives", "most"), [(1, 1), (2, 31), (3, 31 * 32 // 2)])
def test_there_are_no_more_boxes_than_promised(n_objectives: int, most: int) -> None:
    drawn = np.abs(np.random.default_rng(0).normal(size=(30, n_objectives)))
    values = 1 - drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    assert n_objectives == 1 or is_front(values).all()
    lower, upper = open_boxes(values, np.ones(n_objectives))
    assert len(lower) == len(upper) <= most


def test_without_points_the_whole_space_below_the_reference_is_open() -> None:
    lower, upper = open_boxes(np.empty((0, 3)), [1.0, 2.0, 3.0])
    assert lower.tolist() == [[-np.inf] * 3]
    assert upper.tolist() == [[1.0, 2.0, 3.0]]


def test_shapes_and_values_are_checked() -> None:
    with pytest.raises(ShapeError):
        open_boxes([[1.0, 2.0]], [1.0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        open_boxes([[1.0, np.nan]], [1.0, 1.0])
