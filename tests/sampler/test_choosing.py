from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from autokd.sampler import Preview
from autokd.sampler.choosing import _model, best_of
from autokd.sampler.encoding import Encoding
from autokd.sampler.history import Seen
from autokd.sampler.model import Task
from autokd.sampler.pool import Candidates

SQUARE = Encoding({"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)})
UNITS = SQUARE.random(500, np.random.default_rng(0))
Point = Mapping[str, Any]


def error(point: Point) -> float:
    return float((point["x"] - 0.7) ** 2)


def told(point: Point) -> Preview:
    return Preview(f"{point}", {1: point["y"]}, features=(point["y"] ** 2,))


class Counted:
    """Counts the points that are looked at."""

    def __init__(self, preview: Callable[[Point], Preview]) -> None:
        self.preview, self.seen = preview, list[Point]()

    def __call__(self, point: Point) -> Preview:
        self.seen.append(point)
        return self.preview(point)


def task(n: int, preview: Callable[[Point], Preview] | None = told) -> Task:
    trials = []
    for row in SQUARE.random(n, np.random.default_rng(1)):
        point = SQUARE.point(row)
        result = {1.0: np.array([error(point), point["y"]])}
        trial = Seen(point, TrialState.COMPLETE, result, is_complete=True)
        if preview is not None:
            trial.features, trial.known = preview(point).features, dict(preview(point).known)
        trials.append(trial)
    return Task(SQUARE, trials, 1.0, np.ones(2), np.array([1.0, 1.0]), all_rungs=True)


def chosen(
    n_previews: int | None,
    *,
    preview: Any = told,
    noted: Any = told,
    tried: Sequence[str] = (),
) -> Point:
    found = best_of(
        task(12, preview=noted), UNITS, preview=preview, tried=tried, n_previews=n_previews
    )
    assert len(found) == 1
    return SQUARE.point(found.units[0])


def test_few_looks_find_what_looking_at_everything_finds() -> None:
    counted = Counted(told)
    assert chosen(8, preview=counted) == chosen(None)
    assert len(counted.seen) <= 16


def test_as_many_looks_as_there_are_points_look_at_each_once() -> None:
    counted = Counted(told)
    assert chosen(len(UNITS), preview=counted) == chosen(None)
    assert len(counted.seen) == len(UNITS)


def test_without_noted_previews_the_most_promising_are_found_from_points_alone() -> None:
    counted = Counted(told)
    found = chosen(8, preview=counted, noted=None)
    assert len(counted.seen) <= 16
    assert abs(found["x"] - 0.7) < 0.3


def test_without_a_preview_outcomes_are_predicted() -> None:
    assert abs(chosen(None, preview=None, noted=None)["x"] - 0.7) < 0.3


def test_what_was_tried_is_not_chosen_again() -> None:
    first = chosen(None)
    assert chosen(None, tried=[told(first).key]) != first
    assert chosen(8, tried=[told(first).key]) != first


def test_nothing_is_chosen_where_everything_was_tried() -> None:
    keys = [told(SQUARE.point(row)).key for row in UNITS]
    for n_previews in (None, 8):
        found = best_of(task(12), UNITS, preview=told, tried=keys, n_previews=n_previews)
        assert len(found) == 0


def test_a_trial_without_features_counts_on_the_front() -> None:
    known = task(12)
    plain = Seen({"x": 0.7, "y": 0.05}, TrialState.COMPLETE, {1.0: np.array([0.0, 0.05])}, True)
    both = replace(known, trials=[*known.trials, plain])
    preview = told({"x": 0.7, "y": 0.1})
    behind = Candidates(np.array([[0.7, 0.1]]), np.array([[0.7, 0.1]]), [preview])
    gains = [_model(each, preview).improvement(behind)[0] for each in (known, both)]
    assert gains[1] < 0.1 * gains[0]
