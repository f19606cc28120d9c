from optuna.trial import FrozenTrial, TrialState, create_trial

from autokd.search.memory import remembered


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
