"""Whole searches that begin warm, with a crew that trains nothing."""

from pathlib import Path
from typing import Any

import pytest

from autokd.graphs import GENERATORS, ArchGraph, InputShape
from autokd.runs import Ledger, Record, RunFolder
from autokd.search.family import make_draw
from autokd.search.loop import Loop
from autokd.search.progress import Silent
from autokd.search.queued import Queued, baselines
from autokd.search.translate import translated
from autokd.search.warm import WarmStart, begin_warm
from autokd.study import StudySpec
from tests.search.fakes import FLAT, FakeCrew

SHAPE = InputShape(1, 8, 10)
BUDGET = "architecture.params_budget"


def _member(spec: StudySpec, budget: float) -> Queued:
    point = translated(spec.search_space, {BUDGET: budget, "kd.method": "kd"})
    return Queued(point, f"front of runs/a, trial {budget:.0f}")


def _warm(spec: StudySpec) -> WarmStart:
    chains = baselines(spec.start, spec.search_space)
    return WarmStart((*chains, _member(spec, 3e3), _member(spec, 2e4)))


def _spec(make_spec: Any, name: str, *, trials: int = 8, **changes: Any) -> StudySpec:
    spec: StudySpec = make_spec(
        search_space=FLAT,
        sampler={"name": name, "startup_trials": 2, "previews": 4},
        start={"chain": [3_000, 9_000]},
        budget={"trials": trials},
        **changes,
    )
    return spec


def _search(
    path: Path, spec: StudySpec, crew: FakeCrew, *, warm: WarmStart | None = None
) -> list[Record]:
    folder = RunFolder(path)
    folder.create(spec, definitions={})
    ledger = Ledger(folder.database, "s", objectives=spec.objectives, keeps_connection=True)
    try:
        loop = Loop(
            spec,
            make_draw(spec, SHAPE),
            folder=folder,
            ledger=ledger,
            crew=crew,
            listener=Silent(),
            warm=warm or _warm(spec),
        )
        loop.restore()
        loop.run()
        return ledger.records()
    finally:
        ledger.close()


def _results(records: list[Record]) -> list[object]:
    return [(r.slot, r.outcome, r.point, r.metrics, r.graphs, r.origin) for r in records]


def _chain(budget: float) -> ArchGraph:
    return GENERATORS["chain"].draw({"params_budget": budget}, seed=0, shape=SHAPE)


def test_the_queue_fills_the_first_slots_with_ordinary_records(
    make_spec: Any, tmp_path: Path
) -> None:
    records = _search(tmp_path / "run", _spec(make_spec, "tpe"), FakeCrew())
    assert [record.origin for record in records] == [
        "chain baseline of 3,000 params",
        "chain baseline of 9,000 params",
        "front of runs/a, trial 3000",
        "front of runs/a, trial 20000",
        *[""] * 4,
    ]
    assert [record.is_baseline for record in records] == [True, True, *[False] * 6]
    assert {record.outcome for record in records} <= {"complete", "stopped"}


def test_a_baseline_is_a_chain_and_a_queued_student_a_fresh_member_of_its_family(
    make_spec: Any, tmp_path: Path
) -> None:
    spec, crew = _spec(make_spec, "tpe"), FakeCrew()
    records = _search(tmp_path / "run", spec, crew)
    graphs = [RunFolder(tmp_path / "run").read_graphs(slot) for slot in range(4)]
    assert graphs[0] == (_chain(3e3),)
    assert graphs[1] == (_chain(9e3),)
    assert records[0].cost["params"] == pytest.approx(3e3, rel=0.03)
    assert records[2].cost["params"] == pytest.approx(3e3, rel=0.03)
    assert [task.point for task in crew.seen[:4]] == [q.point for q in _warm(spec).queue]
    # The graph follows from the point and the slot's seed, as that of any trial.
    family = make_draw(spec, SHAPE)(records[2].point, records[2].seed)
    assert records[2].graphs == family.digests != (_chain(3e3).digest,)


def test_optuna_sees_of_a_baseline_what_the_study_searches(make_spec: Any, tmp_path: Path) -> None:
    spec = _spec(make_spec, "tpe", trials=3)
    _search(tmp_path / "run", spec, FakeCrew())
    ledger = Ledger(RunFolder(tmp_path / "run").database, "s")
    assert [sorted(trial.params) for trial in ledger.trials()] == [
        ["kd.temperature"],
        ["kd.temperature"],
        [BUDGET, "architecture.rewiring", "kd.temperature"],
    ]


