import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autokd.graphs import InputShape
from autokd.runs import Ledger, Outcome, Record, RungResult
from autokd.search.family import make_draw, slot_seed
from autokd.search.proposer import Proposal, Proposer
from autokd.study import StudySpec


def _record(slot: int, proposal: Proposal, outcome: str, top1: float = 0.5) -> Record:
    record = Record(slot, 0, 1, proposal.point, cost={"params": 5e3})
    if outcome in ("complete", "stopped"):
        record = record.with_rung(RungResult(4, {"top1": top1, "params": 5e3}))
    return record.ended(outcome, at_s=1.0)  # type: ignore[arg-type]


def test_a_proposal_is_a_point_of_the_search_space(spec: StudySpec) -> None:
    proposer = Proposer(spec)
    for slot in range(8):
        proposal = proposer.propose(slot)
        spec.search_space.check_point(proposal.point)
        proposer.learn(_record(slot, proposal, "complete", 0.1 * slot))


def test_fixed_values_are_in_the_point_and_not_in_optunas_parameters(spec: StudySpec) -> None:
    proposal = Proposer(spec).propose(0)
    assert "architecture.op" in proposal.point
    assert "architecture.op" not in proposal.params
    assert set(proposal.params) == set(proposal.distributions)


def test_parameters_of_a_method_are_drawn_with_it_only(spec: StudySpec) -> None:
    proposer = Proposer(spec)
    seen = set()
    for slot in range(12):
        point = proposer.propose(slot).point
        seen.add(point["kd.method"])
        assert ("kd.temperature" in point) == (point["kd.method"] == "kd")
    assert seen == {"kd", "none"}


@pytest.mark.parametrize("name", ["autokd", "tpe", "nsga2", "random"])
@pytest.mark.parametrize("memory", [3, 300])
def test_a_restored_proposer_goes_on_like_one_that_was_never_stopped(
    make_spec: Any, tmp_path: Any, name: str, memory: int
) -> None:
    spec = make_spec(sampler={"name": name, "startup_trials": 3, "memory": memory})
    ledger = Ledger(f"sqlite:///{tmp_path}/s.db", "s", objectives=spec.objectives)
    straight = Proposer(spec)
    outcomes = ["complete", "stopped", "failed", "complete", "complete", "complete"]
    for slot, outcome in enumerate(outcomes):
        proposal = straight.propose(slot)
        record = _record(slot, proposal, outcome, 0.3 + 0.1 * slot)
        ledger.begin(
            record,
            params=proposal.params,
            distributions=proposal.distributions,
            notes=proposal.notes,
        )
        values = [record.metrics["top1"], 5e3] if outcome == "complete" else None
        ledger.finish(record, values=values)
        straight.learn(record)
    resumed = Proposer(spec)
    for trial in ledger.last_attempts():
        record = Record.from_dict(trial.user_attrs["autokd"])
        resumed.restore(trial, record)
        resumed.learn(record)
    for slot in (6, 7):
        assert resumed.propose(slot) == straight.propose(slot)


def test_an_infeasible_slot_teaches_the_sampler_to_avoid_it(make_spec: Any) -> None:
    spec = make_spec(sampler={"name": "tpe", "startup_trials": 8})
    proposer = Proposer(spec)
    for slot in range(40):
        proposal = proposer.propose(slot)
        budget = float(proposal.point["architecture.params_budget"])
        if budget > 1e4:
            violation = budget / 1e4 - 1
            proposer.learn(_record(slot, proposal, "infeasible"), violation=violation)
        else:
            proposer.learn(_record(slot, proposal, "complete", 0.5))
    late = [proposer.propose(slot).point["architecture.params_budget"] for slot in range(40, 50)]
    assert sum(float(budget) <= 1e4 for budget in late) >= 8  # half of the log range is feasible


def test_a_trial_below_min_top1_teaches_the_sampler_to_avoid_its_like(make_spec: Any) -> None:
    """The fewest params are asked for, and only students above 10,000 are good enough."""
    size = [{"metric": "params", "direction": "minimize", "reference": 1e6}]

    def late(constraints: dict[str, float]) -> list[float]:
        spec = make_spec(
            objectives=size,
            constraints=constraints,
            sampler={"name": "tpe", "startup_trials": 10},
        )
        proposer, budgets = Proposer(spec), []
        for slot in range(60):
            proposal = proposer.propose(slot)
            budgets.append(float(proposal.point["architecture.params_budget"]))
            shown = {"top1": 0.9 if budgets[-1] > 1e4 else 0.5, "params": budgets[-1]}
            record = Record(slot, 0, 1, proposal.point).with_rung(RungResult(4, shown))
            proposer.learn(record.ended("complete", at_s=1.0))
        return budgets[40:]

    assert statistics.median(late({"min_top1": 0.1})) < 5e3
    assert 8e3 < statistics.median(late({"min_top1": 0.8})) < 2e4


def test_a_restored_proposer_knows_who_missed_min_top1(make_spec: Any, tmp_path: Path) -> None:
    spec = make_spec(constraints={"min_top1": 0.6}, sampler={"name": "tpe", "startup_trials": 3})
    ledger = Ledger(f"sqlite:///{tmp_path}/s.db", "s", objectives=spec.objectives)
    straight = Proposer(spec)
    for slot in range(8):
        proposal = straight.propose(slot)
        record = _record(slot, proposal, "complete", 0.3 + 0.1 * slot)
        ledger.begin(
            record,
            params=proposal.params,
            distributions=proposal.distributions,
            notes=proposal.notes,
        )
        missed = spec.constraints.shortfalls(record.metrics)
        ledger.finish(record, values=[record.metrics["top1"], 5e3], constraints=missed)
        straight.learn(record)
    resumed = Proposer(spec)
    for trial in ledger.last_attempts():
        record = Record.from_dict(trial.user_attrs["autokd"])
        resumed.restore(trial, record)
        resumed.learn(record)
    assert [resumed.propose(slot) for slot in (8, 9)] == [
        straight.propose(slot) for slot in (8, 9)
    ]


