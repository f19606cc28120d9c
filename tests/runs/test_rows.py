import math
from datetime import datetime
from pathlib import Path

import pytest
from optuna import load_study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy import event

from autokd.errors import RunError
from autokd.runs.rows import TrialRows

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "z": FloatDistribution(1.0, 20.0, log=True),
    "a": IntDistribution(2, 8),
    "m": CategoricalDistribution(("kd", "none", True)),
}


def _template(state: TrialState = TrialState.RUNNING) -> FrozenTrial:
    return create_trial(
        state=state,
        params={"z": 4.0, "a": 3, "m": "none"},
        distributions=DISTRIBUTIONS,
        user_attrs={"autokd": {"slot": 0, "point": {"z": 4.0}}, "b": [1]},
        system_attrs={"note": "x"},
        constraints={"size": 0.25},
    )


def _study(path: Path) -> tuple[RDBStorage, int]:
    storage = RDBStorage(f"sqlite:///{path}")
    return storage, storage.create_new_study([StudyDirection.MINIMIZE] * 3, "s")


@pytest.fixture
def storage(tmp_path: Path) -> RDBStorage:
    return _study(tmp_path / "study.db")[0]


@pytest.fixture
def rows(storage: RDBStorage) -> TrialRows:
    return TrialRows(storage.engine, 1)


def _same(one: FrozenTrial, other: FrozenTrial) -> bool:
    """Equal but for the moments at which two storages were told of an end."""
    for trial in (one, other):
        if trial.datetime_complete is not None:
            assert abs((datetime.now() - trial.datetime_complete).total_seconds()) < 60
            trial.datetime_complete = datetime(2000, 1, 1)
    return one == other and list(one.params) == list(other.params)


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.PRUNED])
def test_an_added_trial_is_the_one_that_optunas_storage_adds(
    storage: RDBStorage, rows: TrialRows, tmp_path: Path, state: TrialState
) -> None:
    reference, study = _study(tmp_path / "reference.db")
    template = _template(state)
    for _ in range(3):
        reference.create_new_trial(study, template)
        rows.add(template)
    expected, found = reference.get_all_trials(study), storage.get_all_trials(1)
    assert [trial.number for trial in found] == [0, 1, 2]
    assert all(map(_same, expected, found))


@pytest.mark.parametrize(
    ("state", "values"),
    [
        (TrialState.COMPLETE, [0.5, math.inf, -math.inf]),
        (TrialState.PRUNED, []),
        (TrialState.FAIL, []),
    ],
)
def test_an_ended_trial_is_the_one_that_optunas_storage_ends(
    storage: RDBStorage, rows: TrialRows, tmp_path: Path, state: TrialState, values: list[float]
) -> None:
    reference, study = _study(tmp_path / "reference.db")
    template = _template()
    trial_id = reference.create_new_trial(study, template)
    reference.set_trial_user_attr(trial_id, "autokd", {"slot": 1})
    reference.set_trial_state_values(trial_id, state, values or None)
    rows.end(rows.add(template), state, key="autokd", value={"slot": 1}, objectives=values)
    assert _same(reference.get_all_trials(study)[0], storage.get_all_trials(1)[0])


def test_an_end_keeps_constraints_where_optunas_storage_does(
    storage: RDBStorage, rows: TrialRows, tmp_path: Path
) -> None:
    reference, study = _study(tmp_path / "reference.db")
    template = create_trial(
        state=TrialState.RUNNING, user_attrs={"autokd": {}}, system_attrs={"note": "x"}
    )
    trial_id = reference.create_new_trial(study, template)
    live = Trial(load_study(study_name="s", storage=reference), trial_id)
    live.set_constraint("min_top1", 0.25)
    reference.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0] * 3)
    notes = create_trial(state=TrialState.RUNNING, constraints={"min_top1": 0.25}).system_attrs
    rows.end(
        rows.add(template),
        TrialState.COMPLETE,
        key="autokd",
        value={},
        objectives=[1.0] * 3,
        notes=notes,
    )
    assert _same(reference.get_all_trials(study)[0], storage.get_all_trials(1)[0])


def test_a_note_replaces_one_attribute_of_one_trial(storage: RDBStorage, rows: TrialRows) -> None:
    first, second = rows.add(_template()), rows.add(_template())
    rows.note(second, "autokd", {"slot": 7})
    assert storage.get_trial(first).user_attrs == _template().user_attrs
    assert storage.get_trial(second).user_attrs == {"autokd": {"slot": 7}, "b": [1]}


def test_numbers_count_the_trials_of_one_study(storage: RDBStorage, rows: TrialRows) -> None:
    other = storage.create_new_study([StudyDirection.MINIMIZE], "other")
    for study in (1, other, 1, other, 1):
        TrialRows(storage.engine, study).add(_template())
    assert [trial.number for trial in storage.get_all_trials(other)] == [0, 1]
    assert [trial.number for trial in storage.get_all_trials(1)] == [0, 1, 2]


def test_a_trial_that_somebody_else_has_ended_is_written_no_more(
    storage: RDBStorage, rows: TrialRows
) -> None:
    trial_id = rows.add(_template())
    storage.set_trial_state_values(trial_id, TrialState.FAIL)
    before = storage.get_trial(trial_id)
    with pytest.raises(RunError, match=f"ended or deleted the running trial of id {trial_id}"):
        rows.note(trial_id, "autokd", {"slot": 7})
    with pytest.raises(RunError, match="ended or deleted"):
        rows.end(trial_id, TrialState.COMPLETE, key="autokd", value={}, objectives=[1.0])
    assert storage.get_trial(trial_id) == before


def test_an_end_that_fails_half_way_leaves_the_trial_as_it_was(
    storage: RDBStorage, rows: TrialRows
) -> None:
    trial_id = rows.add(_template())
    before = storage.get_trial(trial_id)
    with storage.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE ON trials "
            "BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    with pytest.raises(Exception, match="disk is full"):
        rows.end(trial_id, TrialState.COMPLETE, key="autokd", value={}, objectives=[1.0] * 3)
    assert storage.get_trial(trial_id) == before


def test_an_event_is_one_transaction_of_one_statement_a_table(
    storage: RDBStorage, rows: TrialRows
) -> None:
    seen: list[str] = []
    engine = storage.engine
    event.listen(engine, "before_cursor_execute", lambda *given: seen.append(given[2].split()[0]))
    event.listen(engine, "commit", lambda _: seen.append("commit"))
    trial_id = rows.add(_template())
    assert seen == ["INSERT"] * 4 + ["commit"]
    seen.clear()
    rows.note(trial_id, "autokd", {})
    assert seen == ["UPDATE", "commit"]
    seen.clear()
    rows.end(trial_id, TrialState.COMPLETE, key="autokd", value={}, objectives=[1.0] * 3)
    assert seen == ["UPDATE", "INSERT", "UPDATE", "commit"]
    bounded = rows.add(_template())
    seen.clear()
    values, notes = [1.0] * 3, {"constraints:min_top1": 0.1}
    rows.end(bounded, TrialState.COMPLETE, key="autokd", value={}, objectives=values, notes=notes)
    assert seen == ["UPDATE", "INSERT", "INSERT", "UPDATE", "commit"]
