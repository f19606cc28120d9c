import gc
import json
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from autokd.errors import RunError
from autokd.runs.ledger import ATTRIBUTE, Ledger
from autokd.runs.reading import Reader, last_attempts, read_texts
from autokd.runs.record import Record, RungResult
from autokd.study import Objective

OBJECTIVES = (Objective(metric="top1", direction="maximize", reference=0.2),)
PARAMS = {"kd.temperature": 4.0}
DISTRIBUTIONS = {"kd.temperature": FloatDistribution(1.0, 20.0, log=True)}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def _ledger(url: str, name: str) -> Ledger:
    return Ledger(url, name, objectives=OBJECTIVES)


def _begin(ledger: Ledger, slot: int, *, attempt: int = 0) -> Record:
    record = Record(slot, attempt, 11, {**PARAMS}, cost={"params": 1000.0})
    ledger.begin(record, params=PARAMS, distributions=DISTRIBUTIONS)
    return record


def test_records_are_those_that_optuna_reads(url: str) -> None:
    ledger = _ledger(url, "mine")
    for slot in (2, 0, 1):
        grown = _begin(ledger, slot).with_rung(RungResult(3, {"top1": 0.1 * slot}, {"top1": 0.01}))
        if slot:
            ledger.finish(grown.ended("complete", at_s=2.0), values=[0.1 * slot])
        else:
            ledger.update(grown)
    study = optuna.load_study(study_name="mine", storage=url)
    expected = [Record.from_dict(trial.user_attrs[ATTRIBUTE]) for trial in study.trials]
    assert [record.slot for record in expected] == [2, 0, 1]
    assert ledger.records() == sorted(expected, key=lambda record: record.slot)


def test_the_last_attempt_at_a_slot_counts(url: str) -> None:
    ledger = _ledger(url, "mine")
    ledger.finish(_begin(ledger, 0).ended("interrupted", at_s=1.0))
    _begin(ledger, 0, attempt=1)
    assert [record.attempt for record in ledger.records()] == [1]
    assert len(ledger.trials()) == 2


def test_other_studies_attributes_and_hands_are_left_out(url: str) -> None:
    mine, other = _ledger(url, "mine"), _ledger(url, "other")
    _begin(other, 5)
    _begin(mine, 0)
    study = mine.study()
    study.enqueue_trial(PARAMS, user_attrs={"theirs": 1})
    assert [record.slot for record in mine.records()] == [0]
    assert [record.slot for record in other.records()] == [5]
    engine = create_engine(url, poolclass=NullPool)
    assert read_texts(engine, study._study_id, key="theirs") == ["1"]
    assert read_texts(engine, study._study_id, key="unknown") == []


@pytest.mark.parametrize("keeps_connection", [False, True])
def test_whatever_is_written_changes_what_a_reader_reads(
    url: str, *, keeps_connection: bool
) -> None:
    writer = Ledger(url, "mine", objectives=OBJECTIVES, keeps_connection=keeps_connection)
    reader = Reader(url, "mine")
    seen = [reader.read()]
    record = _begin(writer, 0)
    seen.append(reader.read())
    record = record.with_rung(RungResult(3, {"top1": 0.5}))
    writer.update(record)
    seen.append(reader.read())
    writer.finish(record.ended("complete", at_s=1.0), values=[0.5])
    seen.append(reader.read())
    writer.note("tests", {"0": {"top1": 0.4}})
    seen.append(reader.read())
    writer.close()
    assert all(a != b for at, a in enumerate(seen) for b in seen[:at])
    assert seen[0] == ([], {})
    texts, tests = seen[-1]
    assert last_attempts(texts) == Ledger(url, "mine").records()
    assert tests == {"0": {"top1": 0.4}}
    assert seen[-1] == reader.read()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////nowhere/at/all/study.db", "there is no such file"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/db", "postgresql.psycopg://me@127.0.0.1:1"),
        ("nonsense", "Could not parse SQLAlchemy URL"),
        ("mysql+nonsense://here/db", "Can't load plugin"),
    ],
)
def test_a_storage_that_cannot_be_read_is_refused_in_one_line(url: str, message: str) -> None:
    with pytest.raises(RunError, match=message) as caught:
        Reader(url, "mine")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_study_that_is_not_there_is_refused(url: str, tmp_path: Path) -> None:
    _ledger(url, "mine")
    with pytest.raises(RunError, match="holds no study called 'other'"):
        Reader(url, "other")
    (tmp_path / "another.db").touch()
    with pytest.raises(RunError, match="no such table"):
        Reader(f"sqlite:///{tmp_path / 'another.db'}", "mine")


def test_no_texts_are_no_records() -> None:
    assert last_attempts([]) == []


@pytest.mark.parametrize("is_at_work", [True, False])
def test_parsing_leaves_the_garbage_collector_as_it_was(*, is_at_work: bool) -> None:
    was_at_work = gc.isenabled()
    try:
        (gc.enable if is_at_work else gc.disable)()
        with pytest.raises(json.JSONDecodeError):
            last_attempts(["damaged"])
        assert gc.isenabled() is is_at_work
    finally:
        (gc.enable if was_at_work else gc.disable)()
