import sqlite3
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from autokd.errors import RunError
from autokd.runs.ledger import ATTRIBUTE, Ledger
from autokd.runs.record import Record, RungResult
from autokd.study import Objective

OBJECTIVES = (
    Objective(metric="top1", direction="maximize", reference=0.2),
    Objective(metric="params", direction="minimize", reference=1e6),
)
PARAMS = {"kd.temperature": 4.0}
DISTRIBUTIONS = {"kd.temperature": FloatDistribution(1.0, 20.0, log=True)}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger(url, "mine", objectives=OBJECTIVES)


def _begin(ledger: Ledger, slot: int, *, attempt: int = 0) -> Record:
    record = Record(slot, attempt, 11, {**PARAMS}, cost={"params": 1000.0})
    ledger.begin(record, params=PARAMS, distributions=DISTRIBUTIONS)
    return record


def test_a_finished_trial_is_an_ordinary_optuna_trial(ledger: Ledger, url: str) -> None:
    record = _begin(ledger, 0).with_rung(RungResult(3, {"top1": 0.9, "params": 1000.0}))
    ledger.finish(record.ended("complete", at_s=2.0), values=[0.9, 1000.0])
    study = optuna.load_study(study_name="mine", storage=url)
    (trial,) = study.trials
    assert trial.state == TrialState.COMPLETE
    assert trial.values == [0.9, 1000.0]
    assert trial.params == PARAMS
    assert study.metric_names == ["top1", "params"]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert trial.user_attrs[ATTRIBUTE]["outcome"] == "complete"


def test_a_rung_is_durable_while_the_trial_runs(ledger: Ledger, url: str) -> None:
    ledger.update(_begin(ledger, 0).with_rung(RungResult(3, {"top1": 0.5})))
    (read,) = Ledger(url, "mine").records()
    assert read.epochs == 3
    assert read.outcome == "running"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("stopped", TrialState.PRUNED),
        ("failed", TrialState.FAIL),
        ("interrupted", TrialState.FAIL),
    ],
)
def test_other_ends_have_optuna_states_without_values(
    ledger: Ledger, outcome: str, state: TrialState
) -> None:
    ledger.finish(_begin(ledger, 0).ended(outcome, at_s=1.0, reason="why"))  # type: ignore[arg-type]
    (trial,) = ledger.trials()
    assert trial.state == state
    assert trial.values is None


def test_an_infeasible_trial_is_pruned_with_a_violated_constraint(ledger: Ledger) -> None:
    record = Record(0, 0, 1, {**PARAMS}).ended("infeasible", at_s=0.0, reason="too large")
    ledger.refuse(record, params=PARAMS, distributions=DISTRIBUTIONS, violation=0.25)
    (trial,) = ledger.trials()
    assert trial.state == TrialState.PRUNED
    assert trial.constraints == {"size": 0.25}


def test_a_trial_that_misses_a_bound_is_complete_and_infeasible_to_optuna(
    ledger: Ledger, url: str
) -> None:
    for slot, (top1, missed) in enumerate([(0.9, -0.125), (0.95, 0.0), (0.99, 0.5)]):
        ledger.finish(
            _begin(ledger, slot).ended("complete", at_s=1.0),
            values=[top1, 1000.0],
            constraints={"min_top1": missed},
        )
    study = optuna.load_study(study_name="mine", storage=url)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    assert [trial.constraints for trial in study.trials] == [
        {"min_top1": -0.125},
        {"min_top1": 0.0},
        {"min_top1": 0.5},
    ]
    assert [trial.number for trial in study.best_trials] == [1]
    assert [trial.constraints for trial in ledger.trials()] == [
        trial.constraints for trial in study.trials
    ]


def test_close_running_interrupts_what_an_earlier_session_left(ledger: Ledger, url: str) -> None:
    ledger.finish(_begin(ledger, 0).ended("complete", at_s=1.0), values=[0.9, 1000.0])
    ledger.update(_begin(ledger, 1).with_rung(RungResult(3, {"top1": 0.5})))
    later = Ledger(url, "mine")
    closed = later.close_running(reason="killed", at_s=5.0)
    assert [(r.slot, r.outcome, r.reason, r.rungs) for r in closed] == [
        (1, "interrupted", "killed", ())
    ]
    assert [trial.state for trial in later.trials()] == [TrialState.COMPLETE, TrialState.FAIL]
    assert later.close_running(reason="killed", at_s=5.0) == []


def test_records_are_those_of_the_last_attempt_by_slot(ledger: Ledger) -> None:
    ledger.finish(_begin(ledger, 1).ended("interrupted", at_s=1.0))
    _begin(ledger, 0)
    _begin(ledger, 1, attempt=1)
    assert [(r.slot, r.attempt) for r in ledger.records()] == [(0, 0), (1, 1)]
    assert len(ledger.trials()) == 3


def test_trials_of_other_hands_are_left_out(ledger: Ledger) -> None:
    ledger.study().enqueue_trial(PARAMS)
    _begin(ledger, 0)
    assert len(ledger.trials()) == 1


def test_notes_are_read_back(ledger: Ledger, url: str) -> None:
    assert ledger.noted("tests") is None
    ledger.note("tests", {"3": {"top1": 0.9}})
    assert Ledger(url, "mine").noted("tests") == {"3": {"top1": 0.9}}


def test_opening_a_study_that_is_not_there_is_refused(ledger: Ledger, url: str) -> None:
    with pytest.raises(RunError, match="holds no study called 'other'"):
        Ledger(url, "other")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "postgresql+psycopg://me:secret@127.0.0.1:1/db",
            "postgresql.psycopg://me@127.0.0.1:1/db",
        ),
        ("sqlite:////nowhere/at/all/study.db", "unable to open database file"),
        ("nonsense", "Could not parse SQLAlchemy URL"),
        ("mysql+nonsense://here/db", "Can't load plugin"),
    ],
)
def test_a_storage_that_cannot_be_used_is_refused_in_one_line(url: str, message: str) -> None:
    with pytest.raises(RunError, match=message) as caught:
        Ledger(url, "mine", objectives=OBJECTIVES)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(RunError, match="file is not a database"):
        Ledger(f"sqlite:///{path}", "mine", objectives=OBJECTIVES)


def test_a_read_only_database_is_refused_when_it_is_written(ledger: Ledger, url: str) -> None:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON trials "
        "BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    )
    connection.commit()
    connection.close()
    with pytest.raises(RunError, match="disk is full"):
        _begin(ledger, 0)
    ledger.close()
