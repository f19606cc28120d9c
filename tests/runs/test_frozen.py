import math
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from autokd.runs.frozen import read_trials


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    """Trials of every state, written by Optuna, beside another study's."""
    storage = RDBStorage(f"sqlite:///{tmp_path}/study.db")
    other = optuna.create_study(storage=storage, study_name="other")
    study = optuna.create_study(storage=storage, directions=["minimize", "maximize"])
    for number in range(8):
        trial = study.ask()
        trial.suggest_float("z", 1e-3, 1.0, log=True)
        trial.suggest_int("a", 1, 9)
        if trial.suggest_categorical("m", ["kd", None, True, 2]) == "kd":
            trial.suggest_float("k", 0.0, 1.0)
        trial.set_user_attr("autokd", {"slot": number, "point": [0.1]})
        trial.set_constraint("size", 0.5)
        if number % 4 == 0:
            study.tell(trial, [0.1 * number, math.inf])
        elif number % 4 < 3:
            study.tell(trial, state=[TrialState.PRUNED, TrialState.FAIL][number % 2])
        other.tell(other.ask(), 1.0)
    study.enqueue_trial({"a": 1})
    return study


def test_trials_are_those_that_optunas_storage_reads(study: optuna.Study) -> None:
    storage = study._storage
    assert isinstance(storage, optuna.storages._CachedStorage)
    found = read_trials(storage._backend.engine, study._study_id)
    expected = study.get_trials()
    assert len(found) == 9
    assert found == expected
    assert [list(trial.params) for trial in found] == [list(trial.params) for trial in expected]


def test_trials_of_some_states_are_read_alone(study: optuna.Study) -> None:
    storage = study._storage
    assert isinstance(storage, optuna.storages._CachedStorage)
    states = (TrialState.RUNNING, TrialState.FAIL)
    found = read_trials(storage._backend.engine, study._study_id, states=states)
    assert found == study.get_trials(states=states)
    assert {trial.state for trial in found} == set(states)
