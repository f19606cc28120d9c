from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from autokd.constraints import Constraints
from autokd.parameters import Value
from autokd.runs import importance
from autokd.runs.importance import MIN_TRIALS, importances, optuna_distribution
from autokd.runs.record import Record, RungResult
from autokd.study import StudySpec
from tests.runs.conftest import MakeSpec

SPACE: dict[str, Any] = {
    "title": "A space",
    "generator": "flat",
    "architecture": {
        "params_budget": {"type": "float", "low": 1e3, "high": 1e5, "log": True},
        "rewiring": {"type": "float", "low": 0.0, "high": 1.0},
        "nodes": {"type": "int", "low": 3, "high": 9},
        "neighbours": {"type": "fixed", "value": 2},
    },
    "kd": {
        "method": {"type": "categorical", "choices": ["none", "kd"]},
        "temperature": {"type": "float", "low": 1.0, "high": 20.0, "log": True},
    },
}

DISTRIBUTIONS = {
    "architecture.params_budget": FloatDistribution(1e3, 1e5, log=True),
    "architecture.rewiring": FloatDistribution(0.0, 1.0),
    "architecture.nodes": IntDistribution(3, 9),
    "kd.method": CategoricalDistribution(("none", "kd")),
    "kd.temperature": FloatDistribution(1.0, 20.0, log=True),
}


@pytest.fixture
def spec(make_spec: MakeSpec) -> StudySpec:
    return make_spec(SPACE)


def _point(rng: np.random.Generator) -> dict[str, Value]:
    point: dict[str, Value] = {
        "architecture.params_budget": float(10 ** rng.uniform(3, 5)),
        "architecture.rewiring": float(rng.uniform()),
        "architecture.nodes": int(rng.integers(3, 10)),
        "architecture.neighbours": 2,
        "kd.method": "none",
    }
    if rng.uniform() < 0.5:
        point |= {"kd.method": "kd", "kd.temperature": float(20 ** rng.uniform())}
    return point


def _records(n: int, *, outcome: str = "complete") -> list[Record]:
    """Make records whose two objectives both get worse with the rewiring, and with nothing else.

    Args:
        n: Records.
        outcome: How they ended.
    """
    rng = np.random.default_rng(0)
    records = []
    for slot in range(n):
        point = _point(rng)
        worse = float(point["architecture.rewiring"])
        metrics = {"top1": 0.9 - 0.5 * worse, "params": 1e3 * 10 ** (2 * worse)}
        record = Record(slot, 0, slot, point).with_rung(RungResult(4, metrics))
        records.append(record.ended(outcome, at_s=1.0))  # type: ignore[arg-type]
    return records


def test_the_parameter_that_decides_has_the_largest_share(spec: StudySpec) -> None:
    shares = importances(_records(120), spec)
    assert next(iter(shares)) == "architecture.rewiring"
    assert shares["architecture.rewiring"] > 0.8
    assert sum(shares.values()) == pytest.approx(1.0)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_shares_are_those_of_optuna_on_what_the_hypervolume_minimises(spec: StudySpec) -> None:
    records = _records(60)
    study = optuna.create_study(directions=["minimize", "minimize"])
    for record in records:
        params = {name: record.point[name] for name in DISTRIBUTIONS if name in record.point}
        study.add_trial(
            create_trial(
                params=params,
                distributions={name: DISTRIBUTIONS[name] for name in params},
                values=[1 - record.metrics["top1"], float(np.log10(record.metrics["params"]))],
            )
        )
    expected = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    assert importances(records, spec) == expected


def test_each_kind_of_domain_has_optunas_distribution_and_a_fixed_one_none(
    spec: StudySpec,
) -> None:
    dimensions = spec.search_space.dimensions()
    found = {d.name: optuna_distribution(d.domain) for d in dimensions}
    assert found["architecture.neighbours"] is None
    assert {name: one for name, one in found.items() if one is not None} == DISTRIBUTIONS


