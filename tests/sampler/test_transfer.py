"""Earlier studies: opinions, how far they are believed, and what that is good for."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from autokd.sampler import AutokdSampler, Earlier, Space
from autokd.sampler.encoding import Encoding
from autokd.sampler.history import note_rung
from autokd.sampler.transfer import Trend, opinions_of

Function = Callable[[Mapping[str, Any]], float]

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    **{f"x{i}": FloatDistribution(0, 1) for i in range(4)},
    "c": CategoricalDistribution(["a", "b", "c"]),
}
SCALES = np.array([4, 2, 1, 0.5])
TARGET, N_TRIALS, SEEDS = 0.1, 16, range(5)


def _vector(point: Mapping[str, Any]) -> np.ndarray:
    """Numbers of a point, ``(4,)``."""
    return np.array([point[f"x{i}"] for i in range(4)])


def _new(point: Mapping[str, Any], shift: float = 0.0) -> float:
    away = (SCALES * (_vector(point) - 0.3 - shift) ** 2).sum()
    return float(away + {"a": 0, "b": 0.15, "c": 0.3}[point["c"]])


def _like_it(point: Mapping[str, Any]) -> float:
    """The same up to scale, level and a shifted optimum: another data set."""
    return 3 * _new(point, shift=0.08) + 7


def _unlike_it(point: Mapping[str, Any]) -> float:
    away = (SCALES[::-1] * (_vector(point) - 0.8) ** 2).sum()
    return float(away + {"a": 0.3, "b": 0, "c": 0.2}[point["c"]])


def _points(n: int, seed: int) -> list[dict[str, Any]]:
    encoding = Encoding(DISTRIBUTIONS)
    return [encoding.point(row) for row in encoding.random(n, np.random.default_rng(seed))]


def _earlier(function: Function, *, seed: int = 0, n: int = 30) -> Earlier:
    points = _points(n, seed + 100)
    return Earlier(points, [{1.0: [function(point)]} for point in points])


def _reached(function: Function | None, seed: int) -> int:
    """Trials until the target is reached, one more than there are if it is not."""
    sampler = AutokdSampler(
        seed=seed,
        n_candidates=150,
        space=Space(DISTRIBUTIONS),
        earlier=[_earlier(function, seed=seed)] if function else [],
    )
    study = optuna.create_study(sampler=sampler)
    for n in range(1, N_TRIALS + 1):
        trial = study.ask(DISTRIBUTIONS)
        value = _new(trial.params)
        if value <= TARGET:
            return n
        study.tell(trial, value)
    return N_TRIALS + 1


@pytest.fixture(scope="module")
def alone() -> list[int]:
    return [_reached(None, seed) for seed in SEEDS]


def test_an_earlier_study_that_agrees_saves_half_of_the_trials(alone: list[int]) -> None:
    helped = [_reached(_like_it, seed) for seed in SEEDS]
    assert statistics.median(helped) <= 0.5 * statistics.median(alone)


def test_an_earlier_study_that_misleads_does_little_harm(alone: list[int]) -> None:
    misled = [_reached(_unlike_it, seed) for seed in SEEDS]
    assert statistics.median(misled) <= statistics.median(alone) + 2


def _correlation(earlier: Earlier, function: Function) -> float:
    encoding, fresh = Encoding(DISTRIBUTIONS), _points(60, 1)
    said = earlier.opinion(encoding, encoding.units(fresh), 0)
    return float(np.corrcoef(said, [function(point) for point in fresh])[0, 1])


def test_an_opinion_is_a_prediction_in_units_of_the_earlier_study_s_own_spread() -> None:
    earlier, encoding = _earlier(_like_it, n=60), Encoding(DISTRIBUTIONS)
    assert _correlation(earlier, _new) > 0.8
    own = earlier.opinion(encoding, encoding.units(_points(60, 100)), 0)
    assert abs(own.mean()) < 0.2
    assert 0.7 < own.std() < 1.1


def test_opinions_do_not_depend_on_scale_or_level() -> None:
    encoding = Encoding(DISTRIBUTIONS)
    units = encoding.units(_points(20, 3))
    plain = _earlier(_new).opinion(encoding, units, 0)
    scaled = _earlier(lambda point: 50 * _new(point) - 7).opinion(encoding, units, 0)
    np.testing.assert_allclose(plain, scaled, atol=1e-6)


def test_trials_that_never_reached_the_top_teach_on_its_scale() -> None:
    """Half of them were stopped at a rung whose results are all worse."""
    points = _points(60, 5)
    results: list[dict[float, Sequence[float]]] = [
        {1.0: [2 * _new(point) + 3]} if i % 2 else {1.0: [2 * _new(point) + 3], 9.0: [_new(point)]}
        for i, point in enumerate(points)
    ]
    both = _correlation(Earlier(points, results), _new)
    finished = _correlation(Earlier(points[::2], results[::2]), _new)
    assert both > finished


def test_what_was_not_measured_is_no_opinion() -> None:
    encoding, points = Encoding(DISTRIBUTIONS), _points(12, 0)
    results = [{1.0: [_new(point), float("nan")]} for point in points]
    earlier = Earlier(points, results)
    units = encoding.units(points)
    assert earlier.opinion(encoding, units, 0).std() > 0
    assert not earlier.opinion(encoding, units, 1).any()
    assert not Earlier([], []).opinion(encoding, units, 0).any()


def test_points_of_another_space_teach_what_they_share() -> None:
    points = _points(40, 0)
    shared = [{"x0": point["x0"], "x1": point["x1"], "elsewhere": 3} for point in points]
    earlier = Earlier(shared, [{1.0: [_new(point)]} for point in points])
    assert _correlation(earlier, _new) > 0.5


def test_a_model_is_fitted_once_for_all_samplers(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier, encoding = _earlier(_new, n=8), Encoding(DISTRIBUTIONS)
    units = encoding.units(_points(3, 0))
    first = earlier.opinion(encoding, units, 0)
    monkeypatch.setattr("autokd.sampler.transfer.fitted", None)
    assert (earlier.opinion(Encoding(dict(DISTRIBUTIONS)), units, 0) == first).all()
    narrower = {**DISTRIBUTIONS, "x0": FloatDistribution(0, 0.5)}
    with pytest.raises(TypeError):  # another space is another model
        earlier.opinion(Encoding(narrower), units, 0)


def test_an_optuna_study_is_taken_over_with_its_rungs_and_directions() -> None:
    old = optuna.create_study(directions=["maximize", "minimize"])
    for point in _points(40, 2):
        trial = old.ask(DISTRIBUTIONS)
        value = _new(trial.params)
        note_rung(trial, 1, [-value - 1, 5.0])
        old.tell(trial, [-value, 5.0])
        old.add_trial(create_trial(params=point, distributions=DISTRIBUTIONS, values=[-9, 5.0]))
        old.add_trial(create_trial(state=TrialState.FAIL))
    earlier = Earlier.of(old)
    encoding = Encoding(DISTRIBUTIONS)
    assert earlier.opinion(encoding, encoding.units(_points(9, 0)), 0).std() > 0
    assert not earlier.opinion(encoding, encoding.units(_points(9, 0)), 1).any()


def test_without_evidence_all_studies_together_weigh_one() -> None:
    trend = Trend.of(np.ones((1, 4)), np.zeros(1))
    np.testing.assert_allclose(trend.weights, [0.25] * 4)


def test_without_studies_nothing_follows() -> None:
    trend = Trend.of(np.empty((7, 0)), np.arange(7.0))
    assert trend(np.empty((3, 0))).tolist() == [0, 0, 0]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), n=st.integers(2, 30), n_studies=st.integers(1, 3))
def test_weights_minimise_the_loss_of_a_linear_model_with_unit_variances(
    seed: int, n: int, n_studies: int
) -> None:
    """Slow and obvious: no small step makes the penalised loss smaller, at a clip none upwards."""
    rng = np.random.default_rng(seed)
    opinions, values = rng.normal(size=(n, n_studies)), rng.normal(size=n)
    centred = opinions - opinions.mean(axis=0)

    def loss(weights: np.ndarray) -> float:
        """Loss of weights, ``(studies,)``."""
        missed = values - centred @ weights
        return float(missed @ missed + ((weights - 1 / n_studies) ** 2).sum())

    trend = Trend.of(opinions, values)
    assert (trend.weights >= 0).all()
    if n_studies == 1:
        best = loss(trend.weights)
        assert best <= loss(trend.weights + 1e-3)
        assert trend.weights[0] == 0 or best <= loss(trend.weights - 1e-3)
    elif (trend.weights > 0).all():
        for step in np.eye(n_studies) * 1e-3:
            assert loss(trend.weights) <= min(
                loss(trend.weights + step), loss(trend.weights - step)
            )


def test_results_decide_between_a_right_and_a_wrong_study() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=25)
    opinions = np.column_stack([0.8 * values + 0.1 * rng.normal(size=25), rng.normal(size=25)])
    right, wrong = Trend.of(opinions, values).weights
    assert right > 1
    assert wrong < 0.1
    assert Trend.of(-opinions[:, :1], values).weights.tolist() == [0]


def test_opinions_of_several_studies_stand_side_by_side() -> None:
    encoding = Encoding(DISTRIBUTIONS)
    units, studies = encoding.units(_points(5, 0)), [_earlier(_new), _earlier(_unlike_it)]
    table = opinions_of(studies, encoding, units, 0)
    assert table.shape == (5, 2)
    assert (table[:, 1] == studies[1].opinion(encoding, units, 0)).all()
    assert opinions_of([], encoding, units, 0).shape == (5, 0)


def test_points_that_are_being_tried_and_several_objectives_take_opinions_too() -> None:
    points = _points(20, 0)
    earlier = Earlier(points, [{1.0: [_new(p), p["x3"]], 3.0: [_new(p), p["x3"]]} for p in points])
    sampler = AutokdSampler(seed=0, n_candidates=60, n_startup_trials=2, earlier=[earlier])
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
    for _ in range(4):
        trial = study.ask(DISTRIBUTIONS)
        study.tell(trial, [_new(trial.params), trial.params["x3"]])
    running = [study.ask(DISTRIBUTIONS).params for _ in range(3)]
    assert len({str(params) for params in running}) == 3


def test_a_trial_that_lacks_a_parameter_of_the_space_counts_on_the_front_alone() -> None:
    """It is better than any point can be: nothing is left to improve, and nothing to learn."""

    def proposed(values: list[float] | None) -> list[Mapping[str, Any]]:
        sampler = AutokdSampler(
            seed=1, n_candidates=60, n_startup_trials=3, space=Space(DISTRIBUTIONS)
        )
        study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
        if values:
            for params in ({}, {"c": "b"}):
                known = {name: DISTRIBUTIONS[name] for name in params}
                study.add_trial(create_trial(params=params, distributions=known, values=values))
        for _ in range(6):
            trial = study.ask(DISTRIBUTIONS)
            study.tell(trial, [_new(trial.params), trial.params["x0"]])
        return [trial.params for trial in study.trials if len(trial.params) == len(DISTRIBUTIONS)]

    alone = proposed(None)
    assert proposed([9.0, 9.0]) == alone  # dominated by everything
    assert proposed([0.2, 0.3])[:3] == alone[:3]  # does not end the start-up
    assert proposed([0.2, 0.3]) != alone  # the front that is to be improved


def test_value_that_the_later_study_does_not_have_stands_in_the_middle() -> None:
    fewer = {**DISTRIBUTIONS, "c": CategoricalDistribution(["a", "b"])}
    points = _points(30, 7)
    assert {point["c"] for point in points} == {"a", "b", "c"}
    results = [{1.0: [_new(point)]} for point in points]
    lacking = [{k: v for k, v in p.items() if k != "c" or v != "c"} for p in points]
    encoding = Encoding(fewer)
    fresh = encoding.random(20, np.random.default_rng(0))
    said = Earlier(points, results).opinion(encoding, fresh, 0)
    assert np.array_equal(said, Earlier(lacking, results).opinion(encoding, fresh, 0))
    changed = {**DISTRIBUTIONS, "c": FloatDistribution(0, 1)}
    assert np.isfinite(Earlier(points, results).opinion(Encoding(changed), fresh, 0)).all()
