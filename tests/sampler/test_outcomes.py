from typing import Any

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from autokd.pareto.arrays import Floats
from autokd.sampler import outcomes
from autokd.sampler.encoding import Columns, Encoding
from autokd.sampler.history import Seen
from autokd.sampler.outcomes import Outcome, model_constraint, model_objective

LINE = Encoding({"x": FloatDistribution(0, 1)})
XS = np.linspace(0, 1, 9)


def seen(x: float, results: dict[float, float], state: str = "COMPLETE", **more: Any) -> Seen:
    found = {rung: np.array([value, -1.0]) for rung, value in results.items()}
    is_complete = state == "COMPLETE"
    return Seen({"x": x}, TrialState[state], found, is_complete=is_complete, **more)


def at(xs: list[float] | Floats) -> Columns:
    return LINE.columns(np.asarray(xs, dtype=float)[:, np.newaxis])


def modelled(trials: list[Seen], *, all_rungs: bool = True, top: float = 9.0) -> Outcome:
    points = at([trial.params["x"] for trial in trials])
    return model_objective(trials, points, 0, top=top, all_rungs=all_rungs)


def middle(outcome: Outcome, xs: list[float] | Floats) -> Floats:
    predicted = outcome.predict(at(xs))
    return predicted.warp.back(predicted.mean)


def test_an_objective_is_recovered_at_the_top_rung() -> None:
    outcome = modelled([seen(x, {9.0: (x - 0.4) ** 2}) for x in XS])
    assert not outcome.has_rungs
    assert middle(outcome, [0.2, 0.55]) == pytest.approx([0.04, 0.0225], abs=0.01)


def test_stopped_trials_tell_where_no_other_has_been() -> None:
    """Only x below 0.4 reached the top; the rungs show that the best is at 0.9."""
    trials = [seen(x, {3.0: 1 + 2 * abs(x - 0.9)}, "PRUNED") for x in XS if x >= 0.4]
    trials += [seen(x, {3.0: 1 + 2 * abs(x - 0.9), 9.0: abs(x - 0.9)}) for x in XS if x < 0.4]
    outcome = modelled(trials)
    assert outcome.has_rungs
    grid = np.linspace(0, 1, 101)
    assert grid[middle(outcome, grid).argmin()] == pytest.approx(0.9, abs=0.05)


def test_one_rung_is_the_highest_with_enough_results() -> None:
    few = [seen(x, {3.0: x, 9.0: 1 - x}) for x in XS[:1]]
    many = [seen(x, {3.0: x}, "PRUNED") for x in XS[1:]]
    low = modelled([*few, *many], all_rungs=False)
    assert not low.has_rungs
    assert middle(low, [0.0])[0] < middle(low, [1.0])[0]
    more = [seen(x, {3.0: x, 9.0: 1 - x}) for x in XS[:5]]
    high = modelled([*more, *many[4:]], all_rungs=False)
    assert middle(high, [0.0])[0] > middle(high, [0.5])[0]


def test_a_complete_trial_without_that_rung_is_not_taken_for_a_failure() -> None:
    trials = [seen(0.5, {9.0: 0.0}), *(seen(x, {3.0: x}, "PRUNED") for x in XS)]
    outcome = modelled(trials, all_rungs=False)
    assert len(outcome.surrogate.values) == 9
    assert middle(outcome, [0.5])[0] == pytest.approx(
        (middle(outcome, [0.4])[0] + middle(outcome, [0.6])[0]) / 2, abs=0.02
    )


@pytest.mark.parametrize(
    "lost",
    [
        Seen({"x": 0.5}, TrialState.FAIL, {}),
        Seen({"x": 0.5}, TrialState.FAIL, {3.0: np.array([0.0, -1.0])}),
        seen(0.5, {9.0: float("inf")}),
        seen(0.5, {3.0: 0.0, 9.0: float("inf")}),
    ],
)
@pytest.mark.parametrize("all_rungs", [True, False])
def test_a_failed_trial_and_an_infinite_value_count_as_the_worst(
    lost: Seen, all_rungs: bool
) -> None:
    others = [seen(x, {9.0: 0.1 * x}) for x in XS if x != 0.5]
    outcome = modelled([*others, lost], all_rungs=all_rungs)
    without = modelled(others, all_rungs=all_rungs)
    assert middle(without, [0.5])[0] == pytest.approx(0.05, abs=0.005)
    assert middle(outcome, [0.5])[0] > 0.06


