"""Optuna's own suite for samplers, and what only this one does."""

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.trial import Trial, TrialState, create_trial

from autokd.sampler import AutokdSampler, Condition, Preview, Space, note_rung
from autokd.sampler.history import PREVIEW


class _Suite:
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return AutokdSampler


class TestBasic(_Suite, BasicSamplerTestCase):
    pass


class TestRelative(_Suite, RelativeSamplerTestCase):
    pass


class TestMulti(_Suite, MultiObjectiveSamplerTestCase):
    pass


LINE: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}
SMALL: dict[str, Any] = {"n_candidates": 200, "seed": 0}
Direction = Literal["minimize", "maximize"]
BOTH: list[Direction] = ["minimize", "minimize"]


def study_with(*directions: Direction, **options: Any) -> optuna.Study:
    sampler = AutokdSampler(**{**SMALL, **options})
    return optuna.create_study(directions=list(directions) or ["minimize"], sampler=sampler)


def xs(study: optuna.Study, first: int = 0) -> list[float]:
    return [trial.params["x"] for trial in study.trials[first:]]


@pytest.mark.parametrize(
    ("name", "least"),
    [("n_startup_trials", 1), ("n_candidates", 1), ("n_previews", 1), ("memory", 2)],
)
def test_numbers_are_checked(name: str, least: int) -> None:
    options: dict[str, Any] = {name: least - 1}
    with pytest.raises(ValueError, match=f"{name} must be at least {least}, found {least - 1}"):
        AutokdSampler(**options)


def test_a_reference_has_a_value_for_each_objective() -> None:
    study = study_with(*BOTH, reference=[1.0], space=Space(LINE))
    with pytest.raises(ValueError, match="the reference has 1 values for 2 objectives"):
        study.ask(LINE)


# What is proposed is new, feasible, and there.


def test_nothing_is_tried_twice_until_everything_was_tried() -> None:
    def objective(trial: Trial) -> float:
        n = trial.suggest_int("n", 0, 4) + trial.suggest_int("only", 3, 3)
        return n + (0.5 if trial.suggest_categorical("kind", "ab") == "a" else 0)

    study = study_with()
    study.optimize(objective, n_trials=13)
    points = [(trial.params["n"], trial.params["kind"]) for trial in study.trials]
    assert len(set(points[:10])) == 10
    assert len(set(points)) == 10  # and then it goes on


def test_a_key_that_a_trial_had_is_not_proposed_again() -> None:
    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(f"{int(10 * point['x'])}")

    study = study_with(preview=preview, space=Space(LINE))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=9)
    keys = [trial.user_attrs[PREVIEW]["key"] for trial in study.trials]
    assert len(set(keys)) == 9


@pytest.mark.parametrize("n_previews", [None, 8])
def test_what_a_preview_refuses_is_never_proposed(n_previews: int | None) -> None:
    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(str(point), is_feasible=0.3 < point["x"] < 0.4)

    study = study_with(preview=preview, n_previews=n_previews, space=Space(LINE))
    for _ in range(12):  # the lower, the better: all the way to the bound
        trial = study.ask(LINE)
        study.tell(trial, trial.params["x"])
    assert 0.3 < min(xs(study)) < 0.31
    assert max(xs(study)) < 0.4


def test_if_nothing_is_feasible_something_is_proposed_all_the_same() -> None:
    study = study_with(preview=lambda _: Preview("", is_feasible=False), space=Space(LINE))
    for _ in range(6):
        trial = study.ask(LINE)
        study.tell(trial, trial.params["x"])
    assert len(set(xs(study))) == 6
    assert study.trials[-1].user_attrs[PREVIEW]["features"] == []


METHODS: dict[str, BaseDistribution] = {
    "method": CategoricalDistribution(("kd", "dkd", "none")),
    "temperature": FloatDistribution(1, 20, log=True),
    "beta": IntDistribution(1, 8),
    "one": FloatDistribution(2, 2),
}
WHEN = {
    "temperature": Condition("method", frozenset({0, 1})),
    "beta": Condition("method", frozenset({1})),
    "one": Condition("method", frozenset({1})),
}


def distil(trial: Trial) -> float:
    method = trial.suggest_categorical("method", ("kd", "dkd", "none"))
    if method == "none":
        return 1.0
    loss = abs(trial.suggest_float("temperature", 1, 20, log=True) - 4) / 20
    if method == "dkd":
        loss += abs(trial.suggest_int("beta", 1, 8) - 6) / 10 - 0.1
        loss += trial.suggest_float("one", 2, 2) - 2
    return loss


