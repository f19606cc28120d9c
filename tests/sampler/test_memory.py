from optuna.trial import FrozenTrial, TrialState, create_trial

from autokd.sampler.memory import remembered


def _trial(number: int, *values: float, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    trial = create_trial(values=values or None, state=state)
    trial.number = number
    return trial


def test_the_best_half_and_the_latest_are_kept_in_their_order() -> None:
    best = [_trial(0, 0.0, 0.0), _trial(3, 0.1, 0.1)]
    worse = [_trial(number, 1.0 + number, 1.0) for number in (1, 2, 4, 5, 6)]
    trials = sorted([*best, *worse], key=lambda trial: trial.number)
    assert [trial.number for trial in remembered(trials, 4)] == [0, 3, 5, 6]
    assert [trial.number for trial in remembered(trials, 100)] == list(range(7))


def test_of_equal_rank_the_later_ones_are_kept() -> None:
    trials = [_trial(number, float(number), float(-number)) for number in range(6)]
    assert [trial.number for trial in remembered(trials, 2)] == [4, 5]


def test_stopped_ones_are_kept_as_the_latest_and_failed_ones_go() -> None:
    trials = [
        _trial(0, 0.5),
        _trial(1, state=TrialState.PRUNED),
        _trial(2, state=TrialState.FAIL),
        _trial(3, state=TrialState.PRUNED),
    ]
    assert [trial.number for trial in remembered(trials, 10)] == [0, 1, 3]
    assert [trial.number for trial in remembered(trials[1:], 2)] == [1, 3]
    assert [trial.number for trial in remembered(trials, 2)] == [0, 3]


def test_what_is_maximised_is_better_the_larger_it_is() -> None:
    trials = [_trial(number, float(number), 1.0) for number in range(8)]
    low = remembered(trials, 4, signs=[1.0, 1.0])
    high = remembered(trials, 4, signs=[-1.0, 1.0])
    assert [trial.number for trial in low] == [0, 1, 6, 7]
    assert [trial.number for trial in high] == [4, 5, 6, 7]


def test_infinite_values_are_the_worst_and_infeasible_trials_come_after_feasible_ones() -> None:
    trials = [
        _trial(0, 2.0),
        _trial(1, float("inf")),
        create_trial(value=-9.0, constraints={"size": 1.0}),
        create_trial(value=1.0, constraints={"size": -1.0}),
        _trial(4, float("inf")),
    ]
    trials[2].number, trials[3].number = 2, 3
    assert [trial.number for trial in remembered(trials, 4)] == [0, 2, 3, 4]
    turned = [_trial(0, 0.0), _trial(1, float("-inf")), _trial(2, float("-inf"))]
    assert 0 in {trial.number for trial in remembered(turned, 2, signs=[-1.0])}
