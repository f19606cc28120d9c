"""The levels against ranks that are worked out anew for every point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autokd.errors import ShapeError
from autokd.pareto import Levels, ranks
from autokd.pareto.arrays import Floats

POINTS = st.tuples(st.integers(1, 30), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 4).map(float))
)


@settings(deadline=None)
@given(POINTS)
def test_ranks_are_those_of_sorting_anew_after_every_point(points: Floats) -> None:
    levels = Levels(points.shape[1])
    for n, point in enumerate(points, start=1):
        levels.add(point)
        assert levels.ranks.tolist() == ranks(points[:n]).tolist()
        assert levels.n_ranks == ranks(points[:n]).max() + 1
    assert len(levels) == len(points)


@settings(deadline=None)
@given(POINTS)
def test_standing_is_what_sorting_with_the_point_gives(points: Floats) -> None:
    levels = Levels(points.shape[1])
    for point in points[:-1]:
        levels.add(point)
    standing = levels.standing(points[-1])
    expected = ranks(points)
    assert standing.rank == expected[-1]
    assert standing.n_ahead == (expected < expected[-1]).sum()
    peers = points[:-1][expected[:-1] == expected[-1]]
    assert sorted(standing.peers.tolist()) == sorted(peers.tolist())
    assert len(levels) == len(points) - 1


def test_hundreds_of_random_points_are_ranked_as_by_sorting() -> None:
    points = np.random.default_rng(0).random((400, 3))
    levels = Levels(3)
    for point in points:
        levels.add(point)
    assert levels.ranks.tolist() == ranks(points).tolist()


def test_without_points_the_first_is_best() -> None:
    levels = Levels(2)
    assert (len(levels), levels.n_ranks) == (0, 0)
    rank, n_ahead, peers = levels.standing([1.0, 2.0])
    assert (rank, n_ahead, peers.shape) == (0, 0, (0, 2))


def test_a_point_of_another_shape_or_nan_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"a point has shape \(1,\), not \(2,\)"):
        Levels(2).add([1.0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        Levels(2).standing([np.nan, 1.0])