def test_conditional_parameters_are_proposed_with_their_parent_only() -> None:
    sampler = AutokdSampler(**SMALL, space=Space(METHODS, WHEN))
    study = optuna.create_study(sampler=sampler)
    space = {name: METHODS[name] for name in ("method", "temperature", "beta")}
    seen = set()
    for _ in range(12):
        trial = study.ask()
        point = sampler.sample_relative(study, study.trials[trial.number], space)
        seen.add(point["method"])
        assert ("temperature" in point) == (point["method"] != "none")
        assert ("beta" in point) == (point["method"] == "dkd")
    assert seen == {"kd", "dkd", "none"}


@pytest.mark.parametrize("space", [None, Space(METHODS, WHEN)])
def test_conditional_parameters_are_searched(space: Space | None) -> None:
    study = study_with(space=space)
    study.optimize(distil, n_trials=25)
    assert study.best_params["method"] == "dkd"
    assert study.best_value < 0.0


# What is known is used.


def test_known_sizes_are_traded_exactly() -> None:
    """Two values of x give equal errors; only the preview knows which of them is small."""

    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(str(point), known={1: 0.2 if point["side"] == "left" else 0.6})

    space = Space({"side": CategoricalDistribution(("left", "right")), **LINE})
    study = study_with(*BOTH, preview=preview, space=space, reference=[1.0, 1.0])
    for x in (0.1, 0.4, 0.6, 0.9):  # nothing was seen on the left
        params = {"side": "right", "x": x}
        study.add_trial(
            create_trial(
                params=params, distributions=dict(space.distributions), values=[abs(x - 0.5), 0.6]
            )
        )
    trial = study.ask(dict(space.distributions))
    assert trial.params["side"] == "left"


@pytest.mark.parametrize("n_previews", [None, 16])
def test_a_front_of_error_and_known_size_is_found(n_previews: int | None) -> None:
    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(str(point), known={1: point["x"]}, features=(point["x"],))

    def volume(sampler: BaseSampler) -> float:
        study = optuna.create_study(directions=BOTH, sampler=sampler)
        for _ in range(16):
            trial = study.ask({**LINE, "y": FloatDistribution(0, 1), "z": FloatDistribution(0, 1)})
            x, y, z = (trial.params[name] for name in "xyz")
            study.tell(trial, [(1 - x) ** 2 + (y - 0.3) ** 2 + (z - 0.8) ** 2, x])
        front = sorted(trial.values[::-1] for trial in study.best_trials)
        steps = [*(x for x, _ in front[1:]), 1.1]
        pairs = zip(front, steps, strict=True)
        return float(sum(max(0.0, 1.1 - error) * (end - x) for (x, error), end in pairs))

    ours = AutokdSampler(
        **SMALL,
        preview=preview,
        n_previews=n_previews,
        reference=[1.1, 1.1],
        space=Space({**LINE, "y": FloatDistribution(0, 1), "z": FloatDistribution(0, 1)}),
    )
    best = 1.1 * 1.1 - 1 / 3  # about the volume above error = (1 - x)^2
    assert volume(ours) > 0.87 * best
    assert volume(RandomSampler(seed=0)) < 0.8 * best


def test_previews_are_asked_of_the_most_promising_points_only() -> None:
    asked: list[float] = []

    def preview(point: Mapping[str, Any]) -> Preview:
        asked.append(point["x"])
        return Preview(str(point))

    study = study_with(preview=preview, n_previews=5, space=Space(LINE))
    for x in (0.0, 0.2, 0.4, 0.9):
        study.add_trial(create_trial(params={"x": x}, distributions=LINE, value=(x - 0.3) ** 2))
    study.ask(LINE)
    assert len(asked) == 5
    assert all(0.2 < x < 0.4 for x in asked)


def test_what_was_noted_with_a_trial_is_what_was_previewed() -> None:
    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview("k" + str(point["x"]), known={0: 2.0}, features=(point["x"],))

    study = study_with(preview=preview, space=Space(LINE))
    trial = study.ask(LINE)
    noted = study.trials[0].user_attrs[PREVIEW]
    assert noted["key"] == f"k{trial.params['x']}"
    assert (noted["known"], noted["features"]) == ({"0": 2.0}, [trial.params["x"]])


