from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autokd.parameters import Value
from autokd.pareto import Axis, hypervolume, minimised, reference_point
from autokd.runs.analysis import (
    below_table,
    curves_table,
    front_table,
    hypervolume_table,
    recall_table,
    trials_table,
)
from autokd.runs.record import Record, RungResult
from autokd.sections import METRICS

AXES = (Axis("top1", "maximize", "linear", 0.2), Axis("params", "minimize", "log10", 1e6))


def _trials(rows: list[tuple[float, float, str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"trial": i, "state": state, "top1": top1, "params": params, "elapsed_s": float(i)}
            for i, (top1, params, state) in enumerate(rows)
        ]
    )


def test_front_is_what_no_complete_trial_dominates() -> None:
    rows = [(0.9, 9e3, "complete"), (0.8, 1e3, "complete"), (0.7, 2e3, "complete")]
    front = front_table(_trials([*rows, (1.0, 1.0, "stopped")]), AXES, "params")
    assert list(front["trial"]) == [1, 0]


BOUNDED = [
    (0.9, 9e3, "complete"),
    (0.8, 1e3, "complete"),
    (0.799, 1e2, "complete"),  # dominates nobody's top1, and is the smallest
    (0.85, 5e2, "stopped"),
    (0.5, 5e4, "complete"),
]


def test_a_trial_below_min_top1_is_no_member_and_dominates_none() -> None:
    trials = _trials(BOUNDED)
    assert list(front_table(trials, AXES, "params")["trial"]) == [2, 1, 0]
    assert list(front_table(trials, AXES, "params", min_top1=0.8)["trial"]) == [1, 0]
    size = AXES[1:]
    assert list(front_table(trials, size, "params")["trial"]) == [2]
    assert list(front_table(trials, size, "params", min_top1=0.8)["trial"]) == [1]
    assert front_table(trials, size, "params", min_top1=0.95).empty


def test_below_are_the_complete_trials_that_miss_the_bound() -> None:
    trials = _trials(BOUNDED)
    assert list(below_table(trials, 0.8)["trial"]) == [2, 4]
    assert below_table(trials, None).empty
    assert list(below_table(trials, 0.95)["trial"]) == [0, 1, 2, 4]
    assert below_table(trials.iloc[:0], 0.8).empty


@pytest.mark.parametrize("axes", [AXES, AXES[1:]])
def test_a_trial_below_min_top1_adds_no_hypervolume(axes: tuple[Axis, ...]) -> None:
    trials = _trials(BOUNDED)
    bounded = hypervolume_table(trials, axes, min_top1=0.8)
    assert list(bounded["trial"]) == [0, 1, 2, 4]
    without = hypervolume_table(trials[trials["top1"] >= 0.8], axes)
    first, second = without["hypervolume"]
    assert list(bounded["hypervolume"]) == [first, second, second, second]
    assert hypervolume_table(trials, axes)["hypervolume"].iloc[2] > second


def test_hypervolume_follows_the_definition_of_pareto() -> None:
    trials = _trials([(0.5, 1e4, "complete"), (0.9, 1e5, "complete"), (0.9, 1e2, "failed")])
    table = hypervolume_table(trials, AXES)
    values = minimised(np.array([[0.5, 1e4], [0.9, 1e5]]), AXES)
    reference = reference_point(AXES)
    assert list(table["hypervolume"]) == pytest.approx(
        [hypervolume(values[:1], reference), hypervolume(values, reference)]
    )


def test_recall_changes_are_those_of_complete_trials_at_the_top_rung() -> None:
    top = RungResult(4, {"top1": 0.9}, recall_changes=(-0.2, 0.1))
    ended = {slot: Record(slot, 0, 0, {}).with_rung(top) for slot in (0, 2, 3)}
    bare = Record(1, 0, 0, {}).with_rung(RungResult(4, {"top1": 0.9}))
    records = [
        ended[0].ended("complete", at_s=1.0),
        bare.ended("complete", at_s=2.0),  # of an earlier version, or of many classes
        ended[2].ended("failed", at_s=3.0),
        ended[3].ended("complete", at_s=4.0),
        Record(4, 0, 0, {}),
    ]
    table = recall_table(records)
    assert list(table.index) == [0, 3]
    assert table.loc[[3]].to_numpy().tolist() == [[-0.2, 0.1]]
    assert recall_table([bare]).empty


def test_metrics_that_no_record_has_are_no_columns() -> None:
    rung = RungResult(4, {"top1": 0.9, "kl": 0.3, "cev": 0.2, "sde": 0.1, "params": 5.0})
    old = Record(0, 0, 0, {}).with_rung(replace(rung, metrics={"top1": 0.8, "params": 9.0}))
    new = Record(1, 0, 0, {}).with_rung(rung)
    assert not {"kl", "cev", "sde"} & set(trials_table([old]))
    for table in (trials_table([old, new]), curves_table([old, new])):
        assert table["kl"].isna().tolist() == [True, False]
        assert (table["cev"][1], table["sde"][1]) == (0.2, 0.1)


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_that_are_asked_for_have_a_column_even_if_no_record_has_them(metric: str) -> None:
    refused = Record(0, 0, 0, {"kd.method": "kd"}, "infeasible", cost={"params": 10.0})
    for records in ([refused], []):
        table = trials_table(records, [metric])
        assert metric in table
        assert set(table) == {*trials_table(records), metric}
        assert table.columns.is_unique
    assert np.isnan(trials_table([refused], ["ece"])["ece"][0])


def test_cost_stands_in_for_metrics_before_the_first_rung() -> None:
    table = trials_table([Record(0, 0, 0, {"kd.method": "kd"}, cost={"params": 10.0})])
    assert table["params"][0] == 10.0
    assert np.isnan(table["top1"][0])
    assert table["kd.method"][0] == "kd"


def test_origins_are_a_column_where_any_trial_has_one() -> None:
    own = Record(0, 0, 0, {"kd.method": "kd"})
    point: dict[str, Value] = {"generator": "chain", "kd.method": "kd"}
    baseline = Record(1, 0, 0, point, origin="chain baseline of 3,000 params")
    assert not {"origin", "generator"} & set(trials_table([own]))
    table = trials_table([own, baseline])
    assert table["origin"].tolist() == ["", "chain baseline of 3,000 params"]
    assert table["generator"].isna().tolist() == [True, False]
    assert list(table)[:4] == ["trial", "state", "reason", "origin"]
