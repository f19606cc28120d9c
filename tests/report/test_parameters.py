from dataclasses import replace

import numpy as np
import pytest

from autokd.report.gathered import gather
from autokd.report.parameters import AXIS_LIMIT, LINE_LIMIT, importance_figure, parallel_figure
from tests.report.conftest import ECE, PARAMS, FakeRun, MakeRun, broken_off, refused


def test_largest_bar_is_on_top(run: FakeRun) -> None:
    figure = importance_figure(gather([run])[0])
    assert figure is not None
    (bars,) = figure.data
    assert bars.y[-1] == "params_budget"
    assert list(bars.x) == sorted(bars.x)


def test_unknown_importance_is_no_figure(run: FakeRun) -> None:
    assert importance_figure(gather([replace(run, shares={})])[0]) is None


def test_axes_are_the_most_important_parameters_then_size_and_quality(run: FakeRun) -> None:
    figure = parallel_figure(gather([run])[0])
    assert figure is not None
    labels = [dimension.label for dimension in figure.data[0].dimensions]
    assert len(labels) == AXIS_LIMIT + 2
    assert labels[-2:] == ["params", "top1"]
    assert {"params_budget", "op", "kd.temperature", "kd.soft_weight", "top_nodes"} <= set(labels)


def test_log_parameters_are_drawn_by_their_logarithm(run: FakeRun) -> None:
    (read,) = gather([run])
    figure = parallel_figure(read)
    assert figure is not None
    axis = figure.data[0].dimensions[0]
    complete = read.trials[read.trials["state"] == "complete"]
    np.testing.assert_allclose(
        axis.values, np.log10(complete["architecture.params_budget"].astype(float))
    )
    assert "10k" in axis.ticktext
    assert axis.tickvals[list(axis.ticktext).index("10k")] == pytest.approx(4)


def test_whole_numbers_have_whole_ticks(run: FakeRun) -> None:
    figure = parallel_figure(gather([run])[0])
    assert figure is not None
    (axis,) = [axis for axis in figure.data[0].dimensions if axis.label == "top_nodes"]
    assert list(axis.ticktext) == ["3", "4", "5"]


def test_parameter_that_is_not_active_has_a_level_below_the_others(run: FakeRun) -> None:
    (read,) = gather([run])
    figure = parallel_figure(read)
    assert figure is not None
    (axis,) = [axis for axis in figure.data[0].dimensions if axis.label == "kd.temperature"]
    complete = read.trials[read.trials["state"] == "complete"]
    is_inactive = complete["kd.temperature"].isna().to_numpy()
    values = np.asarray(axis.values)
    assert is_inactive.any()
    assert values[is_inactive].max() < values[~is_inactive].min()
    assert axis.ticktext[list(axis.tickvals).index(values[is_inactive][0])] == "–"  # noqa: RUF001
    assert np.isfinite(values).all()


def test_categories_are_levels_with_their_names(run: FakeRun) -> None:
    (read,) = gather([run])
    figure = parallel_figure(read)
    assert figure is not None
    (axis,) = [axis for axis in figure.data[0].dimensions if axis.label == "op"]
    complete = read.trials[read.trials["state"] == "complete"]
    assert [axis.ticktext[int(level)] for level in axis.values] == complete[
        "architecture.op"
    ].tolist()


def test_every_value_and_tick_lies_on_its_axis(make_run: MakeRun) -> None:
    for n_trials in (8, 60):
        figure = parallel_figure(gather([make_run(n_trials=n_trials)])[0])
        assert figure is not None
        for axis in figure.data[0].dimensions:
            low, high = axis.range
            assert low < high
            assert min(*axis.values, *axis.tickvals) >= low
            assert max(*axis.values, *axis.tickvals) <= high
            assert 1 <= len(axis.tickvals) <= 9


def test_lines_are_thinned(run: FakeRun) -> None:
    (read,) = gather([run])
    complete = read.trials[read.trials["state"] == "complete"]
    many = replace(read, trials=complete.sample(2 * LINE_LIMIT, replace=True, random_state=0))
    figure = parallel_figure(many)
    assert figure is not None
    assert len(figure.data[0].dimensions[0]["values"]) == LINE_LIMIT


def test_one_complete_trial_is_no_figure(run: FakeRun) -> None:
    (read,) = gather([run])
    one = read.trials[read.trials["state"] == "complete"].head(1)
    assert parallel_figure(replace(read, trials=one)) is None


def test_no_trial_at_a_rung_is_no_figure_whatever_the_quality(make_run: MakeRun) -> None:
    run = make_run(n_trials=3, objectives=[ECE, PARAMS])
    for lost in (refused(run), broken_off(run)):
        assert parallel_figure(gather([lost])[0]) is None


def test_lines_are_coloured_by_the_quality_the_best_alike(make_run: MakeRun) -> None:
    (read,) = gather([make_run(objectives=[ECE, PARAMS])])
    figure = parallel_figure(read)
    assert figure is not None
    (lines,) = figure.data
    complete = read.trials[read.trials["state"] == "complete"]
    assert list(lines.line.color) == complete["ece"].tolist()
    assert lines.line.reversescale
    assert lines.dimensions[-1].label == "ece"


def test_a_parameter_that_no_finished_trial_has_is_no_axis(run: FakeRun) -> None:
    (read,) = gather([run])
    without = read.trials[read.trials["kd.temperature"].isna()]
    figure = parallel_figure(replace(read, trials=without))
    assert figure is not None
    labels = [dimension.label for dimension in figure.data[0].dimensions]
    assert not {"kd.temperature", "kd.soft_weight"} & set(labels)
    assert "kd.method" in labels