@pytest.mark.parametrize("n_before", [0, 6])
def test_an_enqueued_point_is_previewed_as_what_it_is(n_before: int) -> None:
    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(f"{point['x']}", known={0: point["x"]})

    two = {**LINE, "y": FloatDistribution(0, 1)}
    study = study_with(preview=preview, space=Space(two))
    for _ in range(n_before):
        trial = study.ask(two)
        study.tell(trial, trial.params["x"])
    study.enqueue_trial({"x": 0.123})
    trial = study.ask(two)
    assert trial.params["x"] == 0.123
    noted = study.trials[-1].user_attrs[PREVIEW]
    assert noted["known"] == {"0": pytest.approx(0.123)}


# Running, failed and infeasible trials.


def test_running_trials_are_no_near_twins() -> None:
    study = study_with(*BOTH, reference=[1.0, 1.0])
    for x in (0.05, 0.3, 0.6, 0.95):
        values = [(x - 0.45) ** 2, 0.5]
        study.add_trial(create_trial(params={"x": x}, distributions=LINE, values=values))
    asked = [study.ask(LINE).params["x"] for _ in range(4)]
    nearest = [min(abs(a - b) for b in asked if b != a) for a in asked]
    assert len(set(asked)) == 4
    assert min(nearest) > 0.005


def test_failed_trials_repel() -> None:
    study = study_with()
    for x in (0.0, 0.25, 0.75, 1.0):
        study.add_trial(create_trial(params={"x": x}, distributions=LINE, value=1 - x / 10))
    for x in (0.85, 0.9, 0.95):
        failed = create_trial(params={"x": x}, distributions=LINE, state=TrialState.FAIL)
        study.add_trial(failed)
    assert not 0.83 < study.ask(LINE).params["x"] < 0.97


