from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autokd.sampler import Preview
from autokd.sampler.encoding import Encoding
from autokd.sampler.pool import Candidates, draw_units, key_of, previewed

SPACE: dict[str, BaseDistribution] = {
    "kind": CategoricalDistribution(("a", "b")),
    "n": IntDistribution(0, 4),
}
GRID = Encoding(SPACE)
LINE = Encoding({"x": FloatDistribution(0, 1)})


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_units_are_all_different_and_legal() -> None:
    units = draw_units(GRID, np.empty((0, 2)), n=500, n_near=200, rng=rng())
    assert len(units) == 10  # as many as there are
    assert len({key_of(GRID.point(row)) for row in units}) == 10


def test_units_near_good_ones_crowd_around_each_of_them() -> None:
    best = np.array([[0.2], [0.9]])
    units = draw_units(LINE, best, n=0, n_near=400, rng=rng())[:, 0]
    for good in (0.2, 0.9):
        assert (np.abs(units - good) < 0.02).mean() > 0.2
    anywhere = draw_units(LINE, best, n=400, n_near=0, rng=rng())[:, 0]
    assert (np.abs(anywhere - 0.2) < 0.02).mean() < 0.1


def test_units_come_in_random_order() -> None:
    units = draw_units(LINE, np.empty((0, 1)), n=200, n_near=0, rng=rng())[:, 0]
    assert np.abs(np.corrcoef(units, np.arange(200))[0, 1]) < 0.2
    again = draw_units(LINE, np.empty((0, 1)), n=200, n_near=0, rng=rng())[:, 0]
    assert (units == again).all()


def test_what_was_tried_or_is_infeasible_or_a_twin_is_left_out() -> None:
    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(f"{point['n'] // 2}", is_feasible=point["kind"] == "a")

    units = draw_units(GRID, np.empty((0, 2)), n=500, n_near=0, rng=rng())
    found = previewed(GRID, units, preview=preview, tried=["1"])
    assert sorted(each.key for each in found.previews) == ["0", "2"]
    assert all(GRID.point(row)["kind"] == "a" for row in found.units)


def test_it_stops_looking_when_there_are_enough() -> None:
    looked = []

    def preview(point: Mapping[str, Any]) -> Preview:
        looked.append(point)
        return Preview(key_of(point))

    units = draw_units(LINE, np.empty((0, 1)), n=50, n_near=0, rng=rng())
    found = previewed(LINE, units, preview=preview, tried=(), n=3)
    assert len(found) == len(looked) == 3
    assert (found.units == units[:3]).all()


def test_without_a_preview_a_point_is_known_by_itself() -> None:
    units = GRID.units([{"kind": "a", "n": 1}, {"kind": "b", "n": 2}, {"kind": "a", "n": 1}])
    found = previewed(GRID, units, preview=None, tried=[key_of({"n": 2, "kind": "b"})])
    assert [each.key for each in found.previews] == [key_of({"kind": "a", "n": 1})]
    assert (found.effective == found.units).all()


def test_a_model_reads_what_a_point_comes_to() -> None:
    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(key_of(point), known={1: point["x"]}, point={"x": 0.5})

    found = previewed(LINE, np.array([[0.1], [0.7]]), preview=preview, tried=())
    assert found.effective.tolist() == [[0.5], [0.5]]
    assert found.units.tolist() == [[0.1], [0.7]]
    assert found.known(1) == pytest.approx([0.1, 0.7])
    second = found.only(1)
    assert (len(second), second.units.tolist()) == (1, [[0.7]])
    assert second.known(1) == pytest.approx([0.7])


def test_of_unseen_candidates_nothing_is_known() -> None:
    units = np.array([[0.1], [0.1]])
    unseen = Candidates.unseen(units)
    assert len(unseen) == 2
    assert unseen.effective is units
    assert all(not each.known and not each.features for each in unseen.previews)


def test_keys_are_equal_for_equal_points_alone() -> None:
    assert key_of({"a": 1, "b": "1"}) == key_of({"b": "1", "a": 1})
    different: list[dict[str, object]] = [{"a": 1}, {"a": "1"}, {"b": 1}, {"a": 1.5}, {}]
    assert len({key_of(point) for point in different}) == len(different)
