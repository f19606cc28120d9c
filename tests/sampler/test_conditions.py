from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from autokd.sampler.conditions import found_conditions
from autokd.sampler.encoding import Condition

SPACE: dict[str, BaseDistribution] = {
    "method": CategoricalDistribution(("kd", "dkd", "none")),
    "op": CategoricalDistribution(("a", "b")),
    "beta": FloatDistribution(0, 1),
    "temperature": FloatDistribution(1, 20),
}


def point(method: str, *more: str, op: str = "a") -> dict[str, Any]:
    return {"method": method, "op": op, **dict.fromkeys(more, 1.0)}


def test_the_parent_that_explains_presence_is_found() -> None:
    points = [
        point("kd", "temperature"),
        point("dkd", "temperature", "beta", op="b"),
        point("none"),
        point("none", op="b"),
    ]
    assert found_conditions(points, SPACE) == {
        "temperature": Condition("method", frozenset({0, 1})),
        "beta": Condition("method", frozenset({1})),
    }


def test_what_every_point_has_needs_no_condition() -> None:
    points = [point("kd", "beta", "temperature"), point("none", "beta", "temperature")]
    assert found_conditions(points, SPACE) == {}


def test_what_no_category_explains_is_taken_as_always_active() -> None:
    points = [point("kd", "beta"), point("kd"), point("none", "beta", op="b"), point("none")]
    assert "beta" not in found_conditions(points[:2], SPACE)
    assert found_conditions([point("kd", "beta", op="b"), *points[1:]], SPACE)["beta"] == (
        Condition("op", frozenset({1}))
    )


def test_a_parameter_that_some_points_lack_is_nobodys_parent() -> None:
    space = {**SPACE, "inner": CategoricalDistribution(("x", "y"))}
    points: list[dict[str, Any]] = [
        {**point("kd", "beta"), "inner": "x"},
        {**point("kd"), "inner": "y"},
        point("none"),
    ]
    conditions = found_conditions(points, space)
    assert conditions["inner"].parent == "method"
    assert "beta" not in conditions


def test_without_points_nothing_is_found() -> None:
    assert found_conditions([], SPACE) == {}
