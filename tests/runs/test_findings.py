from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from autokd.constraints import Constraints
from autokd.errors import RunError
from autokd.runs import Record, RunFolder, RungResult, load_run
from autokd.runs.findings import Findings
from autokd.study import Objective, StudySpec


def _findings(spec: StudySpec, *, tests: dict[str, dict[str, float]] | None = None) -> Findings:
    records = [
        Record(slot, 0, slot, {"kd.temperature": 2.0 + slot})
        .with_rung(RungResult(1, {"top1": top1 - 0.1, "params": params}, goes_on=True))
        .with_rung(RungResult(4, {"top1": top1, "params": params}))
        .ended("complete", at_s=float(slot))
        for slot, (top1, params) in enumerate([(0.9, 2e3), (0.8, 3e3), (0.95, 9e3)])
    ]
    info = {"teacher": {"name": "resnet8"}}
    return Findings(Path("runs/x"), spec=spec, info=info, records=records, tests=tests or {})


def test_tables_are_those_of_the_run(four_trials: RunFolder) -> None:
    run = load_run(four_trials.path)
    found = run.findings()
    for table in (
        "trials",
        "front",
        "below",
        "curves",
        "hypervolume",
        "rung_correlation",
        "recall_changes",
    ):
        pd.testing.assert_frame_equal(getattr(found, table)(), getattr(run, table)())
    assert found.importance() == run.importance()
    assert found.graph(2) == run.graph(2)
    assert (found.first_metric, found.size_metric) == (run.first_metric, run.size_metric)
    assert (found.axes, found.teacher) == (run.axes, run.teacher)


def test_front_shows_the_tests_that_are_known(spec: StudySpec) -> None:
    front = _findings(spec, tests={"2": {"top1": 0.94}}).front()
    assert list(front["trial"]) == [0, 2]
    assert list(front.columns[:4]) == ["trial", "state", "reason", "test_top1"]
    assert front["test_top1"].isna().tolist() == [True, False]


def _bounded(spec: StudySpec, metrics: list[str], min_top1: float) -> StudySpec:
    objectives = [each for each in spec.objectives if each.metric in metrics]
    constraints = Constraints(min_top1=min_top1)
    return spec.model_copy(update={"objectives": tuple(objectives), "constraints": constraints})


def test_trials_below_min_top1_are_told_apart_from_the_front(spec: StudySpec) -> None:
    found = _findings(_bounded(spec, ["top1", "params"], 0.93))
    assert list(found.front()["trial"]) == [2]
    assert list(found.below()["trial"]) == [0, 1]
    volumes = found.hypervolume()["hypervolume"]
    assert list(volumes[:2]) == [0.0, 0.0]
    assert volumes[2] > 0
    assert _findings(spec).below().empty


def test_a_study_of_size_alone_is_judged_by_top1_and_has_one_best(spec: StudySpec) -> None:
    found = _findings(_bounded(spec, ["params"], 0.85))
    assert (found.first_metric, found.size_metric) == ("top1", "params")
    assert list(found.front()["trial"]) == [0]
    assert list(found.rung_correlation()["epochs"]) == [1]


def test_objectives_are_columns_before_any_trial_has_reached_a_rung(spec: StudySpec) -> None:
    kl = Objective(metric="kl", direction="minimize", reference=2.0)
    latency = Objective(metric="latency_s", direction="minimize", reference=1.0)
    changed = spec.model_copy(update={"objectives": (kl, latency)})
    refused = Record(0, 0, 0, {"kd.temperature": 2.0}).ended("infeasible", at_s=1.0)
    for records in ([refused], []):
        found = Findings(Path("x"), spec=changed, info={}, records=records, tests={})
        assert (found.first_metric, found.size_metric) == ("kl", "latency_s")
        for table in (found.trials(), found.front(), found.below()):
            assert table[["kl", "latency_s"]].isna().all(axis=None)
        assert found.front().empty


def test_a_repeated_trial_adds_nothing_to_the_rung_correlation(spec: StudySpec) -> None:
    found = _findings(spec)
    repeats = [
        replace(record, slot=slot, rungs=()).repeating(record, at_s=9.0)
        for slot, record in enumerate(4 * found.records, start=3)
    ]
    records = [*found.records, *repeats]
    more = Findings(Path("x"), spec=spec, info={}, records=records, tests={})
    assert len(more.curves()) == 5 * len(found.curves())
    assert list(more.rung_correlation()["n"]) == [3]
    pd.testing.assert_frame_equal(more.rung_correlation(), found.rung_correlation())


def test_a_table_that_its_reader_changes_stays_as_it_was(spec: StudySpec) -> None:
    found = _findings(spec)
    for table in (found.trials, found.front, found.curves, found.hypervolume):
        before = table()
        changed = table()
        changed.loc[:, "trial"] = -1
        changed["more"] = 0
        pd.testing.assert_frame_equal(table(), before)


def test_a_graph_that_is_missing_is_refused(spec: StudySpec, tmp_path: Path) -> None:
    found = Findings(tmp_path, spec=spec, info={}, records=[], tests={})
    with pytest.raises(RunError, match=r"slots/0007/student\.json"):
        found.graph(7)
