import warnings
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import Trial, TrialState

from autokd.search.tpe import Rows, Tpe

OPTIONS: dict[str, Any] = {
    "n_startup_trials": 6,
    "multivariate": True,
    "group": True,
    "constant_liar": True,
}


def _plain(trial: Trial) -> float:
    return trial.suggest_float("b", 1.0, 9.0, log=True) + trial.suggest_int("a", 1, 5)


def _conditional(trial: Trial) -> float:
    method = trial.suggest_categorical("method", ["kd", "dkd", "none"])
    value = trial.suggest_float("x", 0.0, 1.0)
    if method == "kd":
        value += trial.suggest_float("temperature", 1.0, 20.0, log=True)
    if method == "dkd":
        value += trial.suggest_int("depth", 1, 8) + trial.suggest_float("beta", 0.0, 2.0)
    return value


def _categorical(trial: Trial) -> float:
    return trial.suggest_categorical("a", [1, 2, 3]) + trial.suggest_categorical("b", [0.5, 1.5])


def _points(make: Callable[[int], BaseSampler], objective: Callable[[Trial], float]) -> list[Any]:
    """Points of forty slots, two of them running at any time; they end in another order."""
    study, running = optuna.create_study(directions=["minimize"] * 3), list[tuple[Trial, float]]()
    for slot in range(40):
        study.sampler = make(slot)
        trial = study.ask()
        running.insert(slot % 2, (trial, objective(trial)))
        if slot % 7 == 3:
            trial.set_constraint("size", 0.5)
        if len(running) > 2:
            ended, value = running.pop(0)
            if slot % 3:
                study.tell(ended, [value, -value, value % 1])
            else:
                study.tell(ended, state=[TrialState.PRUNED, TrialState.FAIL][slot % 2])
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("objective", [_plain, _conditional, _categorical])
def test_points_are_those_of_optunas_tpe(objective: Callable[[Trial], float]) -> None:
    rows: Rows = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        expected = _points(lambda slot: TPESampler(seed=slot, **OPTIONS), objective)
        found = _points(lambda slot: Tpe(rows, seed=slot, **OPTIONS), objective)
    assert found == expected
    assert rows  # the model was used


def test_finished_trials_are_kept_and_running_ones_are_not() -> None:
    rows: Rows = {}
    study = optuna.create_study(directions=["minimize"] * 3)
    ended: set[int] = set()
    for slot in range(20):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.sampler = Tpe(rows, seed=slot, **OPTIONS)
        known = {names: dict(table) for names, table in rows.items()}
        trial = study.ask()
        value = _plain(trial)
        assert rows.get(("a", "b"), {}).keys() <= ended
        assert all(rows[names].items() >= table.items() for names, table in known.items())
        if slot % 4:
            study.tell(trial, [value, -value, 0.0])
            ended.add(trial.number)
    assert len(rows["a", "b"]) == len(ended - {19})
