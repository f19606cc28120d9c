from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.export.choose import choose
from autokd.graphs import ArchGraph, count_params
from autokd.pareto import knee
from autokd.report.gathered import STATES, Gathered, gather, measured, thinned
from autokd.runs import Ledger, Record, Run, RunFolder, load_run
from autokd.runs.record import Outcome
from tests.report.conftest import (
    ECE,
    LATENCY,
    MACS,
    PARAMS,
    PEAK,
    SHAPE,
    TOP1,
    FakeRun,
    MakeRun,
    broken_off,
    refused,
)

Lose = Callable[[FakeRun], FakeRun]


def test_runs_of_equal_name_get_different_labels(run: FakeRun) -> None:
    named = [replace(run, folder=Path(name)) for name in ("a/x", "b/x", "c/x (1)", "d/y")]
    assert [one.label for one in gather(named)] == ["x (1) (1)", "x (2)", "x (1)", "y"]


def test_behind_and_front_are_the_judged_trials_without_overlap(gathered: Gathered) -> None:
    behind, front = set(gathered.behind()["trial"]), set(gathered.front["trial"])
    judged = gathered.trials[gathered.trials["state"].isin(["complete", "stopped"])]
    assert not behind & front
    assert behind | front == set(judged["trial"])


def _written(run: FakeRun, path: Path) -> Run:
    """Write the trials of a made-up run that finished as a search does."""
    folder = RunFolder(path)
    folder.create(run.spec, definitions={})
    noted = {"channels": SHAPE.channels, "size": SHAPE.size, "num_classes": SHAPE.num_classes}
    unasked = {"class_names": [], "mean": [], "std": [], "digest": ""}
    data = {**noted, **unasked, "n_validation": 0, "n_test": 0}
    info = {"storage": folder.database, "study_name": "x", "teacher": run.teacher, "data": data}
    folder.write_info(info)
    ledger = Ledger(folder.database, "x", objectives=run.spec.objectives)
    for record in run.records:
        if record.outcome == "complete":
            folder.write_graphs(record.slot, [run.students[record.slot]])
            ledger.begin(record, params={}, distributions={})
            values = [record.metrics[axis.metric] for axis in run.axes]
            ledger.finish(record, values=values)
    ledger.close()
    return load_run(path)


def _as_family(record: Record) -> Record:
    """Make the mean size of a family another one than its first student's."""
    params = record.metrics["params"] * (3.0 if record.slot % 3 else 1.0)
    rungs = [replace(rung, metrics={**rung.metrics, "params": params}) for rung in record.rungs]
    return replace(record, cost={**record.cost, "params": params}, rungs=tuple(rungs))


def test_knee_is_the_one_that_export_takes(run: FakeRun, tmp_path: Path) -> None:
    written = _written(run, tmp_path / "run")
    (read,) = gather([written])
    assert len(read.front) > 4
    assert read.knee == choose(written)


