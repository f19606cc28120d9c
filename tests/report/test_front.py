from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autokd.report import front
from autokd.report.front import front_figure
from autokd.report.gathered import POINT_LIMIT, gather
from tests.report.conftest import (
    ECE,
    KL,
    LATENCY,
    MACS,
    PARAMS,
    PEAK,
    TOP1,
    FakeRun,
    MakeRun,
    refused,
    without,
)


def traces(figure: Any) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


def test_single_run_shows_stopped_dominated_front_test_and_knee(run: FakeRun) -> None:
    figure = front_figure(gather([run]))
    assert figure is not None
    names = ["stopped early", "dominated", "front (validation)", "front (test)", "knee"]
    assert list(traces(figure)) == names


def test_front_is_a_staircase_from_the_smallest_student_on_a_log_axis(run: FakeRun) -> None:
    figure = front_figure(gather([run]))
    assert figure is not None
    line, front = traces(figure)["front (validation)"], run.front()
    assert line.line.shape == "hv"
    assert list(line.x) == sorted(front["params"])
    assert list(line.y) == sorted(front["top1"])
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", None)


def test_knee_is_ringed_and_labelled_where_it_lies(run: FakeRun) -> None:
    (read,) = gather([run])
    figure = front_figure([read])
    assert figure is not None
    row = read.front.set_index("trial").loc[read.knee]
    ring = traces(figure)["knee"]
    assert (ring.x[0], ring.y[0]) == (row["params"], row["top1"])
    (label,) = [note for note in figure.layout.annotations if "knee" in note.text]
    assert label.text == f"knee: trial {read.knee}"
    assert label.x == pytest.approx(np.log10(row["params"]))


def test_test_results_stand_beside_validation_once_measured(run: FakeRun) -> None:
    figure = front_figure(gather([run]))
    assert figure is not None
    assert list(traces(figure)["front (test)"].y) == list(run.front()["test_top1"])
    unmeasured = front_figure(gather([replace(run, tests={})]))
    assert unmeasured is not None
    assert "front (test)" not in traces(unmeasured)


def test_front_is_whole_where_the_rest_is_thinned(run: FakeRun) -> None:
    (read,) = gather([run])
    rows = read.trials[read.trials["state"] == "stopped"]
    many = rows.sample(3 * POINT_LIMIT, replace=True, random_state=0).assign(
        trial=range(10_000, 10_000 + 3 * POINT_LIMIT)
    )
    big = replace(read, trials=pd.concat([read.trials, many], ignore_index=True))
    figure = front_figure([big])
    assert figure is not None
    shown = traces(figure)
    assert len(shown["front (validation)"].x) == len(read.front)
    assert len(shown["stopped early"].x) + len(shown["dominated"].x) == POINT_LIMIT


def test_several_runs_lie_over_each_other_in_colours_of_their_own(make_run: MakeRun) -> None:
    runs = gather(
        [make_run("a", n_trials=24), make_run("b", seed=1, n_trials=24), make_run("c", n_trials=0)]
    )
    figure = front_figure(runs)
    assert figure is not None
    named = [trace for trace in figure.data if trace.name]
    assert [trace.name for trace in named] == ["a", "b"]
    assert named[0].line.color != named[1].line.color


def test_three_objectives_are_points_without_a_staircase(make_run: MakeRun) -> None:
    figure = front_figure(gather([make_run(objectives=[TOP1, PARAMS, MACS])]))
    assert figure is not None
    assert traces(figure)["front (validation)"].mode == "markers"
    assert figure.layout.xaxis.title.text == "params"


