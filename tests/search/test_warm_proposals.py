"""Proposals of a warm start, by every sampler: the queue first, then what it would propose."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autokd.graphs import InputShape
from autokd.runs import Ledger, Record, RungResult
from autokd.sampler import Earlier
from autokd.search.family import Family, make_draw, slot_seed
from autokd.search.proposer import Proposal, Proposer
from autokd.search.queued import Queued, baselines
from autokd.search.translate import middle
from autokd.search.warm import WarmStart
from autokd.start import Start
from autokd.study import StudySpec
from tests.search.fakes import FLAT

SHAPE = InputShape(1, 8, 10)
SAMPLERS = ["autokd", "tpe", "nsga2", "gp", "random"]


def _ended(slot: int, proposal: Proposal, top1: float = 0.5) -> Record:
    record = Record(slot, 0, 1, proposal.point, cost={"params": 5e3})
    record = record.with_rung(RungResult(4, {"top1": top1, "params": 5e3}))
    return record.ended("complete", at_s=1.0)


def _member(spec: StudySpec, budget: float) -> Queued:
    middles = {d.name: middle(d.domain) for d in spec.search_space.dimensions()}
    return Queued({**middles, "architecture.params_budget": budget}, f"member of {budget:,.0f}")


def _warm(spec: StudySpec) -> WarmStart:
    chains = baselines(Start(chain=(3_000, 9_000)), spec.search_space)
    return WarmStart((*chains, _member(spec, 4e3), _member(spec, 2e4)))


def _make_family_spec(make_spec: Any, name: str, **changes: Any) -> StudySpec:
    sampler = {"name": name, "startup_trials": 2, "previews": 4}
    spec: StudySpec = make_spec(search_space=FLAT, sampler=sampler, **changes)
    return spec


def _shown(slot: int, proposal: Proposal, family: Family) -> Record:
    record = proposal.record(slot, 0, seed=1, at_s=0.0)
    record = record.costing(family.cost, graphs=family.digests)
    for rung in (1, 4):
        shown = {"top1": 0.3 + 0.03 * slot + 0.01 * rung, **family.cost}
        record = record.with_rung(RungResult(rung, shown))
    return record


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_queue_comes_first_and_then_the_sampler(make_spec: Any, name: str) -> None:
    spec = _make_family_spec(make_spec, name)
    draw, warm = make_draw(spec, SHAPE), _warm(spec)
    proposer, proposals = Proposer(spec, draw, warm=warm), []
    for slot in range(9):
        proposals.append(proposer.propose(slot))
        family = draw(proposals[-1].point, slot_seed(spec.seed, slot))
        record = _shown(slot, proposals[-1], family)
        proposer.note(record)
        proposer.learn(record.ended("complete", at_s=1.0))
    assert [Queued(p.point, p.origin) for p in proposals[:4]] == list(warm.queue)
    assert {p.origin for p in proposals[4:]} == {""}
    for proposal in proposals[2:]:
        spec.search_space.check_point(proposal.point)
        assert proposal.params.keys() == proposal.distributions.keys()
        assert len(proposal.params) == 3
    assert [list(p.params) for p in proposals[:2]] == [["kd.temperature"]] * 2


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "autokd"])
def test_optuna_s_samplers_know_nothing_of_baselines(make_spec: Any, name: str) -> None:
    """They would take the parameters that all trials have for the search space."""
    spec = _make_family_spec(make_spec, name)

    def proposed(warm: WarmStart) -> list[Proposal]:
        proposer, later = Proposer(spec, warm=warm), []
        for slot in range(len(warm.queue)):
            proposer.learn(_ended(slot, proposer.propose(slot)))
        for slot in range(2, 12):
            later.append(proposer.propose(slot))
            proposer.learn(_ended(slot, later[-1], 0.3 + 0.05 * (slot % 5)))
        return later

    assert proposed(WarmStart(_warm(spec).queue[:2])) == proposed(WarmStart())


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("n_before", [1, 3, 7])
def test_a_restored_proposer_goes_on_with_the_queue(
    make_spec: Any, tmp_path: Path, name: str, n_before: int
) -> None:
    spec = _make_family_spec(make_spec, name)
    draw, warm = make_draw(spec, SHAPE), _warm(spec)
    ledger = Ledger(f"sqlite:///{tmp_path}/s.db", "s", objectives=spec.objectives)

    def go_on(proposer: Proposer, slots: range, *, writes: bool) -> list[Proposal]:
        proposals = []
        for slot in slots:
            proposal = proposer.propose(slot)
            record = _shown(slot, proposal, draw(proposal.point, slot_seed(spec.seed, slot)))
            closed = record.ended("complete", at_s=1.0)
            if writes:
                ledger.begin(
                    record,
                    params=proposal.params,
                    distributions=proposal.distributions,
                    notes=proposal.notes,
                )
                values = [record.metrics[axis.metric] for axis in spec.axes]
                ledger.finish(closed, values=values)
            proposer.note(record)
            proposer.learn(closed)
            proposals.append(proposal)
        return proposals

    straight = Proposer(spec, draw, warm=warm)
    go_on(straight, range(n_before), writes=True)
    resumed = Proposer(spec, draw, warm=warm)
    for trial in ledger.last_attempts():
        record = Record.from_dict(trial.user_attrs["autokd"])
        assert resumed.restore(trial, record).origin == record.origin
        resumed.learn(record)
    rest = range(n_before, 9)
    assert go_on(resumed, rest, writes=False) == go_on(straight, rest, writes=False)


def test_earlier_runs_change_what_is_proposed_once_there_is_a_model(make_spec: Any) -> None:
    spec = _make_family_spec(make_spec, "autokd")
    points = [{"architecture.rewiring": x} for x in np.linspace(0.1, 0.9, 20).tolist()]
    shown = [{1.0: [float(point["architecture.rewiring"]), 4.0]} for point in points]

    def rewirings(warm: WarmStart) -> list[float]:
        proposer, found = Proposer(spec, warm=warm), []
        for slot in range(4):
            proposal = proposer.propose(slot)
            found.append(float(proposal.point["architecture.rewiring"]))
            proposer.learn(_ended(slot, proposal, 1 - 0.5 * found[-1]))
        return found

    alone, warm = rewirings(WarmStart()), rewirings(WarmStart(earlier=(Earlier(points, shown),)))
    assert warm[:2] == alone[:2]  # the start-up
    assert warm[2:] != alone[2:]
    assert warm[2] < 0.2