def test_results_of_lower_rungs_alone_are_enough() -> None:
    outcome = modelled([seen(x, {1.0: x, 3.0: x}, "PRUNED") for x in XS])
    assert middle(outcome, [0.1])[0] < middle(outcome, [0.9])[0]


def test_of_too_many_results_the_highest_of_each_trial_and_the_latest_others_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outcomes, "N_RESULTS", 11)
    trials = [seen(x, {1.0: x, 3.0: x, 9.0: x}) for x in XS]
    columns = modelled(trials).surrogate.columns
    assert len(columns) == 11
    assert (columns[:, 1] == 1).sum() == 9
    assert columns[columns[:, 1] < 1, 0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("n_results", [27, 30, 100])
def test_of_results_that_are_not_too_many_all_are_used(
    n_results: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "N_RESULTS", n_results)
    assert len(modelled([seen(x, {1.0: x, 3.0: x, 9.0: x}) for x in XS]).surrogate.columns) == 27


def test_more_trials_than_results_are_wanted_still_count_once_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outcomes, "N_RESULTS", 4)
    assert len(modelled([seen(x, {1.0: x, 9.0: x}) for x in XS]).surrogate.columns) == 9


def test_believing_keeps_the_prediction_and_takes_its_doubt() -> None:
    outcome = modelled([seen(x, {3.0: x, 9.0: x}) for x in (0.0, 0.3, 1.0)])
    before, after = outcome.predict(at([0.65])), outcome.believing(at([0.65])).predict(at([0.65]))
    assert after.mean == pytest.approx(before.mean, abs=1e-6)
    assert after.deviation[0] < before.deviation[0]


def constrained(values: list[float]) -> Floats:
    trials = [
        seen(x, {9.0: 0.0}, violations={"size": value})
        for x, value in zip(np.linspace(0, 1, len(values)).tolist(), values, strict=True)
    ]
    points = at([trial.params["x"] for trial in trials])
    return model_constraint(trials, points, "size")(at(np.linspace(0, 1, 101)))


def test_the_probability_of_being_feasible_follows_the_constraint() -> None:
    found = constrained([-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0])
    assert found[:30].min() > 0.95
    assert found[70:].max() < 0.05
    assert found[50] == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_unit_of_a_constraint_does_not_matter(scale: float) -> None:
    values = [-2.0, -1.0, 1.0, 2.0]
    scaled = constrained([scale * value for value in values])
    assert scaled == pytest.approx(constrained(values), abs=1e-3)


def test_violations_that_hardly_differ_are_unlikely_near_them_and_not_everywhere() -> None:
    trials = [seen(x, {}, "PRUNED", violations={"size": 5 + 1e-3 * x}) for x in (0.0, 0.05, 0.1)]
    points = at([trial.params["x"] for trial in trials])
    near, far = model_constraint(trials, points, "size")(at([0.05, 1.0]))
    assert near < 0.01
    assert far > near


def test_an_infinite_violation_is_a_large_one() -> None:
    found = constrained([-1.0, -1.0, -1.0, float("inf"), float("inf")])
    assert found[0] > 0.9
    assert found[-1] < 0.1
    assert constrained([float("inf")] * 3).max() < 0.2


def test_only_trials_with_the_constraint_decide_it() -> None:
    trials = [
        seen(0.0, {9.0: 1.0}, violations={"size": -1.0}),
        seen(1.0, {9.0: 1.0}, violations={"size": 1.0, "time": 3.0}),
        seen(0.5, {9.0: 1.0}),
    ]
    probability = model_constraint(trials, at([0.0, 1.0, 0.5]), "time")
    assert probability(at([0.0, 1.0])).max() < 0.5
