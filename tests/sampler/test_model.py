from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from autokd.pareto import gain
from autokd.pareto.arrays import Floats
from autokd.sampler import Condition, Preview
from autokd.sampler.encoding import Encoding
from autokd.sampler.history import Seen
from autokd.sampler.model import Model, Task, parted
from autokd.sampler.pool import Candidates

LINE = Encoding({"x": FloatDistribution(0, 1)})
GRID = np.linspace(0, 1, 101)
TOP = 1.0


def complete(x: float, *values: float, **more: Any) -> Seen:
    return Seen({"x": x}, TrialState.COMPLETE, {TOP: np.array(values)}, is_complete=True, **more)


def task(trials: list[Seen], reference: tuple[float, ...] = (1.5, 1.5)) -> Task:
    signs = np.ones(len(reference))
    return Task(LINE, trials, TOP, signs, np.array(reference), all_rungs=True)


def candidates(xs: Floats = GRID, previews: list[Preview] | None = None) -> Candidates:
    units = np.asarray(xs, dtype=float)[:, np.newaxis]
    return Candidates(units, units, previews or [Preview("")] * len(units))


def error(x: float) -> float:
    return (x - 0.7) ** 2


SOME = [complete(x, error(x)) for x in (0.0, 0.35, 0.8, 1.0)]
PAIRS = [complete(x, error(x), x) for x in (0.05, 0.3, 0.55, 0.8, 0.95)]


def test_the_front_is_of_feasible_complete_trials_with_finite_values() -> None:
    trials = [
        complete(0.1, 1.0, 2.0),
        complete(0.2, 0.0, 0.0, violations={"size": 1.0}),
        complete(0.3, np.inf, 0.0),
        Seen({"x": 0.4}, TrialState.PRUNED, {0.5: np.zeros(2)}),
    ]
    assert task(trials).front.tolist() == [[1.0, 2.0]]
    assert task([]).front.shape == (0, 2)


def test_trials_that_are_no_points_of_the_space_count_on_the_front_alone() -> None:
    beside = Task(
        LINE,
        SOME,
        TOP,
        np.ones(1),
        np.array([1.5]),
        all_rungs=True,
        others=[Seen({}, TrialState.COMPLETE, {TOP: np.array([-5.0])}, is_complete=True)],
    )
    assert beside.front.min() == -5.0
    assert beside.n_results == 4
    model = Model(beside, known=(), has_features=False)
    alone = Model(task(SOME, (1.5,)), known=(), has_features=False)
    assert model.improvement(candidates()).max() < alone.improvement(candidates()).max() / 100


def test_results_of_any_rung_count_and_infinite_ones_do_not() -> None:
    trials = [
        *SOME,
        Seen({"x": 0.1}, TrialState.RUNNING, {}),
        Seen({"x": 0.2}, TrialState.PRUNED, {0.5: np.ones(1)}),
        complete(0.3, np.inf),
    ]
    assert task(trials, (1.5,)).n_results == 5


def test_the_best_of_one_objective_is_where_improvement_is_expected() -> None:
    worth = Model(task(SOME, (1.5,)), known=(), has_features=False).improvement(candidates())
    assert GRID[worth.argmax()] == pytest.approx(0.7, abs=0.1)
    assert worth.min() >= 0


def test_a_known_size_is_not_modelled_but_taken_as_it_is() -> None:
    model = Model(task(PAIRS), known=[1], has_features=False)
    xs = np.full(40, 0.6)
    sizes = np.linspace(0.0, 1.5, 40)
    previews = [Preview("", known={1: size}) for size in sizes.tolist()]
    worth = model.improvement(candidates(xs, previews))
    assert (np.diff(worth) <= 1e-12).all()  # equal predictions: the smaller, the better
    assert worth[0] > 10 * worth[15] > 0
    assert worth[-1] == 0


def test_with_everything_known_it_is_the_gain() -> None:
    model = Model(task(PAIRS), known=[0, 1], has_features=False)
    values = np.random.default_rng(0).random((30, 2))
    previews = [Preview("", known={0: a, 1: b}) for a, b in values.tolist()]
    front = [[error(x), x] for x in (0.05, 0.3, 0.55, 0.8, 0.95)]
    expected = [gain(each, front, [1.5, 1.5]) for each in values]
    assert model.improvement(candidates(np.zeros(30), previews)) == pytest.approx(expected)


