from typing import Any

import pytest

from autokd.parameters import Value
from autokd.search.translate import distillation, middle, shared_part, translated
from autokd.space import (
    CategoricalDomain,
    FixedDomain,
    FloatDomain,
    IntDomain,
    SearchSpace,
    read_space,
)

Point = dict[str, Value]

THERE: Point = {
    "architecture.params_budget": 2e4,
    "architecture.op": "sepconv3x3",
    "architecture.depth": 4,
    "architecture.shortcuts": True,
    "kd.method": "kd",
    "kd.temperature": 3,
    "kd.soft_weight": 0.5,
}


def _space(kd: dict[str, Any] | None = None, **architecture: Any) -> SearchSpace:
    raw = {
        "title": "Here",
        "generator": "chain",
        "architecture": {
            "params_budget": {"type": "float", "low": 1e3, "high": 1e5, "log": True},
            **architecture,
        },
        "kd": kd or {"method": {"type": "categorical", "choices": ["none", "kd"]}},
    }
    return read_space(raw, source="test")


def test_what_both_spaces_have_is_taken_and_the_rest_has_its_value() -> None:
    space = _space(
        {
            "method": {"type": "categorical", "choices": ["none", "kd"]},
            "temperature": {"type": "float", "low": 1.0, "high": 20.0},
        },
        op={"type": "categorical", "choices": ["conv3x3", "sepconv3x3"]},
        depth={"type": "int", "low": 1, "high": 3},
        shortcuts={"type": "fixed", "value": False},
    )
    point = translated(space, {**THERE, "elsewhere": 1})
    assert point == {
        "architecture.params_budget": 2e4,
        "architecture.op": "sepconv3x3",
        "architecture.depth": 2,  # 4 is none of its values: the middle
        "architecture.shortcuts": False,
        "kd.method": "kd",
        "kd.temperature": 3.0,
        "kd.soft_weight": 0.9,  # not mentioned: the default
    }
    assert isinstance(point["kd.temperature"], float)
    space.check_point(point)
    assert shared_part(space, THERE).keys() == point.keys() - {
        "architecture.depth",
        "architecture.shortcuts",
        "kd.soft_weight",
    }


def test_a_parameter_of_a_method_is_found_beside_its_table_and_inside_it() -> None:
    table = {"method": {"type": "fixed", "value": "kd"}}
    inside = _space({**table, "kd": {"temperature": {"type": "float", "low": 1.0, "high": 9.0}}})
    assert translated(inside, THERE)["kd.kd.temperature"] == 3.0
    beside = _space({**table, "temperature": {"type": "float", "low": 1.0, "high": 9.0}})
    moved = {**THERE, "kd.kd.temperature": 7.0}
    assert translated(beside, moved)["kd.temperature"] == 7.0


def test_nothing_of_another_method_s_distillation_is_taken() -> None:
    space = _space(
        {
            "method": {"type": "fixed", "value": "dkd"},
            "temperature": {"type": "float", "low": 1.0, "high": 4.0},
        }
    )
    assert not any(name.startswith("kd.") for name in shared_part(space, THERE))
    point = translated(space, THERE)
    assert (point["kd.method"], point["kd.temperature"]) == ("dkd", 2.5)
    space.check_point(point)


def test_a_method_without_parameters_has_none_here_either() -> None:
    space = _space()
    point = translated(space, {**THERE, "kd.method": "none"})
    assert [name for name in point if name.startswith("kd.")] == ["kd.method"]
    assert distillation(space, {"kd.method": "none"}) == {}
    assert distillation(space, {"kd.method": "kd"})["kd.temperature"] == 4.0


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (FloatDomain(type="float", low=1.0, high=4.0), 2.5),
        (FloatDomain(type="float", low=1.0, high=4.0, log=True), 2.0),
        (IntDomain(type="int", low=3, high=7), 5),
        (IntDomain(type="int", low=1, high=100, log=True), 10),
        (CategoricalDomain(type="categorical", choices=("b", "a")), "b"),
        (FixedDomain(type="fixed", value="x"), "x"),
    ],
)
def test_the_middle_is_that_of_the_scale(domain: Any, value: Value) -> None:
    assert middle(domain) == value
    assert type(middle(domain)) is type(value)