def test_searched_parameters_alone_have_shares(spec: StudySpec) -> None:
    assert set(importances(_records(40), spec)) == set(DISTRIBUTIONS)


def test_a_parameter_that_few_trials_have_has_no_share(spec: StudySpec) -> None:
    records = _records(60)
    soft = [record for record in records if record.point["kd.method"] == "kd"]
    hard = [record for record in records if record.point["kd.method"] == "none"]
    assert "kd.temperature" in importances([*hard, *soft[:MIN_TRIALS]], spec)
    shares = importances([*hard, *soft[: MIN_TRIALS - 1]], spec)
    assert "kd.temperature" not in shares
    assert sum(shares.values()) == pytest.approx(1.0)


def test_complete_records_alone_count(spec: StudySpec) -> None:
    complete = _records(MIN_TRIALS)
    stopped = _records(50, outcome="stopped")
    assert importances(complete[1:] + stopped, spec) == {}
    assert importances(complete + stopped, spec) == importances(complete, spec) != {}


def test_of_very_many_records_some_are_taken_evenly(
    spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = _records(99)
    expected = importances(records[::2], spec)
    monkeypatch.setattr(importance, "MAX_TRIALS", 50)
    assert importances(records, spec) == expected


def test_what_decides_who_keeps_min_top1_matters_where_the_objective_is_size(
    spec: StudySpec,
) -> None:
    """Without a bound the budget alone decides on size; with one, who keeps it counts first."""
    records = []
    rng = np.random.default_rng(0)
    for slot in range(120):
        point = _point(rng)
        budget, rewiring = point["architecture.params_budget"], point["architecture.rewiring"]
        metrics = {"top1": 0.95 if float(rewiring) < 0.2 else 0.5, "params": float(budget)}
        record = Record(slot, 0, slot, point).with_rung(RungResult(4, metrics))
        records.append(record.ended("complete", at_s=1.0))
    changes = {"objectives": spec.objectives[1:]}
    free = importances(records, spec.model_copy(update=changes))
    assert next(iter(free)) == "architecture.params_budget"
    bounds = Constraints(min_top1=0.9)
    bounded = importances(records, spec.model_copy(update={**changes, "constraints": bounds}))
    assert next(iter(bounded)) == "architecture.rewiring"


@pytest.mark.parametrize("objectives", [slice(0, 2), slice(1, 2)])
@pytest.mark.parametrize("n_kept", [0, 1, 5])
def test_where_less_than_a_tenth_reach_min_top1_no_parameter_has_a_share(
    spec: StudySpec, objectives: slice, n_kept: int
) -> None:
    """The evaluator would fill its tenth up with trials below the bound, the first ones first."""
    records = _records(60)
    tops = sorted((record.metrics["top1"] for record in records), reverse=True)

    def found(n: int) -> dict[str, float]:
        bounds = Constraints(min_top1=(tops[n - 1] + tops[n]) / 2 if n else 0.99)
        changes = {"objectives": spec.objectives[objectives], "constraints": bounds}
        return importances(records, spec.model_copy(update=changes))

    assert found(n_kept) == {}
    assert next(iter(found(6))) == "architecture.rewiring"


def test_trials_that_are_all_equal_tell_nothing(spec: StudySpec) -> None:
    rung = RungResult(4, {"top1": 0.1, "params": 5e3})
    equal = [replace(record, rungs=(rung,)) for record in _records(60)]
    for objectives in (spec.objectives, spec.objectives[:1]):
        assert importances(equal, spec.model_copy(update={"objectives": objectives})) == {}


def test_baselines_do_not_count(spec: StudySpec) -> None:
    records = _records(40)
    chains = [replace(r, point={**r.point, "generator": "chain"}) for r in _records(60)[40:]]
    assert importances([*records, *chains], spec) == importances(records, spec)
    assert importances(chains, spec) == {}