def test_what_is_known_is_given_in_the_studys_direction() -> None:
    trials = [complete(x, error(x), -x) for x in (0.05, 0.3, 0.55, 0.8)]  # x is maximised
    maximised = Task(LINE, trials, TOP, np.array([1.0, -1.0]), np.array([1.5, 0.0]), True)
    model = Model(maximised, known=[1], has_features=False)
    previews = [Preview("", known={1: x}) for x in (0.2, 0.9)]
    low, high = model.improvement(candidates(np.array([0.6, 0.6]), previews))
    assert high > low


def test_a_running_trial_is_believed_so_that_its_twin_is_worth_little() -> None:
    free = Model(task(SOME, (1.5,)), known=(), has_features=False).improvement(candidates())
    best = float(GRID[free.argmax()])
    running = [*SOME, Seen({"x": best}, TrialState.RUNNING, {})]
    taken = Model(task(running, (1.5,)), known=(), has_features=False).improvement(candidates())
    assert taken[free.argmax()] < 0.5 * free.max()
    assert (taken <= free + 1e-9).all()


def test_a_running_trials_known_size_counts_as_its_own() -> None:
    previews = [Preview("", known={1: 0.2}), Preview("", known={1: 0.6})]
    some = candidates(np.array([0.62, 0.62]), previews)

    def worth(size: float) -> Floats:
        running = Seen({"x": 0.6}, TrialState.RUNNING, {}, known={1: size})
        return Model(task([*PAIRS, running]), known=[1], has_features=False).improvement(some)

    assert worth(0.1)[0] < 0.5 * worth(0.55)[0]


def test_a_running_trial_without_preview_does_not_stand_on_the_front() -> None:
    running = Seen({"x": 0.6}, TrialState.RUNNING, {})
    model = Model(task([*PAIRS, running]), known=[1], has_features=False)
    some = candidates(np.array([0.2]), [Preview("", known={1: 0.2})])
    alone = Model(task(PAIRS), known=[1], has_features=False)
    assert model.improvement(some) == pytest.approx(alone.improvement(some), rel=0.2)


def test_constraints_multiply_by_the_probability_of_being_feasible() -> None:
    free = Model(task(SOME, (1.5,)), known=(), has_features=False).improvement(candidates())
    bound = [
        complete(t.params["x"], *t.results[TOP], violations={"c": t.params["x"] - 0.5})
        for t in SOME
    ]
    model = Model(task(bound, (1.5,)), known=(), has_features=False)
    worth = model.improvement(candidates())
    assert worth[GRID > 0.7].max() < 0.1 * free[GRID > 0.7].max()
    assert GRID[worth.argmax()] < 0.6


def test_features_tell_what_the_point_does_not() -> None:
    rng = np.random.default_rng(1)
    hidden = (1e6 * rng.random(14)).tolist()  # on a scale of its own
    trials = [complete(float(rng.random()), h / 1e6, features=(h,)) for h in hidden]
    model = Model(task(trials, (1.5,)), known=(), has_features=True)
    previews = [Preview("", features=(h,)) for h in (0.0, 5e5, 9e5)]
    low, middle, high = model.improvement(candidates(np.full(3, 0.5), previews))
    assert low > 5 * middle >= 5 * high


def test_without_features_it_does_not_matter_that_some_trials_have_some() -> None:
    mixed = [*SOME, complete(0.5, error(0.5), features=(1.0, 2.0))]
    plain = [*SOME, complete(0.5, error(0.5))]
    found = [
        Model(task(trials, (1.5,)), known=(), has_features=False).improvement(candidates())
        for trials in (mixed, plain)
    ]
    assert found[0] == pytest.approx(found[1])


def test_trials_that_lack_a_parameter_are_parted_from_the_others() -> None:
    tree = Encoding(
        {"kind": CategoricalDistribution(("a", "b")), "x": FloatDistribution(0, 1)},
        {"x": Condition("kind", frozenset({0}))},
    )
    points: list[dict[str, Any]] = [{"kind": "a", "x": 0.5}, {"kind": "b"}, {"kind": "a"}, {}]
    trials = [Seen(point, TrialState.RUNNING, {}) for point in points]
    assert parted(tree, trials) == (trials[:2], trials[2:])
    assert parted(tree, []) == ([], [])
