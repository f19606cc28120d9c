from dataclasses import replace

import numpy as np
import pytest

from autokd.report.gathered import gather
from autokd.report.progress import (
    UNFINISHED,
    best_figure,
    curves_figure,
    hypervolume_figure,
)
from autokd.runs.record import Outcome
from tests.report.conftest import (
    ECE,
    KL,
    PARAMS,
    TOP1,
    FakeRun,
    MakeRun,
    broken_off,
    refused,
    without,
)


@pytest.mark.parametrize("over", ["trials", "seconds"])
def test_hypervolume_line_is_the_running_value_without_its_repetitions(
    run: FakeRun, over: str
) -> None:
    figure = hypervolume_figure(gather([run]), over=over)
    assert figure is not None
    (line,) = figure.data
    whole = run.hypervolume()
    x = np.arange(1, len(whole) + 1) if over == "trials" else whole["elapsed_s"].to_numpy()
    at = np.searchsorted(line.x, x, side="right") - 1
    np.testing.assert_array_equal(np.asarray(line.y)[at], whole["hypervolume"])
    assert len(line.x) < len(whole)
    assert line.x[-1] == x[-1]
    assert line.line.shape == "hv"


def test_a_single_finished_trial_is_a_visible_point(run: FakeRun) -> None:
    (read,) = gather([run])
    figure = hypervolume_figure(
        [replace(read, hypervolume=read.hypervolume.head(1))], over="trials"
    )
    assert figure is not None
    assert figure.data[0].mode == "markers"


def test_each_run_has_a_hypervolume_line_and_an_empty_one_has_none(make_run: MakeRun) -> None:
    runs = gather(
        [make_run("a", n_trials=24), make_run("b", n_trials=0), make_run("c", seed=1, n_trials=24)]
    )
    figure = hypervolume_figure(runs, over="trials")
    assert figure is not None
    assert [line.name for line in figure.data] == ["a", "c"]
    assert all(line.showlegend for line in figure.data)
    assert hypervolume_figure(runs[1:2], over="trials") is None


@pytest.mark.parametrize(("objective", "is_rising"), [(TOP1, True), (ECE, False), (PARAMS, False)])
@pytest.mark.parametrize("over", ["trials", "seconds"])
def test_best_so_far_moves_one_way_only(
    make_run: MakeRun, objective: dict[str, object], is_rising: bool, over: str
) -> None:
    constraints = {"min_top1": 0.01} if objective == PARAMS else {}
    (read,) = gather([make_run(objectives=[objective], constraints=constraints)])
    rng = np.random.default_rng(0)
    metric = str(objective["metric"])
    noisy = read.trials.assign(**{metric: rng.uniform(size=len(read.trials))})
    figure = best_figure([replace(read, trials=noisy)], over=over)
    assert figure is not None
    points, line = figure.data
    steps = np.diff(np.asarray(line.y))
    assert (steps >= 0).all() if is_rising else (steps <= 0).all()
    best = max if is_rising else min
    assert line.y[-1] == best(points.y)
    assert (np.diff(np.asarray(line.x)) > 0).all()


def test_a_trial_below_min_top1_is_never_the_best_so_far(make_run: MakeRun) -> None:
    (read,) = gather([make_run(objectives=[PARAMS], constraints={"min_top1": 0.9})])
    figure = best_figure([read], over="trials")
    assert figure is not None
    found = {trace.name: trace for trace in figure.data}
    assert list(found) == ["complete", "below min_top1", "best so far"]
    assert len(found["below min_top1"].y) == len(read.below)
    assert min(found["below min_top1"].y) < min(found["best so far"].y)
    assert found["best so far"].y[-1] == read.front["params"].iloc[0]
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis.title.text == "params"


def test_trials_that_are_all_below_min_top1_have_no_best(make_run: MakeRun) -> None:
    run = make_run(n_trials=24, objectives=[PARAMS], constraints={"min_top1": 0.9999})
    figure = best_figure(gather([run]), over="trials")
    assert figure is not None
    assert [trace.name for trace in figure.data] == ["below min_top1"]


