from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from autokd.search.copied import add_trial, copied_study, end_trial


def _trial(x: float, state: TrialState = TrialState.RUNNING) -> FrozenTrial:
    return create_trial(
        state=state,
        params={"x": x},
        distributions={"x": FloatDistribution(0.0, 1.0)},
        values=[x, x] if state == TrialState.COMPLETE else None,
        system_attrs={"note": x},
    )


def test_trials_are_numbered_anew_and_equal_otherwise() -> None:
    given = [_trial(0.1, TrialState.COMPLETE), _trial(0.2), _trial(0.3, TrialState.FAIL)]
    study = copied_study(2, given)
    assert add_trial(study, _trial(0.4)) == 3
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    for trial, found in zip(given, study.trials, strict=False):
        found.number, found._trial_id = trial.number, trial._trial_id
        assert found == trial


def test_what_happens_to_a_trial_in_the_study_does_not_reach_the_one_that_was_given() -> None:
    given = _trial(0.2)
    study = copied_study(2, [given])
    trial = Trial(study, study.trials[0]._trial_id)
    trial.suggest_float("y", 0, 1)
    trial.set_constraint("size", 1.0)
    end_trial(study, 0, TrialState.COMPLETE, values=[0.5, 0.25])
    assert study.trials[0].values == [0.5, 0.25]
    assert study.trials[0].constraints == {"size": 1.0}
    assert given == _copy_of(given, _trial(0.2))


def _copy_of(given: FrozenTrial, fresh: FrozenTrial) -> FrozenTrial:
    fresh.datetime_start = given.datetime_start
    return fresh


def test_an_ended_trial_is_what_optuna_tells() -> None:
    ours, optunas = copied_study(2), copied_study(2)
    for study in (ours, optunas):
        for x in (0.1, 0.2, 0.3):
            add_trial(study, _trial(x))
    end_trial(ours, 1, TrialState.COMPLETE, values=[0.5, 0.25])
    optunas.tell(1, [0.5, 0.25])
    end_trial(ours, 2, TrialState.PRUNED)
    optunas.tell(2, state=TrialState.PRUNED)
    for one, other in zip(ours.trials, optunas.trials, strict=True):
        one.datetime_start = other.datetime_start
        one.datetime_complete = other.datetime_complete
        assert one == other
