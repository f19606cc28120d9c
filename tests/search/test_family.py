import re
from typing import Any

import pytest

from autokd.errors import ConstraintViolated, InfeasibleError
from autokd.graphs import GENERATORS, InputShape, count_params
from autokd.parameters import Value
from autokd.search.family import (
    check_constraints,
    draw_family,
    family_cost,
    make_draw,
    repeat_key,
    slot_seed,
)
from autokd.search.proposer import Proposer
from autokd.seeds import derive_seed
from autokd.study import Constraints, StudySpec

SHAPE = InputShape(1, 8, 10)


def test_a_family_is_drawn_from_point_and_seed_alone(make_spec: Any) -> None:
    spec = make_spec(family_size=3)
    point = Proposer(spec).propose(0).point
    first = draw_family(spec, point, seed=5, shape=SHAPE)
    assert first == draw_family(spec, point, seed=5, shape=SHAPE)
    assert len(first) == 3


def test_cost_is_the_mean_of_the_family(make_spec: Any) -> None:
    spec = make_spec(family_size=2)
    graphs = draw_family(spec, Proposer(spec).propose(0).point, seed=5, shape=SHAPE)
    params = [count_params(graph, SHAPE) for graph in graphs]
    assert family_cost(graphs, SHAPE)["params"] == pytest.approx(sum(params) / 2)


def test_slot_seeds_differ_between_slots_and_studies() -> None:
    seeds = {slot_seed(study, slot) for study in range(3) for slot in range(100)}
    assert len(seeds) == 300


def test_a_budget_out_of_reach_is_infeasible(spec: StudySpec) -> None:
    point = {**Proposer(spec).propose(0).point, "architecture.params_budget": 500.0}
    with pytest.raises(InfeasibleError, match="500"):
        draw_family(spec, {**point, "architecture.depth": 6}, seed=5, shape=SHAPE)


def test_the_largest_relative_excess_is_the_violation() -> None:
    bounds = Constraints(max_params=1000, max_macs=100)
    check_constraints(bounds, {"params": 1000.0, "macs": 100.0})
    with pytest.raises(
        ConstraintViolated, match=r"params 1,500 exceeds max_params = 1,000"
    ) as caught:
        check_constraints(bounds, {"params": 1500.0, "macs": 300.0})
    assert caught.value.violation == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("bound", "costs", "told"),
    [
        (
            {"max_params": 1000},
            {"params": 1000.5},
            "params 1,000 exceeds max_params = 1,000 by 0.5",
        ),
        (
            {"max_macs": 2_000_000},
            {"macs": 3_234_567.0},
            "macs 3,234,567 exceeds max_macs = 2,000,000 by 1,234,567",
        ),
        (
            {"max_latency_s": 0.0025},
            {"latency_s": 0.004},
            "latency_s 0.004 exceeds max_latency_s = 0.0025 by 0.0015",
        ),
        (
            {"max_peak_bytes": 4096},
            {"peak_bytes": 4224.0},
            "peak_bytes 4,224 exceeds max_peak_bytes = 4,096 by 128",
        ),
    ],
)
def test_a_refusal_names_the_bound_and_by_how_much_it_is_exceeded(
    bound: dict[str, Any], costs: dict[str, float], told: str
) -> None:
    with pytest.raises(ConstraintViolated, match=f"^{re.escape(told)}$"):
        check_constraints(Constraints(**bound), costs)


def test_every_bound_that_is_exceeded_is_named() -> None:
    with pytest.raises(ConstraintViolated, match=r"^params .* by 5; macs .* by 9$"):
        check_constraints(Constraints(max_params=5, max_macs=1), {"params": 10.0, "macs": 10.0})


def test_a_bound_on_top1_refuses_nobody_before_training() -> None:
    costs = {"params": 10.0, "macs": 10.0, "peak_bytes": 10.0, "latency_s": 10.0}
    check_constraints(Constraints(min_top1=0.99), costs)
    check_constraints(Constraints(min_top1=0.99), {**costs, "top1": 0.1})


def test_a_bound_on_what_is_not_yet_measured_waits() -> None:
    check_constraints(Constraints(max_latency_s=1e-9), {"params": 5.0})
    with pytest.raises(ConstraintViolated, match="latency_s"):
        check_constraints(Constraints(max_latency_s=1e-9), {"params": 5.0, "latency_s": 1.0})


POINT: dict[str, Value] = {"kd.method": "kd", "kd.temperature": 4.0}


def test_a_draw_knows_digests_and_cost_before_there_is_any_training(make_spec: Any) -> None:
    spec = make_spec(family_size=2)
    point = Proposer(spec).propose(0).point
    family = make_draw(spec, SHAPE)(point, 5)
    assert family.graphs == draw_family(spec, point, seed=5, shape=SHAPE)
    assert family.digests == tuple(graph.digest for graph in family.graphs)
    assert family.cost == family_cost(family.graphs, SHAPE)
    assert family.point == {}


def test_a_draw_remembers_the_families_of_the_latest_seed(spec: StudySpec) -> None:
    draw, point = make_draw(spec, SHAPE), Proposer(spec).propose(0).point
    first = draw(point, 5)
    other = draw({**point, "architecture.params_budget": 9e3}, 5)
    assert other != first
    assert draw(dict(reversed(point.items())), 5) is first
    elsewhere = draw(point, 6)
    assert elsewhere is not first
    assert draw(point, 5) is not first  # forgotten since
    assert draw(point, 5) == first


def test_a_draw_refuses_what_exceeds_a_bound_every_time(make_spec: Any) -> None:
    spec = make_spec(constraints={"max_params": 3_000})
    point = {**Proposer(spec).propose(0).point, "architecture.params_budget": 9e3}
    draw = make_draw(spec, SHAPE)
    for _ in range(2):
        with pytest.raises(ConstraintViolated, match="exceeds max_params = 3,000"):
            draw(point, 5)


def test_equal_students_and_distillation_have_equal_keys_and_others_have_not() -> None:
    keys = [
        repeat_key(("a", "b"), {**POINT, "architecture.params_budget": 5e3}),
        repeat_key(("a", "b"), {**POINT, "architecture.params_budget": 6e3}),
        repeat_key(("a", "b"), dict(reversed(POINT.items()))),
        repeat_key(("b", "a"), POINT),
        repeat_key(("a",), POINT),
        repeat_key(("a", "b"), {**POINT, "kd.temperature": 5.0}),
        repeat_key(("a", "b"), {"kd.method": "kd"}),
    ]
    assert len(set(keys)) == 5
    assert len(set(keys[:3])) == 1


def test_a_baseline_is_drawn_by_the_generator_that_it_names(make_spec: Any) -> None:
    spec = make_spec(family_size=2)
    flat: dict[str, Value] = {
        "generator": "flat",
        "architecture.params_budget": 5e3,
        "architecture.nodes": 3,
    }
    graphs = draw_family(spec, {**flat, "kd.method": "kd"}, seed=5, shape=SHAPE)
    settings = {"params_budget": 5e3, "nodes": 3}
    seed = derive_seed(5, "graph", 1)
    assert graphs[1] == GENERATORS["flat"].draw(settings, seed=seed, shape=SHAPE)
