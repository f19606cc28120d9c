"""Stopped trials that may be trained on."""

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from autokd.sampler import AutokdSampler, Space, note_rung
from autokd.sampler.history import RUNGS
from autokd.sampler.revisits import latest_of_each, tried_for_good


def _trial(state: TrialState, *rungs: int) -> FrozenTrial:
    noted = {RUNGS: {str(rung): [0.5] for rung in rungs}} if rungs else {}
    values = [0.5] if state == TrialState.COMPLETE else None
    return create_trial(state=state, values=values, user_attrs=noted)


STOPPED, COMPLETE = TrialState.PRUNED, TrialState.COMPLETE
RUNNING, FAILED = TrialState.RUNNING, TrialState.FAIL


@pytest.mark.parametrize(
    ("trials", "is_tried"),
    [
        ([_trial(STOPPED, 1)], False),
        ([_trial(STOPPED, 1), _trial(STOPPED, 1, 2)], False),
        ([_trial(STOPPED)], True),  # infeasible: it has shown nothing, and never will
        ([_trial(STOPPED, 1), _trial(RUNNING, 1)], True),
        ([_trial(STOPPED, 1), _trial(COMPLETE, 1, 2)], True),
        ([_trial(STOPPED, 1), _trial(FAILED, 1)], True),
    ],
)
def test_a_point_is_open_as_long_as_all_its_trials_were_stopped(
    trials: list[FrozenTrial], is_tried: bool
) -> None:
    keys = ["a"] * len(trials)
    assert ("a" in tried_for_good(trials, keys)) == is_tried
    assert tried_for_good([*trials, _trial(COMPLETE, 1)], [*keys, "b"])[-1] == "b"


@pytest.mark.parametrize(
    ("trials", "kept"),
    [
        ([_trial(STOPPED, 1), _trial(COMPLETE, 1, 2)], [1]),
        ([_trial(STOPPED, 1), _trial(STOPPED, 1, 2), _trial(RUNNING)], [1, 2]),
        ([_trial(STOPPED, 1), _trial(RUNNING, 1, 2)], [1]),
        ([_trial(STOPPED, 1), _trial(FAILED)], [0, 1]),
        ([_trial(COMPLETE, 1), _trial(COMPLETE, 1)], [0, 1]),
    ],
)
def test_what_two_trials_of_a_point_have_shown_counts_once(
    trials: list[FrozenTrial], kept: list[int]
) -> None:
    keys = ["a"] * len(trials)
    assert latest_of_each(trials, keys) == [trials[i] for i in kept]
    others = [f"{i}" for i in range(len(trials))]
    assert latest_of_each(trials, others) == trials


SPACE = Space({"x": CategoricalDistribution(list(range(6)))})
AT_FIRST = (0.5, 0.6, 0.9, 0.4, 0.8, 0.7)


def _study(*, revisits: bool) -> optuna.Study:
    """A study whose points were all tried: 0 and 1 to the end, the others at the first rung."""
    sampler = AutokdSampler(seed=0, space=SPACE, revisits=revisits, n_candidates=50)
    study = optuna.create_study(sampler=sampler)
    for x, first in enumerate(AT_FIRST):
        study.enqueue_trial({"x": x})
        _race(study.ask(), first, stops=x > 1)
    return study


def _race(trial: optuna.Trial, first: float, *, stops: bool) -> int:
    x: int = trial.suggest_categorical("x", list(range(6)))
    note_rung(trial, 1, [first])
    if stops:
        trial.study.tell(trial, state=TrialState.PRUNED)
    else:
        note_rung(trial, 3, [first - 0.1])
        trial.study.tell(trial, first - 0.1)
    return x


def test_the_most_promising_of_the_stopped_is_proposed_again_until_it_is_complete() -> None:
    study = _study(revisits=True)
    assert _race(study.ask(), AT_FIRST[3], stops=False) == 3
    assert _race(study.ask(), 0.9, stops=False) in (2, 4, 5)


def test_one_that_is_being_trained_on_is_not_proposed_meanwhile() -> None:
    study = _study(revisits=True)
    found = [study.ask().suggest_categorical("x", list(range(6))) for _ in range(4)]
    assert found[0] == 3
    assert sorted(found) == [2, 3, 4, 5]


def test_unless_it_is_wanted_what_was_stopped_counts_as_tried() -> None:
    trials = _study(revisits=False).get_trials()
    sampler = AutokdSampler(seed=0, space=Space({"x": CategoricalDistribution(range(7))}))
    study = optuna.create_study(sampler=sampler)
    study.add_trials(trials)
    assert study.ask().suggest_categorical("x", list(range(7))) == 6


def test_what_was_reported_to_optuna_counts_like_what_was_noted() -> None:
    reported = create_trial(state=STOPPED, intermediate_values={0: 0.5, 1: 0.4})
    assert tried_for_good([reported], ["a"]) == []
    assert latest_of_each([_trial(STOPPED, 1), reported], ["a", "a"]) == [reported]
