"""What counts as points, and what is refused."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from autokd.errors import ShapeError
from autokd.pareto.arrays import as_point, as_points


def test_integers_become_doubles() -> None:
    assert as_points([[1, 2], [3, 4]]).dtype == np.float64
    assert as_point([1, 2]).dtype == np.float64


def test_no_points_are_legal_but_no_objectives_are_not() -> None:
    assert as_points(np.empty((0, 2))).shape == (0, 2)
    with pytest.raises(
        ShapeError, match=r"values have shape \(2, 0\), not \(points, objectives\)"
    ):
        as_points(np.empty((2, 0)))


@pytest.mark.parametrize("values", [1.0, [1.0, 2.0], [[[1.0]]]])
def test_points_have_two_axes(values: ArrayLike) -> None:
    with pytest.raises(ShapeError, match=r"not \(points, objectives\)"):
        as_points(values)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="values hold NaN or infinity"):
        as_points([[0.0, 1.0], [bad, 0.0]])
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        as_point([0.0, bad])


def test_point_has_one_axis_and_the_stated_length() -> None:
    with pytest.raises(ShapeError, match=r"a point has shape \(1, 2\), not \(objectives,\)"):
        as_point([[1.0, 2.0]])
    with pytest.raises(ShapeError, match=r"a point has shape \(2,\), not \(3,\)"):
        as_point([1.0, 2.0], n_objectives=3)
    with pytest.raises(ShapeError, match=r"a point has shape \(2,\), not \(0,\)"):
        as_point([1.0, 2.0], n_objectives=0)