def test_each_run_has_a_best_so_far_of_its_own_and_an_empty_one_has_none(
    make_run: MakeRun,
) -> None:
    runs = gather(
        [
            make_run("a", n_trials=24, objectives=[TOP1]),
            make_run("b", n_trials=0, objectives=[TOP1]),
            make_run("c", n_trials=24, seed=1, objectives=[TOP1]),
        ]
    )
    figure = best_figure(runs, over="trials")
    assert figure is not None
    shown = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert shown == ["best so far, a", "best so far, c"]


def test_best_figure_needs_a_complete_trial(make_run: MakeRun) -> None:
    empty = gather([make_run(n_trials=0, objectives=[TOP1])])
    assert best_figure(empty, over="trials") is None
    for lost in (refused, broken_off):
        (read,) = gather([lost(make_run(n_trials=3, objectives=[ECE]))])
        assert best_figure([read], over="trials") is None
        assert curves_figure(read) is None


def test_a_run_that_lacks_the_objective_has_no_best_so_far(make_run: MakeRun) -> None:
    kl = make_run("kl", n_trials=24, objectives=[KL])
    old = without(make_run("old", n_trials=24), "kl")
    figure = best_figure(gather([kl, old]), over="trials")
    assert figure is not None
    assert [trace.name for trace in figure.data] == ["complete", "best so far, kl"]


def test_curves_tell_trials_below_min_top1_and_the_best_apart(make_run: MakeRun) -> None:
    (read,) = gather([make_run(objectives=[PARAMS], constraints={"min_top1": 0.9})])
    figure = curves_figure(read)
    assert figure is not None
    names = [trace.name for trace in figure.data]
    assert names == ["stopped early", "below min_top1", "not the best", "best"]


def test_curves_hold_every_rung_of_front_and_rest_once(run: FakeRun) -> None:
    (read,) = gather([run])
    figure = curves_figure(read)
    assert figure is not None
    assert [trace.name for trace in figure.data] == ["stopped early", "dominated", "front", "knee"]
    drawn = [
        (slot, x, y)
        for trace in figure.data
        for slot, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
        if y is not None
    ]
    judged = read.curves[
        read.curves["trial"].isin([*read.behind()["trial"], *read.front["trial"]])
    ]
    expected = judged[["trial", "epochs", "top1"]].itertuples(index=False, name=None)
    assert sorted(drawn) == sorted(expected)


@pytest.mark.parametrize("outcome", ["running", "failed"])
def test_curves_of_trials_that_run_or_have_failed_are_a_group_of_their_own(
    run: FakeRun, outcome: Outcome
) -> None:
    lost = [record.slot for record in run.records if record.outcome == "stopped"][:2]
    records = [replace(r, outcome=outcome) if r.slot in lost else r for r in run.records]
    figure = curves_figure(gather([replace(run, records=records)])[0])
    assert figure is not None
    names = [trace.name for trace in figure.data]
    assert names == [UNFINISHED, "stopped early", "dominated", "front", "knee"]
    assert {slot for slot in figure.data[0].customdata if slot is not None} == set(lost)
    only = replace(run, records=[record for record in records if record.slot in lost], tests={})
    figure = curves_figure(gather([only])[0])
    assert figure is not None
    assert [trace.name for trace in figure.data] == [UNFINISHED]


def test_there_is_no_figure_without_a_line(run: FakeRun) -> None:
    first = next(record for record in run.records if record.outcome == "complete")
    repeat = replace(first, slot=99, rungs=()).repeating(first, at_s=1.0)
    (read,) = gather([replace(run, records=[repeat], tests={})])
    assert len(read.curves)
    assert curves_figure(read) is None


def test_curves_have_a_gap_between_trials(run: FakeRun) -> None:
    figure = curves_figure(gather([run])[0])
    assert figure is not None
    for trace in figure.data:
        slots = [slot for slot in trace.customdata if slot is not None]
        assert list(trace.customdata).count(None) == len(set(slots))


def test_rungs_are_the_ticks_of_the_curves(run: FakeRun) -> None:
    figure = curves_figure(gather([run])[0])
    assert figure is not None
    assert list(figure.layout.xaxis.tickvals) == [3, 9, 27]


def test_no_curves_before_the_first_rung(make_run: MakeRun) -> None:
    assert curves_figure(gather([make_run(n_trials=0)])[0]) is None
