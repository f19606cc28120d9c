from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Columns, Condition, Encoding

KINDS: dict[str, BaseDistribution] = {
    "float": FloatDistribution(-3.0, 7.0),
    "float, log": FloatDistribution(1e-5, 1e3, log=True),
    "float, step": FloatDistribution(0.1, 1.0, step=0.3),
    "int": IntDistribution(-2, 9),
    "int, log": IntDistribution(1, 1000, log=True),
    "int, step": IntDistribution(3, 18, step=5),
    "categorical": CategoricalDistribution(("kd", 3, 2.5, True, None)),
    "one number": FloatDistribution(0.3, 0.3),
    "one choice": CategoricalDistribution(("only",)),
}
TREE: dict[str, BaseDistribution] = {
    "method": CategoricalDistribution(("kd", "dkd", "none")),
    "temperature": FloatDistribution(1.0, 20.0, log=True),
    "beta": IntDistribution(1, 8),
    "width": FloatDistribution(0.0, 1.0),
}
CONDITIONS = {
    "temperature": Condition("method", frozenset({0, 1})),
    "beta": Condition("method", frozenset({1})),
}


def legal_values(distribution: BaseDistribution) -> st.SearchStrategy[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return st.sampled_from(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is None:
        return st.floats(low, high)
    return st.integers(0, round((high - low) / step)).map(lambda n: low + n * step)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_value_comes_back_from_its_unit(kind: str, data: st.DataObject) -> None:
    distribution = KINDS[kind]
    encoding = Encoding({"x": distribution})
    value = data.draw(legal_values(distribution))
    units = encoding.units([{"x": value}])
    found = encoding.point(units[0])["x"]
    assert distribution._contains(distribution.to_internal_repr(found))
    if isinstance(distribution, FloatDistribution):
        assert found == pytest.approx(value, rel=1e-9, abs=1e-12)
    else:
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_drawn_or_changed_unit_is_a_legal_value(kind: str) -> None:
    distribution, rng = KINDS[kind], np.random.default_rng(0)
    encoding = Encoding({"x": distribution})
    drawn = encoding.random(300, rng)
    for units in (drawn, encoding.changed(drawn, rng)):
        for row in units:
            value = encoding.point(row)["x"]
            assert distribution._contains(distribution.to_internal_repr(value))
            is_open = kind != "one number"  # of which every unit is the same value
            assert not is_open or encoding.units([{"x": value}])[0] == pytest.approx(row, abs=1e-9)


@pytest.mark.parametrize("kind", ["float, step", "int", "int, step", "categorical"])
def test_every_value_of_a_grid_is_drawn_equally_often(kind: str) -> None:
    encoding = Encoding({"x": KINDS[kind]})
    units = encoding.random(6000, np.random.default_rng(1))
    values, counts = np.unique(units, return_counts=True)
    share = 6000 / len(values)
    assert len(values) in (4, 5, 12)
    assert np.abs(counts - share).max() < 5 * share**0.5


def test_logarithmic_numbers_are_drawn_evenly_in_their_logarithm() -> None:
    encoding = Encoding({"x": KINDS["float, log"]})
    drawn = [encoding.point(u)["x"] for u in encoding.random(2000, np.random.default_rng(2))]
    logs = (np.log10(drawn) + 5) / 8
    assert np.abs(np.sort(logs) - np.linspace(0, 1, 2000)).max() < 0.05


def test_parameters_are_there_with_their_parent_only() -> None:
    encoding, rng = Encoding(TREE, CONDITIONS), np.random.default_rng(3)
    drawn = encoding.random(200, rng)
    held = encoding.holding(drawn, {"method": "dkd"}, rng)
    seen = set()
    for units in (drawn, encoding.changed(drawn, rng), encoding.changed(held, rng)):
        for point in map(encoding.point, units):
            seen.add(point["method"])
            assert ("temperature" in point) == (point["method"] != "none")
            assert ("beta" in point) == (point["method"] == "dkd")
            assert "width" in point
    assert seen == {"kd", "dkd", "none"}


def test_a_change_leaves_most_parameters_and_often_moves_little() -> None:
    many = {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(10)}
    units = np.full((2000, 10), 0.5)
    moved = np.abs(Encoding(many).changed(units, np.random.default_rng(4)) - units)
    n_moved = (moved > 0).sum(axis=1)
    assert n_moved.min() == 1
    assert 0.45 < (n_moved == 1).mean() < 0.55
    steps = moved[moved > 0]
    assert (steps < 0.01).mean() > 0.25
    assert (steps > 0.2).mean() > 0.05


def test_held_values_stay_and_what_they_activate_is_drawn() -> None:
    encoding, rng = Encoding(TREE, CONDITIONS), np.random.default_rng(5)
    units = encoding.random(100, rng)
    held = encoding.holding(units, {"method": "dkd", "beta": 3, "unknown": 1}, rng)
    points = [encoding.point(row) for row in held]
    assert {(point["method"], point["beta"]) for point in points} == {("dkd", 3)}
    assert len({point["temperature"] for point in points}) == 100
    assert (held[:, 3] == units[:, 3]).all()


def test_what_a_point_lacks_is_not_active_and_what_the_space_lacks_is_ignored() -> None:
    units = Encoding(TREE, CONDITIONS).units([{"method": "none", "elsewhere": 3}])
    assert units[0, 0] == 2
    assert np.isnan(units[0, 1:]).all()


def test_values_outside_the_range_count_as_its_ends() -> None:
    encoding = Encoding({"x": FloatDistribution(0.0, 1.0)})
    assert encoding.units([{"x": -5.0}, {"x": 3.0}]).tolist() == [[0.0], [1.0]]


def distances(columns: Columns) -> Floats:
    values = columns.values
    return np.asarray(np.linalg.norm(values[:, np.newaxis] - values, axis=-1))


def test_two_choices_are_at_distance_one_whichever_they_are() -> None:
    encoding = Encoding({"x": CategoricalDistribution(tuple("abcd"))})
    columns = encoding.columns(np.arange(4.0)[:, np.newaxis])
    assert columns.groups == ((0, 4),)
    assert distances(columns) == pytest.approx(1 - np.eye(4))


def test_each_parameter_has_a_group_and_an_inactive_one_stands_in_the_middle() -> None:
    encoding = Encoding(TREE, CONDITIONS)
    columns = encoding.columns(encoding.units([{"method": "none", "width": 0.25}]))
    assert columns.groups == ((0, 3), (3, 4), (4, 5), (5, 6))
    assert columns.values[0, 3:].tolist() == [0.5, 0.5, 0.25]


def test_features_are_groups_of_their_own() -> None:
    columns = Columns(np.zeros((2, 3)), ((0, 2), (2, 3))).with_features(np.ones((2, 2)))
    assert columns.groups == ((0, 2), (2, 3), (3, 4), (4, 5))
    assert columns.values.tolist() == [[0, 0, 0, 1, 1]] * 2


def test_other_distributions_are_refused() -> None:
    class Other(BaseDistribution):
        def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
            return 0.0

        def single(self) -> bool:
            return False

        def _contains(self, param_value_in_internal_repr: float) -> bool:
            return True

    with pytest.raises(TypeError, match="Other is none of Optuna's distributions"):
        Encoding({"x": Other()})
