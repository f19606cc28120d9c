from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from autokd.constraints import Constraints
from autokd.pages.theme import new_figure
from autokd.report.bounds import add_bounds, n_below, why_no_front
from autokd.report.gathered import Gathered, gather
from tests.report.conftest import MACS, PARAMS, TOP1, FakeRun, MakeRun


def drawn(runs: list[Gathered]) -> tuple[list[Any], list[Any]]:
    figure: go.Figure = new_figure(height=100, x={}, y={})
    add_bounds(figure, runs)
    return list(figure.layout.shapes), list(figure.layout.annotations)


def test_each_bound_on_an_axis_is_a_line_with_its_name(make_run: MakeRun) -> None:
    bounds = {"max_params": 20_000, "max_macs": 10**6, "min_top1": 0.9}
    lines, labels = drawn(gather([make_run(constraints=bounds)]))
    size, top1 = lines
    assert (size.x0, size.x1, size.yref) == (20_000, 20_000, "paper")
    assert (top1.y0, top1.y1, top1.xref) == (0.9, 0.9, "paper")
    assert [label.text for label in labels] == ["max_params 20,000", "min_top1 0.9"]


def test_a_label_on_a_logarithmic_axis_stands_at_the_exponent(make_run: MakeRun) -> None:
    run = make_run(constraints={"max_params": 20_000})
    ((line,), (label,)) = drawn(gather([run]))
    assert label.x == pytest.approx(np.log10(line.x0))


def test_bounds_on_what_is_not_shown_have_no_line(make_run: MakeRun) -> None:
    bounds = {"max_params": 20_000, "min_top1": 0.9}
    (by_macs,) = gather([make_run(objectives=[TOP1, MACS], constraints=bounds)])
    assert [label.text for label in drawn([by_macs])[1]] == ["min_top1 0.9"]
    by_error = replace(by_macs, quality="ece", size="params")
    assert [label.text for label in drawn([by_error])[1]] == ["max_params 20,000"]
    assert drawn(gather([make_run()])) == ([], [])


def test_runs_share_the_line_of_an_equal_bound(make_run: MakeRun) -> None:
    runs = gather(
        [
            make_run("a", n_trials=12, constraints={"min_top1": 0.9}),
            make_run("b", n_trials=12, constraints={"min_top1": 0.9}),
            make_run("c", n_trials=12, constraints={"min_top1": 0.95}),
            make_run("d", n_trials=12),
        ]
    )
    assert [label.text for label in drawn(runs)[1]] == ["min_top1 0.9", "min_top1 0.95"]


def test_trials_below_the_bound_are_counted(make_run: MakeRun, run: FakeRun) -> None:
    bounded = make_run(constraints={"min_top1": 0.9})
    complete = [r for r in bounded.records if r.outcome == "complete"]
    below = [r for r in complete if r.metrics["top1"] < 0.9]
    assert 1 < len(below) < len(complete)
    (read,) = gather([bounded])
    told = f"{len(below)} of {len(complete)} trials that finished are below min_top1 0.9"
    assert n_below(read) == told
    assert n_below(gather([run])[0]) == ""


def test_an_empty_front_is_explained(make_run: MakeRun) -> None:
    (empty,) = gather([make_run(n_trials=0, constraints={"min_top1": 0.9})])
    assert why_no_front(empty) == "no feasible trial has finished the top rung"
    run = make_run(constraints={"min_top1": 0.9999})
    (below,) = gather([run])
    best = max(
        (r for r in run.records if r.outcome == "complete"), key=lambda r: r.metrics["top1"]
    )
    assert below.front.empty
    assert str(run.spec.constraints) == str(Constraints(min_top1=0.9999))
    assert why_no_front(below).endswith(
        f"are below min_top1 0.9999; the best of them, trial {best.slot}, has top1 "
        f"{best.metrics['top1']:.3f}"
    )


def test_size_alone_shows_both_bounds(make_run: MakeRun) -> None:
    bounds = {"max_params": 20_000, "min_top1": 0.9}
    (read,) = gather([make_run(objectives=[PARAMS], constraints=bounds)])
    assert [label.text for label in drawn([read])[1]] == ["max_params 20,000", "min_top1 0.9"]
    assert (read.size, read.quality) == ("params", "top1")