def test_knee_among_families_is_the_one_that_export_takes(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(family_size=3)
    complete = [record for record in run.records if record.outcome == "complete"]
    run = replace(run, records=[_as_family(record) for record in complete])
    written = _written(run, tmp_path / "run")
    (read,) = gather([written])
    first = [count_params(graph, SHAPE) for graph in read.graphs.values()]
    by_first = read.front["trial"].iloc[knee(read.front["top1"].to_numpy(), first)]
    assert read.knee == choose(written) != by_first


@pytest.mark.parametrize("objectives", [[ECE, PARAMS], [MACS, ECE]])
def test_quality_is_the_first_objective_that_is_measured(
    make_run: MakeRun, objectives: list[dict[str, object]]
) -> None:
    (read,) = gather([make_run(n_trials=8, objectives=objectives)])
    assert (read.quality, read.is_higher_better) == ("ece", False)


@pytest.mark.parametrize("lose", [refused, broken_off])
def test_axes_are_columns_of_a_run_in_which_no_trial_reached_a_rung(
    make_run: MakeRun, lose: Lose
) -> None:
    (read,) = gather([lose(make_run(n_trials=3, objectives=[ECE, PEAK]))])
    for table in (read.trials, read.front, read.below):
        assert table[["ece", "peak_bytes"]].isna().all(axis=None)


def test_axes_of_every_run_are_columns_of_all(make_run: MakeRun) -> None:
    timed = make_run("timed", n_trials=8, objectives=[TOP1, LATENCY])
    for runs in ([timed, make_run("plain", n_trials=8)], [make_run("plain", n_trials=8), timed]):
        found = {read.label: read for read in gather(runs)}
        for table in ("trials", "front", "below"):
            assert "latency_s" in getattr(found["timed"], table)
            assert getattr(found["plain"], table)["latency_s"].isna().all()
        assert found["timed"].has_finished_with("latency_s", "top1")
        assert not found["plain"].has_finished_with("latency_s", "top1")
        assert found["plain"].has_finished_with("params", "top1")


def test_measured_rows_have_every_metric() -> None:
    rows = pd.DataFrame({"x": [1.0, float("nan"), 3.0], "y": [1.0, 2.0, float("nan")]})
    assert measured(rows, "x", "y").index.tolist() == [0]
    assert measured(rows, "x").index.tolist() == [0, 2]
    assert measured(rows.iloc[:0], "x", "y").empty


def test_fixed_parameters_are_not_searched_ones(gathered: Gathered) -> None:
    assert "architecture.bottom_neighbours" in gathered.trials
    assert "architecture.bottom_neighbours" not in gathered.parameters
    assert "kd.temperature" in gathered.parameters


@pytest.mark.parametrize(
    ("objectives", "size"),
    [
        ([TOP1], "params"),
        ([TOP1, PARAMS], "params"),
        ([TOP1, PARAMS, MACS], "params"),
        ([TOP1, MACS, PARAMS], "macs"),
        ([TOP1, ECE], "ece"),
        ([ECE, TOP1], "top1"),
    ],
)
def test_size_is_the_size_objective_or_else_the_second_one_or_params(
    make_run: MakeRun, objectives: list[dict[str, object]], size: str
) -> None:
    assert gather([make_run(n_trials=3, objectives=objectives)])[0].size == size


def test_directions_and_scales_are_the_objectives(gathered: Gathered) -> None:
    assert gathered.is_higher_better
    assert (gathered.direction("params"), gathered.direction("ece")) == ("minimize", None)
    assert (gathered.is_single, gathered.choice) == (False, "knee")
    assert gathered.is_log("params")
    assert not gathered.is_log("top1")
    assert not gathered.is_log("macs")


def test_size_is_compared_by_its_logarithm_without_being_an_objective(make_run: MakeRun) -> None:
    (read,) = gather([make_run(n_trials=3, objectives=[TOP1])])
    assert read.is_log("params")
    assert not read.is_log("macs")
    assert (read.is_single, read.choice) == (True, "best")


def test_groups_hold_every_trial_behind_the_front_once(make_run: MakeRun) -> None:
    (read,) = gather([make_run(constraints={"min_top1": 0.9})])
    behind = read.behind()
    groups = read.groups(behind)
    assert list(groups) == ["stopped early", "below min_top1", "dominated"]
    slots = [slot for rows in groups.values() for slot in rows["trial"]]
    assert sorted(slots) == sorted(behind["trial"])
    assert (groups["below min_top1"]["top1"] < 0.9).all()
    assert (groups["dominated"]["top1"] >= 0.9).all()


def test_importance_is_sorted_largest_first(run: FakeRun) -> None:
    shares = {"a": 0.1, "b": 0.7, "c": 0.2}
    (read,) = gather([replace(run, shares=shares)])
    assert list(read.importance) == ["b", "c", "a"]


def test_graphs_are_read_for_the_front_alone(run: FakeRun) -> None:
    (read,) = gather([run])
    assert set(read.graphs) == set(read.front["trial"])
    assert gather([run], with_graphs=False)[0].graphs == {}


def test_a_graph_is_read_once_and_only_when_it_is_asked_for(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def graph(run: FakeRun, slot: int, /) -> ArchGraph:
        asked.append(slot)
        return run.students[slot]

    monkeypatch.setattr(FakeRun, "graph", graph)
    (read,) = gather([run])
    slot = int(read.front["trial"].iloc[1])
    assert asked == []
    assert read.graphs[slot] is read.graphs[slot] is run.students[slot]
    assert asked == [slot]
    with pytest.raises(KeyError):
        read.graphs[-1]


def test_empty_run_has_no_knee(make_run: MakeRun) -> None:
    (read,) = gather([make_run(n_trials=0)])
    assert read.knee is None
    assert read.behind().empty


def test_every_outcome_of_a_record_is_a_state() -> None:
    assert set(STATES) == set(get_args(Outcome))


@given(st.integers(0, 50), st.integers(0, 20))
def test_thinning_keeps_order_ends_and_at_most_the_limit(n_rows: int, limit: int) -> None:
    kept = thinned(pd.DataFrame({"row": range(n_rows)}), limit)["row"].tolist()
    assert len(kept) == min(n_rows, limit)
    assert kept == sorted(set(kept))
    if limit > 1 and n_rows > 1:
        assert (kept[0], kept[-1]) == (0, n_rows - 1)
