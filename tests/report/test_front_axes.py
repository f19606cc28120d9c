from dataclasses import replace

import numpy as np
import pytest

from autokd.pages.theme import new_figure
from autokd.report.front_axes import add_zoom, quality_range, size_scale
from autokd.report.gathered import Gathered, gather
from tests.report.conftest import ECE, TOP1, FakeRun, MakeRun


def test_range_holds_front_test_and_teacher(gathered: Gathered) -> None:
    low, high = quality_range([gathered], "top1")
    front = gathered.front
    assert low < min(front["top1"].min(), front["test_top1"].min())
    assert high > max(gathered.teacher["top1"], front["top1"].max())


def test_range_of_another_metric_ignores_the_teacher(gathered: Gathered) -> None:
    weak = replace(gathered, teacher={**gathered.teacher, "top1": 0.0})
    assert quality_range([weak], "agreement") == quality_range([gathered], "agreement")
    assert quality_range([weak], "top1")[0] < 0


def test_range_of_one_value_is_not_empty(make_run: MakeRun) -> None:
    run = make_run()
    best = replace(
        run,
        records=run.records[1:2],
        tests={},
        teacher={**run.teacher, "top1": run.records[1].metrics["top1"]},
    )
    low, high = quality_range(gather([best]), "top1")
    assert low < run.records[1].metrics["top1"] < high


def test_range_holds_the_bound_and_all_students_where_the_front_says_little(
    make_run: MakeRun,
) -> None:
    bounded = make_run(constraints={"min_top1": 0.5})
    assert quality_range(gather([bounded]), "top1")[0] < 0.5
    for run in (
        make_run(objectives=[TOP1]),
        make_run(constraints={"min_top1": 0.9999}),
    ):
        (read,) = gather([run])
        complete = read.trials[read.trials["state"] == "complete"]
        assert quality_range([read], "top1")[0] < complete["top1"].min()


def test_size_is_logarithmic_where_the_objective_is(run: FakeRun, make_run: MakeRun) -> None:
    assert size_scale(gather([run]), "params")["type"] == "log"
    other = gather([make_run(n_trials=3, objectives=[TOP1, ECE])])
    assert size_scale(other, "ece") == {}


def test_zoom_shows_the_last_ten_points_up_to_the_teacher(gathered: Gathered) -> None:
    figure = new_figure(height=100, x={}, y={})
    add_zoom(figure, [gathered], "top1")
    whole, near = (
        button.args[0]["yaxis.range"] for button in figure.layout.updatemenus[0].buttons
    )
    best = gathered.front["top1"].max()
    assert list(whole) == quality_range([gathered], "top1")
    assert near[0] == pytest.approx(best - 0.1, abs=0.02)
    assert near[1] > gathered.teacher["top1"]


def test_no_zoom_for_a_front_of_similar_students(gathered: Gathered) -> None:
    narrow = replace(
        gathered,
        front=gathered.front.assign(
            top1=np.linspace(0.9, 0.95, len(gathered.front)), test_top1=0.9
        ),
    )
    figure = new_figure(height=100, x={}, y={})
    add_zoom(figure, [narrow], "top1")
    assert not figure.layout.updatemenus


def test_a_metric_that_one_run_lacks_is_spanned_by_the_others(
    make_run: MakeRun, gathered: Gathered
) -> None:
    (read,) = gather([make_run(objectives=[ECE])])
    lacking = replace(
        gathered,
        trials=gathered.trials.assign(ece=np.nan, params=np.nan),
        front=gathered.front.assign(ece=np.nan),
    )
    assert quality_range([lacking, read], "ece") == quality_range([read], "ece")
    assert size_scale([gathered, lacking], "params") == size_scale([gathered], "params")
    figure = new_figure(height=100, x={}, y={})
    add_zoom(figure, [lacking], "ece")
    assert not figure.layout.updatemenus


def test_a_metric_that_no_run_has_is_shown_from_0_to_1(gathered: Gathered) -> None:
    nothing = {"ece": np.nan, "params": np.nan}
    lacking = replace(
        gathered, trials=gathered.trials.assign(**nothing), front=gathered.front.assign(**nothing)
    )
    low, high = quality_range([lacking], "ece")
    assert low < 0 < 1 < high
    assert size_scale([lacking], "params")["type"] == "log"