@pytest.mark.parametrize("name", ["autokd", "tpe", "nsga2"])
@pytest.mark.parametrize("stop_at", [0, 1, 3, 5])
def test_an_interrupted_warm_start_resumes_as_if_it_had_not_been(
    make_spec: Any, tmp_path: Path, name: str, stop_at: int
) -> None:
    spec = _spec(make_spec, name)
    straight = _search(tmp_path / "a", spec, FakeCrew())
    with pytest.raises(KeyboardInterrupt):
        _search(tmp_path / "b", spec, FakeCrew(stop_at=stop_at))
    resumed = _search(tmp_path / "b", spec, FakeCrew())
    assert _results(resumed) == _results(straight)
    assert resumed[stop_at].attempt == 1


def test_a_budget_that_ends_inside_the_queue_is_continued_inside_it(
    make_spec: Any, tmp_path: Path
) -> None:
    together = _search(tmp_path / "a", _spec(make_spec, "autokd", trials=7), FakeCrew())
    first = _search(tmp_path / "b", _spec(make_spec, "autokd", trials=3), FakeCrew())
    assert [record.origin for record in first] == [record.origin for record in together[:3]]
    later = _search(tmp_path / "b", _spec(make_spec, "autokd", trials=7), FakeCrew())
    assert _results(later) == _results(together)


@pytest.mark.parametrize("name", ["autokd", "tpe"])
def test_a_baseline_beyond_a_bound_is_refused_like_anybody(
    make_spec: Any, tmp_path: Path, name: str
) -> None:
    spec, crew = _spec(make_spec, name, constraints={"max_params": 5_000}), FakeCrew()
    records = _search(tmp_path / "run", spec, crew)
    assert [record.outcome == "infeasible" for record in records[:4]] == [False, True] * 2
    assert records[1].origin == "chain baseline of 9,000 params"
    assert {1, 3}.isdisjoint(task.slot for task in crew.seen)


def test_the_same_chain_twice_is_trained_once(make_spec: Any, tmp_path: Path) -> None:
    """A chain leaves nothing to chance, so that a budget within the same 3 % is a repeat."""
    spec = _spec(make_spec, "autokd", trials=2)
    spec = spec.model_copy(
        update={"start": spec.start.model_copy(update={"chain": (3_000.0, 3_000.5)})}
    )
    crew = FakeCrew()
    records = _search(tmp_path / "run", spec, crew)
    assert [record.outcome for record in records] == ["complete", "repeated"]
    assert records[1].repeats == 0
    assert len(crew.seen) == 1


def _chains(make_spec: Any) -> tuple[StudySpec, WarmStart]:
    """A study of chains that begins with some that its sampler can propose, too."""
    space = {
        "title": "Chains",
        "generator": "chain",
        "architecture": {
            "params_budget": {"type": "categorical", "choices": [3e3, 5e3, 2e4, 5e4]},
        },
        "kd": {"method": {"type": "fixed", "value": "none"}},
    }
    spec = make_spec(
        search_space=space,
        sampler={"name": "autokd", "startup_trials": 3},
        start={"chain": [50_000, 3_000, 5_000]},
        budget={"trials": 14},
    )
    return spec, begin_warm(spec, ())


def test_a_stopped_baseline_that_the_sampler_proposes_again_is_a_find_of_the_search(
    make_spec: Any, tmp_path: Path
) -> None:
    (spec, warm), crew = _chains(make_spec), FakeCrew()
    records = _search(tmp_path / "run", spec, crew, warm=warm)
    assert [record.is_baseline for record in records] == [
        bool(record.origin) for record in records
    ]
    taken_up = [r for r in records if r.continues is not None and records[r.continues].is_baseline]
    assert taken_up
    tasks = {task.slot: task for task in crew.seen}
    for record in taken_up:
        spec.search_space.check_point(record.point)
        assert tasks[record.slot].after == records[record.continues or 0].epochs
        # What trains is what is recorded.
        family = make_draw(spec, SHAPE)(tasks[record.slot].point, tasks[record.slot].seed)
        assert family.digests == record.graphs == records[record.continues or 0].graphs


def test_a_baseline_that_is_trained_on_is_the_same_one_after_an_interruption(
    make_spec: Any, tmp_path: Path
) -> None:
    spec, warm = _chains(make_spec)
    straight = _search(tmp_path / "a", spec, FakeCrew(), warm=warm)
    middle = next(record.slot for record in straight if record.continues is not None)
    with pytest.raises(KeyboardInterrupt):
        _search(tmp_path / "b", spec, FakeCrew(stop_at=middle), warm=warm)
    resumed = _search(tmp_path / "b", spec, FakeCrew(), warm=warm)
    assert resumed[middle].attempt == 1
    assert _results(resumed) == _results(straight)
    assert [(r.seed, r.continues) for r in resumed] == [(r.seed, r.continues) for r in straight]