def test_what_finished_is_drawn_however_many_were_stopped(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thinned among the stopped ones, which are not drawn, the few that finished would be lost."""
    runs = gather([make_run(name, constraints={"min_top1": 0.9999}) for name in ("a", "b")])
    monkeypatch.setattr(front, "POINT_LIMIT", 2 * len(runs[0].below))
    figure = front_figure(runs)
    assert figure is not None
    assert [len(points.x) for points in figure.data] == [len(run.below) for run in runs]


def test_axes_come_from_the_objectives(make_run: MakeRun) -> None:
    figure = front_figure(gather([make_run(objectives=[TOP1, MACS])]))
    assert figure is not None
    assert figure.layout.xaxis.title.text == "macs per image"
    assert figure.layout.xaxis.type == "log"


def test_no_figure_before_any_trial_has_finished(make_run: MakeRun) -> None:
    assert front_figure(gather([make_run(n_trials=0)])) is None
    assert front_figure(gather([make_run(n_trials=0, objectives=[TOP1])])) is None


@pytest.mark.parametrize(
    ("objective", "bounds"), [(TOP1, {"max_params": 20_000}), (PARAMS, {"min_top1": 0.9})]
)
def test_one_objective_shows_its_best_among_all_students(
    make_run: MakeRun, objective: dict[str, object], bounds: dict[str, float]
) -> None:
    run = make_run(objectives=[objective], constraints=bounds)
    (read,) = gather([run])
    figure = front_figure([read])
    assert figure is not None
    assert figure.layout.xaxis.title.text == "params"
    assert (figure.layout.xaxis.type, figure.layout.yaxis.title.text) == (
        "log",
        "top1 (validation)",
    )
    found = traces(figure)
    best = found["best (validation)"]
    assert best.mode == "markers"
    assert list(best.x) == run.front()["params"].tolist()
    assert found["best"].x[0] in best.x
    (label,) = [note for note in figure.layout.annotations if "best" in note.text]
    assert label.text == f"best: trial {read.knee}"
    rest = [len(found[name].x) for name in ("below min_top1", "not the best") if name in found]
    assert sum(rest) + len(best.x) == (run.trials()["state"] == "complete").sum()
    assert figure.layout.yaxis.range[0] < found["not the best"].y.min()


def test_students_below_min_top1_stand_apart_from_dominated_ones(make_run: MakeRun) -> None:
    run = make_run(constraints={"min_top1": 0.9})
    figure = front_figure(gather([run]))
    assert figure is not None
    found = traces(figure)
    assert max(found["below min_top1"].y) < 0.9 <= min(found["dominated"].y)
    assert len(found["below min_top1"].x) == len(run.below())
    assert min(found["front (validation)"].y) >= 0.9


def test_a_run_whose_students_are_all_below_min_top1_is_drawn_without_a_front(
    make_run: MakeRun,
) -> None:
    run = make_run(constraints={"min_top1": 0.9999})
    figure = front_figure(gather([run]))
    assert figure is not None
    assert list(traces(figure)) == ["stopped early", "below min_top1"]
    low, high = figure.layout.yaxis.range
    assert low < run.below()["top1"].min()
    assert high > 0.9999


def test_two_sizes_with_a_bound_on_top1_are_no_staircase(make_run: MakeRun) -> None:
    run = make_run(objectives=[PARAMS, MACS], constraints={"min_top1": 0.9})
    figure = front_figure(gather([run]))
    assert figure is not None
    assert traces(figure)["front (validation)"].mode == "markers"


@pytest.mark.parametrize(
    ("objectives", "lacks"),
    [
        ([TOP1, LATENCY], ()),
        ([LATENCY], ()),
        ([KL, PARAMS], ("kl", "cev")),
        ([TOP1, KL], ("kl", "cev")),
        ([ECE, PEAK], ("ece", "peak_bytes")),
    ],
)
def test_a_run_without_the_metrics_of_the_first_is_left_out(
    make_run: MakeRun, objectives: list[dict[str, object]], lacks: tuple[str, ...]
) -> None:
    changes: dict[str, Any] = {"objectives": objectives, "constraints": {"min_top1": 0.2}}
    first, other = make_run("first", **changes), without(make_run("other", n_trials=24), *lacks)
    one, both = gather([first]), gather([first, other])
    if objectives == [LATENCY]:  # which is the size, and top1 over it shows nothing of the other
        assert (both[0].size, both[0].quality) == ("latency_s", "top1")
    figure = front_figure(both)
    assert figure is not None
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["first"]
    alone = front_figure(one)
    assert alone is not None
    assert figure.layout.yaxis.range == alone.layout.yaxis.range
    turned = front_figure(both[::-1])
    assert turned is not None
    assert [trace.name for trace in turned.data if trace.showlegend is not False] == [
        "other",
        "first",
    ]


@pytest.mark.parametrize("objectives", [[TOP1, PEAK], [ECE, PARAMS], [ECE, LATENCY]])
@pytest.mark.parametrize("is_empty", [True, False])
def test_a_run_that_found_nothing_is_left_out_whatever_the_axes(
    make_run: MakeRun, objectives: list[dict[str, object]], is_empty: bool
) -> None:
    nothing = make_run("b", n_trials=0) if is_empty else refused(make_run("b", n_trials=3))
    figure = front_figure(gather([make_run("a", n_trials=24, objectives=objectives), nothing]))
    assert figure is not None
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["a"]
    turned = gather([nothing, make_run("a", n_trials=24, objectives=objectives)])
    figure = front_figure(turned)
    assert figure is not None
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["a"]


def test_students_that_lack_a_metric_of_the_axes_are_no_points(make_run: MakeRun) -> None:
    (read,) = gather([make_run(objectives=[TOP1, PEAK])])
    slot = read.front["trial"].iloc[1]
    part = replace(
        read,
        front=read.front.assign(
            peak_bytes=read.front["peak_bytes"].where(read.front["trial"] != slot)
        ),
    )
    figure = front_figure([part, part])
    assert figure is not None
    (line, _) = [trace for trace in figure.data if trace.showlegend is not False]
    assert len(line.x) == len(read.front) - 1
    assert np.isfinite(line.x).all()


def test_scale_and_direction_are_the_first_runs_even_if_it_found_nothing(
    make_run: MakeRun,
) -> None:
    other = make_run("other", n_trials=24)
    figure = front_figure(gather([make_run("x", n_trials=0, objectives=[ECE, PEAK]), other]))
    assert figure is not None
    assert figure.layout.xaxis.type == "log"
    spread = gather([make_run("x", n_trials=0, objectives=[ECE, PEAK]), other])
    wide = spread[1].front.assign(ece=np.linspace(0, 1, len(spread[1].front)))
    figure = front_figure([spread[0], replace(spread[1], front=wide)])
    assert figure is not None
    assert not figure.layout.updatemenus  # the last ten points of an error are no goal


def test_an_error_has_the_front_below_and_no_zoom(make_run: MakeRun) -> None:
    (read,) = gather([make_run(objectives=[ECE, PARAMS])])
    figure = front_figure([read])
    assert figure is not None
    assert figure.layout.yaxis.title.text == "ece (calibration error) (validation)"
    line = traces(figure)["front (validation)"]
    assert list(line.y) == sorted(read.front["ece"], reverse=True)
    assert list(line.x) == sorted(read.front["params"])
    wide = replace(read, front=read.front.assign(ece=np.linspace(0, 1, len(read.front))))
    figure = front_figure([wide])
    assert figure is not None
    assert not figure.layout.updatemenus


def test_label_of_a_run_is_escaped(make_run: MakeRun) -> None:
    figure = front_figure(gather([make_run("<b>bold"), make_run("plain", seed=1, n_trials=24)]))
    assert figure is not None
    assert "&lt;b&gt;bold" in traces(figure)
