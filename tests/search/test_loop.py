from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from autokd.errors import Diverged, TrialError
from autokd.graphs import InputShape
from autokd.runs import Ledger, Record, RunFolder, RungResult
from autokd.search.crew import Handler, Task
from autokd.search.loop import Loop, Measure
from autokd.search.progress import Snapshot
from autokd.study import Budget, StudySpec

SHAPE = InputShape(1, 8, 10)
RUNGS = (1, 2, 4)


class FakeCrew:
    """Reports a score that follows from the budget, without training anything."""

    def __init__(self, *, lose: dict[int, TrialError] | None = None, stop_at: int = -1) -> None:
        self.tasks: list[Task] = []
        self.seen: list[Task] = []
        self.n_pauses = 0
        self._lose = lose or {}
        self._stop_at = stop_at

    @property
    def n_free(self) -> int:
        return 1 - len(self.tasks)

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        self.seen.append(task)

    def step(self, handler: Handler) -> None:
        task = self.tasks.pop()
        if task.slot == self._stop_at:
            handler.rung(task.slot, RungResult(1, {"top1": 0.5}))
            raise KeyboardInterrupt
        if task.slot in self._lose:
            handler.lost(task.slot, self._lose[task.slot])
            return
        budget = float(task.point["architecture.params_budget"])
        for rung in RUNGS:
            top1 = min(0.99, 0.3 + 0.1 * rung + budget / 1e6)
            if rung == RUNGS[-1]:
                task.weights.write_bytes(b"weights")
            if not handler.rung(task.slot, RungResult(rung, {"top1": top1})):
                break
        handler.finished(task.slot)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.n_pauses += 1
        yield

    def close(self) -> None:
        pass


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
            SHAPE,
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
