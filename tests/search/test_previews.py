import math
from dataclasses import replace
from typing import Any

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autokd.errors import InfeasibleError
from autokd.graphs import InputShape
from autokd.parameters import Point, Value
from autokd.runs import Record
from autokd.sampler import Condition, Preview
from autokd.search.family import Family, make_draw, repeat_key
from autokd.search.previews import make_previewer, preview_of, sampler_space
from autokd.study import StudySpec

SHAPE = InputShape(1, 8, 10)
COST = {"params": 1e4, "macs": 2e5, "peak_bytes": 4e3}
PARAMS: dict[str, Value] = {
    "architecture.params_budget": 1e4,
    "kd.method": "kd",
    "kd.temperature": 4.0,
    "kd.soft_weight": 0.5,
}


def test_the_space_has_optunas_distributions_and_the_methods_of_each_parameter(
    spec: StudySpec,
) -> None:
    space = sampler_space(spec.search_space)
    assert space.distributions == {
        "architecture.params_budget": FloatDistribution(2e3, 5e4, log=True),
        "kd.method": CategoricalDistribution(("kd", "none")),
        "kd.temperature": FloatDistribution(1.0, 20.0, log=True),
        "kd.soft_weight": FloatDistribution(0.0, 1.0),
    }
    only_kd = Condition("kd.method", frozenset({0}))
    assert space.conditions == {"kd.temperature": only_kd, "kd.soft_weight": only_kd}


def test_what_is_fixed_is_not_searched_and_needs_no_condition(make_spec: Any) -> None:
    raw = make_spec().search_space.model_dump(mode="json")
    raw["kd"]["method"] = {"type": "fixed", "value": "kd"}
    raw["kd"]["temperature"] = {"type": "fixed", "value": 4.0}
    raw["architecture"]["depth"] = {"type": "int", "low": 2, "high": 5}
    space = sampler_space(make_spec(search_space=raw).search_space)
    assert set(space.distributions) == {
        "architecture.params_budget",
        "architecture.depth",
        "kd.soft_weight",
    }
    assert space.distributions["architecture.depth"] == IntDistribution(2, 5)
    assert space.conditions == {}


def drawing(point: Point, seed: int) -> Family:
    if float(point["architecture.params_budget"]) > 2e4:
        raise InfeasibleError("too large", violation=0.5)
    return Family((f"graph {seed}",), dict(COST), point={"kd.temperature": 5.0, "kd.beta": 1.0})


def test_a_preview_knows_the_size_as_the_front_measures_it(spec: StudySpec) -> None:
    preview = make_previewer(spec, drawing, seed=7)(PARAMS)
    assert preview.known == {1: pytest.approx(4.0)}  # log10 params, minimised
    assert preview.features == tuple(
        math.log1p(COST[name]) for name in ("macs", "params", "peak_bytes")
    )
    assert preview.is_feasible


def test_what_a_point_comes_to_is_told_of_searched_parameters_alone(spec: StudySpec) -> None:
    assert make_previewer(spec, drawing, seed=7)(PARAMS).point == {"kd.temperature": 5.0}


def test_the_key_names_students_and_distillation(spec: StudySpec) -> None:
    preview = make_previewer(spec, drawing, seed=7)
    keys = {
        preview(PARAMS).key,
        preview({**PARAMS, "architecture.params_budget": 1.1e4}).key,  # the same graph
        preview({**PARAMS, "kd.temperature": 6.0}).key,
        preview({"architecture.params_budget": 1e4, "kd.method": "none"}).key,
        make_previewer(spec, drawing, seed=8)(PARAMS).key,
    }
    assert len(keys) == 4


def test_a_refused_family_is_an_infeasible_point(spec: StudySpec) -> None:
    refused = make_previewer(spec, drawing, seed=7)({**PARAMS, "architecture.params_budget": 3e4})
    assert refused == Preview("", is_feasible=False)


def test_students_are_drawn_from_the_whole_point(spec: StudySpec) -> None:
    seen: list[Point] = []

    def draw(point: Point, seed: int) -> Family:
        seen.append(point)
        return drawing(point, seed)

    preview = make_previewer(spec, draw, seed=7)
    preview(PARAMS)
    preview({"architecture.params_budget": 1e4, "kd.method": "none"})
    for point in seen:
        spec.search_space.check_point(dict(point))
    assert seen[0]["architecture.op"]
    assert "kd.temperature" not in seen[1]


def test_a_bound_makes_points_infeasible_before_they_are_proposed(make_spec: Any) -> None:
    spec = make_spec(constraints={"max_params": 10_000})
    preview = make_previewer(spec, make_draw(spec, SHAPE), seed=7)
    assert preview({**PARAMS, "architecture.params_budget": 5e3}).is_feasible
    assert not preview({**PARAMS, "architecture.params_budget": 3e4}).is_feasible


@pytest.mark.parametrize("second", ["params", "latency_s", "macs"])
def test_a_record_gives_the_preview_that_its_trial_had(make_spec: Any, second: str) -> None:
    objectives = [
        {"metric": "top1", "direction": "maximize", "reference": 0.2},
        {"metric": second, "direction": "minimize", "reference": 1e9},
    ]
    spec = make_spec(objectives=objectives)
    draw = make_draw(spec, SHAPE)
    before = make_previewer(spec, draw, seed=7)(PARAMS)
    family = draw({**PARAMS}, 7)
    measured = {**family.cost, "latency_s": 0.01}  # known once the trial has begun
    record = Record(0, 0, 7, dict(PARAMS)).costing(measured, graphs=family.digests)
    completed = replace(record, point={**PARAMS, "architecture.op": "conv"})
    after = preview_of(spec, completed)
    assert (after.known, after.features) == (before.known, before.features)
    assert after.key == before.key == repeat_key(family.digests, PARAMS)
    assert list(before.known) == ([] if second == "latency_s" else [1])