@pytest.mark.parametrize("name", ["autokd", "tpe", "nsga2", "gp", "random"])
def test_every_sampler_goes_on_with_trials_that_missed_min_top1_or_repeat_one(
    make_spec: Any, name: str
) -> None:
    space = make_spec().search_space.model_dump(mode="json")
    space["kd"] = {"method": {"type": "fixed", "value": "kd"}}  # gp wants no conditional ones
    spec = make_spec(
        search_space=space,
        constraints={"min_top1": 0.6},
        sampler={"name": name, "startup_trials": 3},
    )
    proposer = Proposer(spec)
    outcomes: list[Outcome] = ["complete", "repeated", "infeasible", "complete", "stopped"]
    for slot, outcome in enumerate([*outcomes, *outcomes]):
        proposal = proposer.propose(slot)
        record = _record(slot, proposal, "complete", 0.3 + 0.05 * slot)
        proposer.learn(replace(record, outcome=outcome), violation=0.1)
    spec.search_space.check_point(proposer.propose(10).point)


GUIDED = {"name": "autokd", "startup_trials": 2, "previews": 8}


def test_autokds_sampler_proposes_nobody_whom_a_bound_refuses(make_spec: Any) -> None:
    spec = make_spec(sampler=GUIDED, constraints={"max_params": 10_000})
    draw = make_draw(spec, InputShape(1, 8, 10))
    proposer = Proposer(spec, draw)
    for slot in range(7):
        proposal = proposer.propose(slot)
        family = draw(proposal.point, slot_seed(spec.seed, slot))
        assert family.cost["params"] <= 10_000
        record = Record(slot, 0, 1, proposal.point).costing(family.cost, graphs=family.digests)
        shown = RungResult(4, {"top1": 0.5 + 0.01 * slot, **family.cost})
        proposer.learn(record.with_rung(shown).ended("complete", at_s=1.0))


def test_autokds_sampler_learns_from_rungs_before_a_trial_ends(make_spec: Any) -> None:
    """Three trials are half-way, and only what they showed there differs."""

    def late(best: float) -> float:
        proposer = Proposer(make_spec(sampler={**GUIDED, "startup_trials": 3}))
        records = []
        for slot in range(6):
            proposal = proposer.propose(slot)
            weight = float(proposal.point.get("kd.soft_weight", 0.5))
            shown = {"top1": 0.9 - abs(weight - best) / 2, "params": 5e3}
            record = Record(slot, 0, 1, proposal.point).with_rung(RungResult(2, shown))
            proposer.note(record)
            if slot == 0:
                proposer.learn(record.with_rung(RungResult(4, shown)).ended("complete", at_s=1.0))
            records.append(record)
        return float(proposer.propose(6).point.get("kd.soft_weight", 0.5))

    assert late(0.0) != late(1.0)


def test_a_repeat_teaches_the_sampler_what_the_first_has_shown(make_spec: Any) -> None:
    proposer = Proposer(make_spec(sampler=GUIDED))
    first, second = proposer.propose(0), proposer.propose(1)
    closed = _record(0, first, "complete", 0.7)
    proposer.learn(closed)
    proposer.learn(Record(1, 0, 1, second.point).repeating(closed, at_s=2.0))
    trials = proposer._copy.get_trials(deepcopy=False)
    assert trials[0].values == trials[1].values
    assert trials[0].user_attrs == trials[1].user_attrs


def test_after_a_refusal_for_latency_what_keeps_the_bound_stays_feasible(make_spec: Any) -> None:
    spec = make_spec(sampler=GUIDED, constraints={"max_latency_s": 1.0}, seed=3)
    draw = make_draw(spec, InputShape(1, 8, 10))
    proposer = Proposer(spec, draw)
    budgets = []
    for slot in range(14):
        proposal = proposer.propose(slot)
        family = draw(proposal.point, slot_seed(spec.seed, slot))
        record = Record(slot, 0, 1, proposal.point).costing(family.cost, graphs=family.digests)
        params = family.cost["params"]
        budgets.append(params)
        if params > 40_000:
            refused = record.ended("infeasible", at_s=1.0, reason="too slow")
            proposer.learn(refused, violation=params / 40_000 - 1)
            continue
        cost = {**family.cost, "latency_s": params / 40_000}
        shown = RungResult(4, {"top1": 0.3 + params / 1e5, **cost})
        record = record.costing(cost, graphs=family.digests).with_rung(shown)
        proposer.learn(record.ended("complete", at_s=1.0))
    constraints = [trial.constraints["size"] for trial in proposer._copy.get_trials()]
    assert min(constraints) < 0 < max(constraints)
    assert constraints == pytest.approx([params / 40_000 - 1 for params in budgets])


def test_what_previews_foresee_is_not_learned_from_refusals(make_spec: Any) -> None:
    spec = make_spec(sampler=GUIDED, constraints={"max_params": 10_000})
    proposer = Proposer(spec, make_draw(spec, InputShape(1, 8, 10)))
    proposal = proposer.propose(0)
    proposer.learn(Record(0, 0, 1, proposal.point).ended("infeasible", at_s=1.0), violation=0.5)
    assert not proposer._copy.get_trials()[0].constraints
