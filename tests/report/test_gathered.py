from dataclasses import replace
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.graphs import ArchGraph
from autokd.pareto import knee
from autokd.report.gathered import STATES, Gathered, gather, thinned
from autokd.runs.record import Outcome
from tests.report.conftest import MACS, PARAMS, TOP1, FakeRun, MakeRun

ECE = {"metric": "ece", "direction": "minimize", "reference": 0.5}


def test_runs_of_equal_name_get_different_labels(run: FakeRun) -> None:
    named = [replace(run, folder=Path(name)) for name in ("a/x", "b/x", "c/y")]
    assert [one.label for one in gather(named)] == ["x (1)", "x (2)", "y"]


def test_behind_and_front_are_the_judged_trials_without_overlap(gathered: Gathered) -> None:
    behind, front = set(gathered.behind()["trial"]), set(gathered.front["trial"])
    judged = gathered.trials[gathered.trials["state"].isin(["complete", "stopped"])]
    assert not behind & front
    assert behind | front == set(judged["trial"])


def test_knee_is_the_one_that_export_takes(gathered: Gathered) -> None:
    front = gathered.front
    at = knee(front["top1"].to_numpy(), front["params"].to_numpy())
    assert gathered.knee == front["trial"].iloc[at]


def test_fixed_parameters_are_not_searched_ones(gathered: Gathered) -> None:
    assert "architecture.bottom_neighbours" in gathered.trials
    assert "architecture.bottom_neighbours" not in gathered.parameters
    assert "kd.temperature" in gathered.parameters


@pytest.mark.parametrize(
    ("objectives", "size"),
    [
        ([TOP1], "params"),
        ([TOP1, PARAMS], "params"),
        ([TOP1, MACS, PARAMS], "params"),
        ([TOP1, ECE], "ece"),
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
