import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from autokd.errors import Diverged, TrialError
from autokd.graphs import ArchGraph, InputShape, count_params
from autokd.runs import Ledger, Record, RunFolder, RungResult
from autokd.search.crew import Handler, Task
from autokd.search.family import draw_family, make_draw
from autokd.search.loop import Loop, Measure
from autokd.search.progress import Snapshot
from autokd.search.proposer import Proposer
from autokd.study import Budget, StudySpec
from tests.search.fakes import RUNGS, FakeCrew

SHAPE = InputShape(1, 8, 10)


class PairCrew(FakeCrew):
    """Two at a time, whose weights are written long before the search hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: list[int] = []

    @property
    def n_free(self) -> int:
        return 2 - len(self.tasks)

    def submit(self, task: Task) -> None:
        task.weights.write_bytes(b"weights")
        super().submit(task)

    def step(self, handler: Handler) -> None:
        self.missing += [task.slot for task in self.tasks if not task.weights.exists()]
        super().step(handler)


class Remembering:
    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.news: list[str] = []

    def preparing(self, what: str, done: int, total: int) -> None:
        raise AssertionError("the loop prepares nothing")

    def changed(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def told(self, message: str) -> None:
        self.news.append(message)


class Session:
    def __init__(self, path: Path, spec: StudySpec) -> None:
        self.folder = RunFolder(path)
        self.folder.create(spec, definitions={})
        self.ledger = Ledger(
            self.folder.database, "s", objectives=spec.objectives, keeps_connection=True
        )
        self.spec = spec
        self.listener = Remembering()

    def run(
        self, crew: FakeCrew, *, measure: Measure | None = None, taught_s: float = 0.0
    ) -> list[Record]:
        loop = Loop(
            self.spec,
            make_draw(self.spec, SHAPE),
            folder=self.folder,
            ledger=self.ledger,
            crew=crew,
            listener=self.listener,
            measure=measure,
            taught_s=taught_s,
        )
        loop.restore()
        loop.run()
        return self.ledger.records()


MakeSession = Callable[..., Session]


@pytest.fixture
def make_session(tmp_path: Path, make_spec: Any) -> Iterator[MakeSession]:
    with ExitStack() as stack:

        def make(name: str = "run", **changes: Any) -> Session:
            session = Session(tmp_path / name, make_spec(**changes))
            stack.callback(session.ledger.close)
            return session

        yield make


def _results(records: list[Record]) -> list[object]:
    return [(r.slot, r.outcome, r.point, r.metrics, r.graphs) for r in records]


def test_every_slot_of_the_budget_is_recorded(make_session: MakeSession) -> None:
    session = make_session()
    records = session.run(FakeCrew())
    assert [record.slot for record in records] == list(range(6))
    assert {record.outcome for record in records} <= {"complete", "stopped"}
    assert session.listener.snapshots[-1].closed == 6


def test_a_stopped_trial_keeps_its_rungs_and_the_races_reason(make_session: MakeSession) -> None:
    records = make_session(budget={"trials": 20}).run(FakeCrew())
    stopped = [record for record in records if record.outcome == "stopped"]
    assert stopped
    for record in stopped:
        assert record.epochs < 4
        assert not record.rungs[-1].goes_on
        assert record.reason == record.rungs[-1].verdict


def test_only_the_fronts_weights_are_kept(make_session: MakeSession) -> None:
    session = make_session(budget={"trials": 12})
    session.run(FakeCrew())
    kept = {int(path.parent.name) for path in session.folder.path.glob("slots/*/weights*")}
    assert kept == {slot for slot, _ in session.listener.snapshots[-1].front}


def test_the_weights_of_a_trial_whose_end_is_not_heard_of_yet_are_kept(
    make_session: MakeSession,
) -> None:
    crew = PairCrew()
    make_session(budget={"trials": 8}).run(crew)
    assert crew.missing == []


def test_a_lost_trial_is_recorded_and_the_study_goes_on(make_session: MakeSession) -> None:
    session = make_session()
    records = session.run(FakeCrew(lose={2: Diverged("the loss is not finite in epoch 1")}))
    assert records[2].outcome == "failed"
    assert records[2].reason == "Diverged: the loss is not finite in epoch 1"
    assert session.listener.news == ["trial 2 failed: Diverged: the loss is not finite in epoch 1"]
    assert len(records) == 6


def test_a_finished_study_continues_with_more_trials(make_session: MakeSession) -> None:
    together = make_session("a", budget={"trials": 10}).run(FakeCrew())
    make_session("b", budget={"trials": 4}).run(FakeCrew())
    crew = FakeCrew()
    assert _results(make_session("b", budget={"trials": 10}).run(crew)) == _results(together)
    assert [task.slot for task in crew.seen] == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("stop_at", [0, 3, 5])
def test_an_interrupted_study_resumes_as_if_it_had_not_been(
    make_session: MakeSession, stop_at: int
) -> None:
    straight = make_session("a", budget={"trials": 8}).run(FakeCrew())
    session = make_session("b", budget={"trials": 8})
    with pytest.raises(KeyboardInterrupt):
        session.run(FakeCrew(stop_at=stop_at))
    assert session.ledger.records()[stop_at].outcome == "interrupted"
    resumed = make_session("b", budget={"trials": 8}).run(FakeCrew())
    assert _results(resumed) == _results(straight)
    assert resumed[stop_at].attempt == 1


def test_seconds_end_a_study_without_losing_what_runs(make_session: MakeSession) -> None:
    session = make_session(budget={"seconds": 1e-9})
    assert session.run(FakeCrew()) == []
    session = make_session("b", budget={"seconds": 0.5, "trials": 10_000})
    records = session.run(FakeCrew())
    assert 0 < len(records) < 10_000
    assert all(record.ended_s is not None for record in records)


def test_training_the_assistants_counts_in_a_budget_of_seconds(
    make_session: MakeSession,
) -> None:
    session = make_session(budget={"seconds": 40, "trials": 3})
    assert session.run(FakeCrew(), taught_s=40.0) == []
    records = session.run(FakeCrew(), taught_s=30.0)
    assert [record.slot for record in records] == [0, 1, 2]
    assert all(record.ended_s is not None and 30 < record.ended_s < 40 for record in records)
    session.spec = session.spec.model_copy(update={"budget": Budget(seconds=40, trials=4)})
    later = session.run(FakeCrew(), taught_s=30.0)  # resumed: counted once
    assert later[-1].began_s < 40


def test_an_infeasible_student_is_never_trained(make_session: MakeSession) -> None:
    session = make_session(constraints={"max_params": 10_000}, budget={"trials": 12})
    crew = FakeCrew()
    records = session.run(crew)
    refused = {record.slot for record in records if record.outcome == "infeasible"}
    assert refused
    assert refused.isdisjoint(task.slot for task in crew.seen)
    assert all("exceeds max_params = 10,000" in records[slot].reason for slot in refused)
    assert len(records) == 12


def test_latency_is_measured_before_training_with_the_crew_paused(
    make_session: MakeSession,
) -> None:
    objectives = [
        {"metric": "top1", "direction": "maximize", "reference": 0.2},
        {"metric": "latency_s", "direction": "minimize", "reference": 1.0},
    ]
    crew = FakeCrew()
    records = make_session(objectives=objectives).run(crew, measure=lambda _graphs: 0.01)
    assert crew.n_pauses == 6
    assert all(record.cost["latency_s"] == 0.01 for record in records)


def test_a_latency_bound_refuses_after_measuring(make_session: MakeSession) -> None:
    crew = FakeCrew()
    session = make_session(constraints={"max_latency_s": 0.005})
    records = session.run(crew, measure=lambda _graphs: 0.01)
    assert {record.outcome for record in records} == {"infeasible"}
    assert crew.seen == []


def test_one_objective_works(make_session: MakeSession) -> None:
    objectives = [{"metric": "top1", "direction": "maximize", "reference": 0.2}]
    session = make_session(objectives=objectives, constraints={"max_params": 20_000})
    records = session.run(FakeCrew())
    assert len(records) == 6
    assert len(session.listener.snapshots[-1].front) >= 1


def test_what_a_worker_notes_stands_before_the_races_reason(make_session: MakeSession) -> None:
    session = make_session(budget={"trials": 1})

    class Noting(FakeCrew):
        def step(self, handler: Handler) -> None:
            task = self.tasks.pop()
            handler.rung(task.slot, RungResult(1, {"top1": 0.5}, verdict="trained anew"))
            handler.finished(task.slot)

    (record,) = session.run(Noting())
    assert record.reason == "trained anew; result 1 at this rung, the race begins with 2"


class FamilyCrew(FakeCrew):
    """Reports the mean and the spread of families whose members lie far apart."""

    def __init__(self, means: Sequence[float]) -> None:
        super().__init__()
        self._means = means

    def step(self, handler: Handler) -> None:
        task = self.tasks.pop()
        task.weights.write_bytes(b"weights")
        metrics, spread = {"top1": self._means[task.slot]}, {"top1": 0.3, "params": 7.0}
        for rung in RUNGS:
            if not handler.rung(task.slot, RungResult(rung, metrics, spread)):
                break
        handler.finished(task.slot)


def test_race_and_front_use_a_family_s_mean_and_the_record_keeps_its_spread(
    make_session: MakeSession,
) -> None:
    means = [0.9, 0.5, 0.94, 0.6, 0.3]
    objectives = [{"metric": "top1", "direction": "maximize", "reference": 0.2}]
    session = make_session(family_size=3, objectives=objectives, budget={"trials": 5})
    records = session.run(FamilyCrew(means))
    for record in records:
        assert record.rungs[-1].spread == {"top1": 0.3, "params": 7.0}
        graphs = session.folder.read_graphs(record.slot)
        assert len(graphs) == 3
        assert record.metrics["params"] == fmean(count_params(graph, SHAPE) for graph in graphs)
    # One in eta = 2 goes on, by the means alone: spreads of 0.3 would let anybody pass.
    assert [record.outcome for record in records] == [
        "complete",  # the race begins with two
        "stopped",
        "complete",
        "stopped",
        "stopped",
    ]
    assert [slot for slot, _ in session.listener.snapshots[-1].front] == [2]


@pytest.mark.parametrize(
    ("bound", "limit"),
    [
        ("max_params", 10_000),
        ("max_macs", 300_000),
        ("max_peak_bytes", 4_000),
        ("max_latency_s", 0.004),
    ],
)
def test_each_bound_refuses_before_training_and_says_by_how_much(
    make_session: MakeSession, bound: str, limit: float
) -> None:
    def latency(graphs: Sequence[ArchGraph]) -> float:
        return count_params(graphs[0], SHAPE) / 2.5e6  # 0.004 s for 10,000 params

    session = make_session(constraints={bound: limit}, budget={"trials": 14})
    crew = FakeCrew()
    measure = latency if bound == "max_latency_s" else None
    records = session.run(crew, measure=measure)
    refused = [record for record in records if record.outcome == "infeasible"]
    trained = {task.slot for task in crew.seen}
    metric = bound.removeprefix("max_")
    assert refused
    assert trained == {record.slot for record in records} - {record.slot for record in refused}
    assert all(records[slot].cost[metric] <= limit for slot in trained)
    told = re.compile(rf"^ConstraintViolated: {metric} \S+ exceeds {bound} = \S+ by \S+$")
    violations = {
        trial.user_attrs["autokd"]["slot"]: trial.constraints for trial in session.ledger.trials()
    }
    for record in refused:
        assert told.match(record.reason)
        assert violations[record.slot]["size"] > 0
    assert session.listener.snapshots[-1].infeasible == len(refused)


def test_a_trial_below_min_top1_is_complete_and_its_weights_are_not_kept(
    make_session: MakeSession,
) -> None:
    session = make_session(constraints={"min_top1": 0.72}, budget={"trials": 14})
    records = session.run(FakeCrew())  # at the top rung top1 is 0.7 and 0.01 for 10,000 of budget
    complete = [record for record in records if record.outcome == "complete"]
    members = {record.slot for record in complete if record.metrics["top1"] >= 0.72}
    assert members
    assert len(complete) > len(members)
    snapshot = session.listener.snapshots[-1]
    assert {slot for slot, _ in snapshot.front} <= members
    assert (snapshot.complete, snapshot.n_below) == (len(complete), len(complete) - len(members))
    kept = {int(path.parent.name) for path in session.folder.path.glob("slots/*/weights*")}
    assert kept == {slot for slot, _ in snapshot.front}
    best = {trial.user_attrs["autokd"]["slot"] for trial in session.ledger.study().best_trials}
    assert best == {slot for slot, _ in snapshot.front}
    for trial in session.ledger.trials():
        record = records[trial.user_attrs["autokd"]["slot"]]
        assert set(trial.constraints) == ({"min_top1"} if record.outcome == "complete" else set())
        assert (trial.constraints.get("min_top1", 0) > 0) == (
            record.outcome == "complete" and record.slot not in members
        )


def test_a_bounded_study_resumes_as_if_it_had_not_been_interrupted(
    make_session: MakeSession,
) -> None:
    bounds = {"max_params": 30_000, "min_top1": 0.72}
    straight = make_session("a", constraints=bounds, budget={"trials": 12}).run(FakeCrew())
    with pytest.raises(KeyboardInterrupt):
        make_session("b", constraints=bounds, budget={"trials": 12}).run(FakeCrew(stop_at=8))
    later = make_session("b", constraints=bounds, budget={"trials": 12})
    assert _results(later.run(FakeCrew())) == _results(straight)


def test_the_smallest_student_that_is_good_enough_is_found(make_session: MakeSession) -> None:
    objectives = [{"metric": "params", "direction": "minimize", "reference": 1e6}]
    session = make_session(
        objectives=objectives, constraints={"min_top1": 0.72}, budget={"trials": 20}
    )
    records = session.run(FakeCrew())
    members = [r for r in records if r.outcome == "complete" and r.metrics["top1"] >= 0.72]
    assert len(members) > 1
    ((slot, metrics),) = session.listener.snapshots[-1].front
    assert metrics["params"] == min(record.metrics["params"] for record in members)
    assert session.ledger.study().best_trial.user_attrs["autokd"]["slot"] == slot


# autokd's own sampler: proposals are made ahead, and repeats are told.

AUTOKD = {"name": "autokd", "startup_trials": 2, "previews": 4}
OTHERWISE: dict[str, dict[str, Any]] = {
    "plain": {"seed": 1},
    "bounded": {"constraints": {"max_params": 20_000, "min_top1": 0.72}},
    "forgetful": {"sampler": {**AUTOKD, "memory": 3}},
    "full of repeats": {
        "search_space": {
            "title": "Few students, and none distilled",
            "generator": "chain",
            "architecture": {"params_budget": {"type": "categorical", "choices": [3e3, 5e3, 9e3]}},
            "kd": {"method": {"type": "fixed", "value": "none"}},
        }
    },
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_search_by_autokds_sampler_resumes_as_if_it_had_not_been_interrupted(
    make_session: MakeSession, name: str
) -> None:
    changes = {"sampler": AUTOKD, "budget": {"trials": 8}, **OTHERWISE[name]}
    lost: dict[int, TrialError] = {1: Diverged("lost")}
    crew = FakeCrew(lose=lost)
    straight = make_session("a", **changes).run(crew)
    middle = crew.seen[len(crew.seen) // 2].slot
    with pytest.raises(KeyboardInterrupt):  # while a trial ran, and then between two of them
        make_session("b", **changes).run(FakeCrew(lose=lost, stop_at=middle))
    between = {**changes, "budget": {"trials": middle + 2}}
    make_session("b", **between).run(FakeCrew(lose=lost))
    resumed = make_session("b", **changes).run(FakeCrew(lose=lost))
    assert _results(resumed) == _results(straight)
    assert len({record.outcome for record in straight}) > 2


def test_latency_refusals_and_retries_are_remembered_by_autokds_sampler(
    make_session: MakeSession,
) -> None:
    def latency(graphs: Sequence[ArchGraph]) -> float:
        return count_params(graphs[0], SHAPE) / 1e6

    changes: dict[str, Any] = {
        "sampler": AUTOKD,
        "objectives": [
            {"metric": "top1", "direction": "maximize", "reference": 0.2},
            {"metric": "latency_s", "direction": "minimize", "reference": 1.0},
        ],
        "constraints": {"max_latency_s": 0.01},
        "budget": {"trials": 8},
    }
    straight = make_session("a", **changes).run(FakeCrew(), measure=latency)
    refused = [record for record in straight if record.outcome == "infeasible"]
    assert refused
    assert all(record.graphs and record.cost["params"] > 1e4 for record in refused)
    trained = next(r.slot for r in straight if r.outcome != "infeasible" and r.slot > 3)
    with pytest.raises(KeyboardInterrupt):
        make_session("b", **changes).run(FakeCrew(stop_at=trained), measure=latency)
    resumed = make_session("b", **changes).run(FakeCrew(), measure=latency)
    assert _results(resumed) == _results(straight)


def test_the_next_point_is_proposed_while_a_trial_runs(make_session: MakeSession) -> None:
    """A trial that is begun at once after another knows nothing of how that one ended."""

    class Scoring(FakeCrew):
        def __init__(self, score: float) -> None:
            super().__init__()
            self._score = score

        def step(self, handler: Handler) -> None:
            task = self.tasks.pop()
            handler.rung(task.slot, RungResult(4, {"top1": self._score}))
            handler.finished(task.slot)

    def points(score: float) -> list[Any]:
        session = make_session(str(score), sampler=AUTOKD, budget={"trials": 5})
        return [record.point for record in session.run(Scoring(score))]

    low, high = points(0.3), points(0.9)
    assert low[:3] == high[:3]  # two at random, and one after a single result
    assert len(low) == len(high) == 5


REPEATING: dict[str, Any] = OTHERWISE["full of repeats"]


def test_a_repeat_is_told_and_neither_trained_nor_on_the_front(make_session: MakeSession) -> None:
    session = make_session(sampler={"name": "random"}, budget={"trials": 12}, **REPEATING)
    crew = FakeCrew()
    records = session.run(crew)
    repeats = [record for record in records if record.outcome == "repeated"]
    assert len(crew.seen) == 3
    assert len(repeats) == 9
    for record in repeats:
        assert record.repeats is not None
        first = records[record.repeats]
        assert first.outcome in ("complete", "stopped")
        assert (record.graphs, record.metrics) == (first.graphs, first.metrics)
        assert record.seconds == 0
        assert record.reason == f"the students and the distillation of trial {first.slot}"
    snapshot = session.listener.snapshots[-1]
    assert (snapshot.repeated, snapshot.closed) == (9, 12)
    assert {slot for slot, _ in snapshot.front} <= {task.slot for task in crew.seen}
    values = {
        trial.user_attrs["autokd"]["slot"]: trial.values for trial in session.ledger.trials()
    }
    assert all(values[record.slot] == values[record.repeats] for record in repeats)


def test_a_repeat_of_a_running_trial_waits_for_its_end(make_session: MakeSession) -> None:
    choices = [5e3, 5e3 + 1e-6]  # two points, one student
    space = {**REPEATING["search_space"]}
    space["architecture"] = {"params_budget": {"type": "categorical", "choices": choices}}
    session = make_session(search_space=space, sampler={"name": "random"}, budget={"trials": 4})
    crew = PairCrew()
    records = session.run(crew)
    assert [task.slot for task in crew.seen] == [0]
    assert [record.outcome for record in records] == ["complete", *["repeated"] * 3]
    assert max(snapshot.repeated for snapshot in session.listener.snapshots[:4]) == 0


def test_a_repeat_fails_with_the_trial_that_it_waited_for(make_session: MakeSession) -> None:
    class LosingPair(PairCrew):
        def step(self, handler: Handler) -> None:
            handler.lost(self.tasks.pop().slot, Diverged("lost"))

    space = {**REPEATING["search_space"]}
    space["architecture"] = {"params_budget": {"type": "fixed", "value": 5e3}}
    session = make_session(search_space=space, sampler={"name": "random"}, budget={"trials": 2})
    records = session.run(LosingPair())
    assert [record.outcome for record in records] == ["failed", "failed"]
    assert records[1].reason == "trial 0, which it would have repeated, failed"


@pytest.mark.parametrize("crew", [FakeCrew, PairCrew])
def test_a_search_that_has_found_everything_ends(
    make_session: MakeSession, crew: Callable[[], FakeCrew]
) -> None:
    changes = {"sampler": {"name": "random"}, "budget": {"seconds": 50.0}, **REPEATING}
    session, trains = make_session(**changes), crew()
    records = session.run(trains)
    assert len(trains.seen) == 3
    assert 100 < len(records) < 300
    assert session.listener.news[-1] == "the last 100 trials repeated earlier ones"
    again = make_session(**changes)
    assert len(again.run(crew())) == len(records)  # resumed, it is still at its end
    assert again.listener.news == ["the last 100 trials repeated earlier ones"]


def test_results_of_a_repeat_do_not_count_twice_in_the_race(make_session: MakeSession) -> None:
    session = make_session(sampler={"name": "random"}, budget={"trials": 12}, **REPEATING)
    records = session.run(FakeCrew())
    n_at_first_rung = max(
        int(found.group(1))
        for record in records
        for result in record.rungs
        if (found := re.search(r"place \d+ of (\d+)", result.verdict))
    )
    assert n_at_first_rung == 3


# Stopped students that are proposed again.

NINE: dict[str, Any] = {
    "sampler": AUTOKD,
    "budget": {"trials": 30},
    "search_space": {
        **REPEATING["search_space"],
        "kd": {
            "method": {"type": "fixed", "value": "kd"},
            "temperature": {"type": "categorical", "choices": [1.0, 2.0, 4.0]},
        },
    },
}


def test_a_stopped_student_that_is_proposed_again_trains_on_where_it_stopped(
    make_session: MakeSession,
) -> None:
    crew = FakeCrew()
    records = make_session(**NINE).run(crew)
    tasks = {task.slot: task for task in crew.seen}
    taken_up = [record for record in records if record.continues is not None]
    assert taken_up
    for record in taken_up:
        assert record.continues is not None
        stopped = records[record.continues]
        assert stopped.outcome == "stopped"
        assert (record.graphs, record.seed) == (stopped.graphs, stopped.seed)
        assert (tasks[record.slot].seed, tasks[record.slot].after) == (record.seed, stopped.epochs)
        n = len(stopped.rungs)
        assert [r.metrics for r in record.rungs[:n]] == [r.metrics for r in stopped.rungs]
        assert sum(r.seconds for r in record.rungs[:n]) == 0
        assert record.epochs > stopped.epochs


def test_a_student_that_is_taken_up_counts_once_at_each_rung_of_the_race(
    make_session: MakeSession,
) -> None:
    crew = FakeCrew()
    records = make_session(**NINE).run(crew)
    after = {task.slot: task.after for task in crew.seen}
    told = [
        (rung.epochs, rung.arrival, rung.verdict)
        for record in records
        if record.slot in after
        for rung in record.rungs
        if rung.epochs > after[record.slot]
    ]
    assert any(after.values())
    for epochs in RUNGS[:-1]:
        verdicts = [verdict for at, _, verdict in sorted(told, key=itemgetter(1)) if at == epochs]
        counted = [re.search(r"place \d+ of (\d+)", verdict) for verdict in verdicts]
        said = [int(found.group(1)) for found in counted if found]
        assert said == list(range(len(verdicts) - len(said) + 1, len(verdicts) + 1))


def test_a_search_that_trains_on_what_was_stopped_resumes_as_if_it_had_not_been_interrupted(
    make_session: MakeSession,
) -> None:
    straight = make_session("a", **NINE).run(FakeCrew())
    middle = next(record.slot for record in straight if record.continues is not None)
    with pytest.raises(KeyboardInterrupt):
        make_session("b", **NINE).run(FakeCrew(stop_at=middle))
    resumed = make_session("b", **NINE).run(FakeCrew())
    assert _results(resumed) == _results(straight)
    assert [r.continues for r in resumed] == [r.continues for r in straight]


TWINS: dict[str, Any] = {  # graphs so small that other points and seeds draw the same ones
    "sampler": AUTOKD,
    "budget": {"trials": 30},
    "seed": 1,
    "search_space": {
        "title": "Small graphs",
        "generator": "flat",
        "architecture": {
            "params_budget": {"type": "float", "low": 2e3, "high": 4e3, "log": True},
            "nodes": {"type": "fixed", "value": 4},
            "neighbours": {"type": "fixed", "value": 2},
            "rewiring": {"type": "float", "low": 0.0, "high": 0.5},
        },
        "kd": {"method": {"type": "fixed", "value": "none"}},
    },
}


def test_what_trains_is_the_graph_that_is_recorded_for_students_that_are_taken_up_too(
    make_session: MakeSession,
) -> None:
    crew = FakeCrew()
    session = make_session(**TWINS)
    records = session.run(crew)
    drawn = {
        task.slot: draw_family(session.spec, task.point, seed=task.seed, shape=SHAPE)
        for task in crew.seen
    }
    for slot, graphs in drawn.items():
        assert tuple(graph.digest for graph in graphs) == records[slot].graphs
        assert session.folder.read_graphs(slot) == graphs
    taken_up = [record for record in records if record.continues is not None]
    stopped = [records[record.continues or 0] for record in taken_up]
    assert [r.point for r in taken_up] == [r.point for r in stopped]
    # Of at least one the sampler had proposed another point, which drew the same graph.
    proposed = session.ledger.trials()
    assert any(
        proposed[r.slot].params["architecture.rewiring"] != r.point["architecture.rewiring"]
        for r in taken_up
    )


def test_a_student_that_is_taken_up_is_the_same_one_after_an_interruption(
    make_session: MakeSession,
) -> None:
    straight = make_session("a", **TWINS).run(FakeCrew())
    middle = next(record.slot for record in straight if record.continues is not None)
    with pytest.raises(KeyboardInterrupt):
        make_session("b", **TWINS).run(FakeCrew(stop_at=middle))
    crew = FakeCrew()
    resumed = make_session("b", **TWINS).run(crew)
    assert crew.seen[0].slot == middle
    assert _results(resumed) == _results(straight)
    assert [(r.seed, r.continues) for r in resumed] == [(r.seed, r.continues) for r in straight]


def test_a_sampler_that_cannot_know_what_was_stopped_is_told_the_record(
    make_session: MakeSession,
) -> None:
    records = make_session(**{**NINE, "sampler": {"name": "random"}}).run(FakeCrew())
    repeated = [record.repeats for record in records if record.repeats is not None]
    assert any(records[slot].outcome == "stopped" for slot in repeated)
    assert all(record.continues is None for record in records)


def test_ctrl_c_while_the_end_of_a_trial_is_written_loses_nothing(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = make_session("a").run(FakeCrew())
    learn = Proposer.learn

    def interrupt(self: Proposer, record: Record, *, violation: float | None = None) -> None:
        if record.slot == 2:
            raise KeyboardInterrupt
        learn(self, record, violation=violation)

    monkeypatch.setattr(Proposer, "learn", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_session("b").run(FakeCrew())
    monkeypatch.undo()
    assert _results(make_session("b").run(FakeCrew())) == _results(straight)
