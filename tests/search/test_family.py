from typing import Any

import pytest

from autokd.errors import ConstraintViolated, InfeasibleError
from autokd.graphs import InputShape, count_params
from autokd.search.family import check_constraints, draw_family, family_cost, slot_seed
from autokd.search.proposer import Proposer
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


def test_a_bound_on_what_is_not_yet_measured_waits() -> None:
    check_constraints(Constraints(max_latency_s=1e-9), {"params": 5.0})
    with pytest.raises(ConstraintViolated, match="latency_s"):
        check_constraints(Constraints(max_latency_s=1e-9), {"params": 5.0, "latency_s": 1.0})
