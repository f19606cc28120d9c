import json
from typing import Any, Literal

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from autokd.sampler import Preview, note_preview, note_rung
from autokd.sampler.history import PREVIEW, RUNGS, Seen, preview_attribute, read_history


def study_of(*directions: Literal["minimize", "maximize"]) -> optuna.Study:
    return optuna.create_study(directions=list(directions))


def read(study: optuna.Study) -> tuple[list[Seen], float]:
    return read_history(study, study.get_trials(deepcopy=False))


def plain(results: dict[float, Any]) -> dict[float, list[float]]:
    return {rung: values.tolist() for rung, values in results.items()}


def test_rungs_of_stopped_and_running_trials_are_read_with_all_objectives() -> None:
    study = study_of("minimize", "maximize")
    stopped, running, complete = (study.ask() for _ in range(3))
    note_rung(stopped, 1, [0.5, 10.0])
    note_rung(running, 1, [0.4, 20.0])
    note_rung(running, 3, [0.3, 20.0])
    for rung in (1, 3, 9):
        note_rung(complete, rung, [0.9 / rung, 30.0])
    study.tell(stopped, state=TrialState.PRUNED)
    study.tell(complete, [0.1, 30.0])
    seen, top = read(study)
    assert top == 9
    assert [plain(trial.results) for trial in seen] == [
        {1: [0.5, -10.0]},  # what is maximised is turned
        {1: [0.4, -20.0], 3: [0.3, -20.0]},
        {1: [0.9, -30.0], 3: [pytest.approx(0.3), -30.0], 9: [0.1, -30.0]},
    ]
    assert [trial.is_complete for trial in seen] == [False, False, True]


def test_attributes_are_plain_json_by_rung() -> None:
    study = study_of("minimize")
    trial = study.ask()
    note_rung(trial, 1, [np.float64(0.5)])
    note_rung(trial, 2.5, [1])
    assert study.trials[0].user_attrs[RUNGS] == {"1": [0.5], "2.5": [1.0]}
    assert json.loads(json.dumps(study.trials[0].user_attrs)) == study.trials[0].user_attrs


def test_the_final_values_stand_at_the_top_rung_whatever_was_noted_there() -> None:
    study = study_of("minimize")
    trial, other = study.ask(), study.ask()
    note_rung(trial, 1, [0.5])
    note_rung(trial, 4, [0.4])
    study.tell(trial, 0.3)
    study.tell(other, 0.2)  # nothing was noted of this one
    seen, top = read(study)
    assert top == 4
    assert [plain(s.results) for s in seen] == [{1: [0.5], 4: [0.3]}, {4: [0.2]}]


def test_without_rungs_the_top_is_one() -> None:
    study = study_of("maximize")
    study.tell(study.ask(), 2.0)
    seen, top = read(study)
    assert (top, plain(seen[0].results)) == (1.0, {1.0: [-2.0]})
    assert read_history(study, []) == ([], 1.0)


def test_optunas_reports_count_as_rungs_from_step_zero_on() -> None:
    study = study_of("minimize")
    trial, stopped = study.ask(), study.ask()
    for step in range(3):
        trial.report(1.0 - 0.1 * step, step)
    stopped.report(0.9, 0)
    study.tell(trial, 0.8)
    study.tell(stopped, state=TrialState.PRUNED)
    seen, top = read(study)
    assert top == 3
    assert plain(seen[0].results) == {1: [1.0], 2: [0.9], 3: [0.8]}
    assert plain(seen[1].results) == {1: [0.9]}


def test_of_many_rungs_below_the_top_five_stay_spread_evenly() -> None:
    study = study_of("minimize")
    trial = study.ask()
    for rung in range(1, 21):
        note_rung(trial, rung, [1.0 / rung])
    study.tell(trial, 0.05)
    (seen,), top = read(study)
    assert top == 20
    assert list(seen.results) == [1, 5, 10, 15, 19, 20]


def test_infinite_rungs_teach_nothing_and_an_infinite_end_is_kept() -> None:
    study = study_of("minimize", "maximize")
    trial = study.ask()
    study.tell(trial, [float("inf"), float("-inf")])
    ran = study.ask()
    ran.set_user_attr(RUNGS, {"1": [float("nan"), 1.0], "2": [1.0, 1.0], "3": [1.0, 1.0]})
    seen, top = read(study)
    assert top == 3
    assert plain(seen[0].results) == {3: [float("inf"), float("inf")]}
    assert plain(seen[1].results) == {2: [1.0, -1.0], 3: [1.0, -1.0]}


def test_a_rung_and_its_values_are_checked() -> None:
    trial = study_of("minimize", "minimize").ask()
    with pytest.raises(ValueError, match="a rung is above 0, found 0"):
        note_rung(trial, 0, [1.0, 1.0])
    with pytest.raises(ValueError, match="the study has 2 objectives, found 1 values"):
        note_rung(trial, 1, [1.0])


def test_a_preview_is_read_as_it_was_noted() -> None:
    study = study_of("minimize", "maximize")
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.suggest_float("y", 0, 1)
    preview = Preview("a key", known={1: 5.0}, point={"x": 0.25}, features=(1.0, 2.0))
    note_preview(trial, preview)
    (seen,), _ = read(study)
    assert (seen.key, seen.features, seen.known) == ("a key", (1.0, 2.0), {1: -5.0})
    assert seen.params == {"x": 0.25, "y": trial.params["y"]}
    noted = study.trials[0].user_attrs[PREVIEW]
    assert json.loads(json.dumps(preview_attribute(preview))) == noted


def test_constraints_say_what_is_feasible() -> None:
    study = study_of("minimize")
    for violation in (-1.0, 0.0, 0.5):
        study.add_trial(create_trial(value=1.0, constraints={"size": violation, "time": -1.0}))
    seen, _ = read(study)
    assert [trial.is_feasible for trial in seen] == [True, True, False]
    assert seen[2].violations == {"size": 0.5, "time": -1.0}


def test_a_stopped_trial_that_showed_nothing_teaches_nothing() -> None:
    seen = [
        Seen({}, TrialState.PRUNED, {}),
        Seen({}, TrialState.PRUNED, {1.0: np.ones(1)}),
        Seen({}, TrialState.PRUNED, {}, violations={"size": 1.0}),
        Seen({}, TrialState.RUNNING, {}),
        Seen({}, TrialState.FAIL, {}),
    ]
    assert [trial.teaches for trial in seen] == [False, True, True, True, True]