def test_constraints_of_trials_steer() -> None:
    def objective(trial: Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("bound", x - 0.6)
        return -x

    study = study_with()
    study.optimize(objective, n_trials=16)
    late = xs(study, 10)
    assert statistics.median(late) == pytest.approx(0.6, abs=0.05)
    assert any(x <= 0.6 for x in late)
    assert 0.57 < study.best_params["x"] <= 0.6


def test_infeasible_trials_are_neither_looked_near_nor_taken_for_the_reference() -> None:
    """All that is infeasible is better in both objectives than anything that is feasible."""

    def objective(trial: Trial) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("bound", 0.5 - x)
        return x + 0.1 * y, x + 0.1 * (1 - y)

    study = study_with(*BOTH)
    study.optimize(objective, n_trials=20)
    late = [trial.params["x"] for trial in study.trials[10:]]
    assert statistics.median(late) == pytest.approx(0.5, abs=0.05)


def test_infinite_values_are_survived() -> None:
    study = study_with(*BOTH)
    study.optimize(
        lambda trial: (
            trial.suggest_float("x", 0, 1),
            float("inf") if trial.number % 2 else 1.0,
        ),
        n_trials=10,
    )
    assert len(study.trials) == 10


# What trials showed before they were stopped is learned from.


@pytest.mark.parametrize(("all_rungs", "n_top"), [(True, 2), (False, 1)])
def test_rungs_of_stopped_trials_teach(all_rungs: bool, n_top: int) -> None:
    """Nobody but the first trials reached the top; the lower rung tells that 0.8 is best."""
    study = study_with(all_rungs=all_rungs)

    def value(x: float) -> float:
        return (x - 0.8) ** 2

    for i in range(14):
        x = i / 20 if i < n_top else (i - n_top) / 12
        study.enqueue_trial({"x": x})
        trial = study.ask(LINE)
        note_rung(trial, 1, [1 + value(x)])
        if i < n_top:
            note_rung(trial, 3, [value(x)])
            study.tell(trial, value(x))
        else:
            study.tell(trial, state=TrialState.PRUNED)
    assert study.ask(LINE).params["x"] == pytest.approx(0.8, abs=0.12)


def test_optunas_own_reports_and_pruning_work() -> None:
    def objective(trial: Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(4):
            trial.report((x - 0.7) ** 2 + 1 / (1 + step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return (x - 0.7) ** 2

    pruner = optuna.pruners.SuccessiveHalvingPruner()
    study = optuna.create_study(sampler=AutokdSampler(**SMALL), pruner=pruner)
    study.optimize(objective, n_trials=20)
    assert any(trial.state == TrialState.PRUNED for trial in study.trials)
    assert study.best_params["x"] == pytest.approx(0.7, abs=0.05)


# It finds what is to be found.


def smooth(trial: Trial) -> float:
    point = [trial.suggest_float(name, 0, 1) for name in "abc"]
    return -sum((x - best) ** 2 for x, best in zip(point, (0.2, 0.7, 0.45), strict=True))


def test_a_smooth_function_is_maximised_far_better_than_at_random() -> None:
    def best(sampler: BaseSampler) -> float:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(smooth, n_trials=25)
        return study.best_value

    ours = [best(AutokdSampler(seed=seed, n_candidates=200)) for seed in range(3)]
    random = [best(RandomSampler(seed=seed)) for seed in range(9)]
    assert statistics.median(ours) > -0.003
    assert statistics.median(random) < -0.015


def test_a_memory_shorter_than_the_startup_does_not_stop_the_model() -> None:
    study = study_with(memory=2)
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=14)
    assert statistics.median(abs(x - 0.3) for x in xs(study, 6)) < 0.2
    long = study_with(memory=8)
    long.optimize(lambda trial: (trial.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=20)
    assert long.best_value < 1e-3


def test_the_first_trials_are_drawn_evenly_even_if_one_is_very_good() -> None:
    drawn = []
    for seed in range(60):
        study = study_with(seed=seed, space=Space(LINE), n_candidates=20)
        study.add_trial(create_trial(params={"x": 0.5}, distributions=LINE, value=-100.0))
        drawn.append(study.ask(LINE).params["x"])
    assert sum(abs(x - 0.5) < 0.05 for x in drawn) < 15


def test_the_same_seed_and_trials_give_the_same_point() -> None:
    def third(seed: int) -> dict[str, Any]:
        study = study_with(seed=seed, n_startup_trials=2)
        study.optimize(smooth, n_trials=6)
        return study.trials[-1].params

    assert third(3) == third(3)
    assert third(3) != third(4)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "journal"])
def test_it_works_with_every_storage_and_two_threads(kind: str, tmp_path: Path) -> None:
    storages: dict[str, Callable[[], optuna.storages.BaseStorage]] = {
        "memory": InMemoryStorage,
        "sqlite": lambda: RDBStorage(f"sqlite:///{tmp_path}/s.db"),
        "journal": lambda: JournalStorage(JournalFileBackend(str(tmp_path / "s.log"))),
    }
    storage = storages[kind]()

    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(str(point), known={1: point["x"]})

    sampler = AutokdSampler(**SMALL, preview=preview, space=Space(LINE))
    study = optuna.create_study(storage=storage, directions=BOTH, sampler=sampler)
    threads = set()

    def objective(trial: Trial) -> tuple[float, float]:
        threads.add(threading.get_ident())
        x = trial.suggest_float("x", 0, 1)
        note_rung(trial, 1, [1 - x, x])
        time.sleep(0.02)
        return 1 - x, x

    study.optimize(objective, n_trials=10, n_jobs=2)
    assert len(threads) == 2
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    for trial in study.trials:
        assert trial.user_attrs[PREVIEW]["known"]["1"] == trial.params["x"]
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def test_a_trial_that_ended_before_its_last_parameter_hides_no_condition() -> None:
    def objective(trial: Trial) -> float:
        if trial.number == 0:
            raise optuna.TrialPruned
        kind = trial.suggest_categorical("kind", ["many", "one", "other"])
        if trial.number == 1:
            raise optuna.TrialPruned
        if kind == "many":
            return trial.suggest_int("n", 0, 5) / 10 + 0.5
        return {"one": 0.2, "other": 0.4}[kind]

    study = study_with()
    study.optimize(objective, n_trials=21)
    assert len({tuple(sorted(trial.params.items())) for trial in study.trials[2:]}) == 8


def test_it_learns_where_every_trial_is_stopped_at_the_first_rung() -> None:
    def objective(trial: Trial) -> float:
        error = abs(trial.suggest_float("x", 0, 1) - 0.7)
        note_rung(trial, 1, [error])
        raise optuna.TrialPruned

    study = study_with(n_startup_trials=5)
    study.optimize(objective, n_trials=15)
    assert min(abs(trial.params["x"] - 0.7) for trial in study.trials[5:10]) < 0.01
