from typing import Any

import pytest

from autokd.runs import Ledger, Record, RungResult
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


@pytest.mark.parametrize("name", ["tpe", "nsga2", "random"])
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
