from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autokd.report.gathered import Gathered, gather
from autokd.report.rounding import MISSING, exact
from autokd.report.tables import (
    INTERVAL_LEAST,
    comparison_table,
    front_table,
    front_text,
    rung_table,
    size_limits,
)
from autokd.runs import ranking
from tests.report.conftest import KL, MACS, PARAMS, TOP1, FakeRun, MakeRun, without


def test_front_table_has_a_row_per_student_with_its_numbers(gathered: Gathered) -> None:
    table = front_table(gathered)
    headings = ("trial", "params", "smaller", "top1", "test top1", "agreement", "method")
    assert table.headings == headings
    row, cells = gathered.front.iloc[0], table.rows[0]
    assert cells[:2] == (str(row["trial"]), f"{row['params']:,.0f}")
    assert cells[2] == f"{272_186 / row['params']:,.0f}\N{MULTIPLICATION SIGN}"
    assert cells[3:5] == (f"{row['top1']:.3f}", f"{row['test_top1']:.3f}")


def test_knee_is_marked_and_drawn_trials_are_linked(gathered: Gathered) -> None:
    slots = gathered.front["trial"].tolist()
    table = front_table(gathered, links={slots[2]: "trial-x"})
    assert [slots[at] for at in table.marked] == [gathered.knee]
    assert table.links == {2: "trial-x"}


def test_one_best_student_is_not_marked_and_of_equal_ones_that_which_export_takes(
    make_run: MakeRun,
) -> None:
    (read,) = gather([make_run(objectives=[TOP1])])
    assert front_table(read).marked == frozenset()
    equal = pd.concat([read.front, read.front.assign(trial=99, params=1e6)], ignore_index=True)
    assert front_table(replace(read, front=equal)).marked == frozenset({0})


def test_an_empty_front_of_a_bounded_study_says_who_came_near(make_run: MakeRun) -> None:
    text = front_text(make_run(constraints={"min_top1": 0.9999}))
    assert text.startswith("the front is empty: ")
    assert "are below min_top1 0.9999; the best of them, trial " in text


def test_runs_of_one_objective_are_compared_by_it(make_run: MakeRun) -> None:
    runs = gather([make_run("a", objectives=[TOP1]), make_run("b", n_trials=0, objectives=[TOP1])])
    table = comparison_table(runs)
    assert table.headings[3] == "best top1"
    assert table.rows[0][3] == f"{runs[0].front['top1'].iloc[0]:.3f}"
    assert table.rows[1][3] == "–"  # noqa: RUF001


@pytest.mark.parametrize(("objective", "best"), [(TOP1, "max"), (KL, "min"), (PARAMS, "min")])
def test_the_best_value_of_a_front_of_several_objectives_is_found_on_all_of_it(
    make_run: MakeRun, objective: dict[str, object], best: str
) -> None:
    metric, constraints = str(objective["metric"]), {"min_top1": 0.01}
    alone = make_run("alone", n_trials=24, objectives=[objective], constraints=constraints)
    several = make_run("several")
    table = comparison_table(gather([alone, several]))
    assert table.headings[3] == f"best {metric}"
    values = several.front()[metric]
    assert values.nunique() > 1
    assert table.rows[1][3] == exact(metric, getattr(values, best)())


def test_the_best_value_of_a_metric_that_a_run_lacks_is_missing(make_run: MakeRun) -> None:
    alone = make_run("alone", n_trials=24, objectives=[KL])
    table = comparison_table(gather([alone, without(make_run("old", n_trials=24), "kl")]))
    assert [row[3] == MISSING for row in table.rows] == [False, True]


def test_objectives_have_columns_and_unmeasured_tests_have_none(make_run: MakeRun) -> None:
    run = make_run(objectives=[TOP1, PARAMS, MACS, KL])
    (read,) = gather([replace(run, tests={})])
    headings = front_table(read).headings
    assert {"macs", "kl"} < set(headings)
    assert "test top1" not in headings


def test_family_spread_stands_beside_the_mean(make_run: MakeRun) -> None:
    (read,) = gather([make_run(family_size=3)])
    assert all(row[3].endswith(" ± 0.004") for row in front_table(read).rows)


def test_front_text_is_the_table_or_says_that_there_is_none(
    run: FakeRun, make_run: MakeRun
) -> None:
    lines = front_text(run).split("\n")
    assert len(lines) == 1 + len(run.front())
    assert sum(line.startswith("*") for line in lines) == 1
    assert "the front is empty" in front_text(make_run(n_trials=0))


def test_comparison_takes_the_best_top1_within_each_size(make_run: MakeRun) -> None:
    runs = gather(
        [make_run("a", n_trials=24), make_run("b", seed=1, n_trials=24), make_run("c", n_trials=0)]
    )
    table = comparison_table(runs)
    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    limits = size_limits([run.front for run in runs])
    front = runs[0].front
    for limit, cell in zip(limits, table.rows[0][4:], strict=True):
        fits = front[front["params"] <= limit]
        assert cell == (f"{fits['top1'].max():.3f}" if len(fits) else "–")  # noqa: RUF001
    assert table.rows[0][3] == f"{runs[0].hypervolume['hypervolume'].iloc[-1]:.4g}"
    assert table.rows[2][1:4] == ("0", "0", "–")  # noqa: RUF001


@pytest.mark.parametrize(
    ("params", "limits"),
    [
        ([], []),
        ([1234], []),
        ([1000], [1000]),
        ([900, 4000], [1000, 2000]),
        ([900, 120_000], [1e3, 5e3, 2e4, 1e5]),
    ],
)
def test_size_limits_are_round_and_inside(params: list[float], limits: list[float]) -> None:
    assert size_limits([pd.DataFrame({"params": params, "top1": 0.5})]) == limits


def test_rung_table_has_a_row_per_lower_rung(gathered: Gathered, make_run: MakeRun) -> None:
    table = rung_table(gathered)
    assert [row[0] for row in table.rows] == ["3", "9"]
    assert rung_table(gather([make_run(n_trials=0)])[0]).rows == ()
    assert table.headings == ("epochs", "trials", "Kendall's tau", "95 % interval")
    found = gathered.rung_correlation.iloc[0]
    assert found["n"] >= INTERVAL_LEAST
    assert table.rows[0][2:] == (
        f"{found['tau']:.2f}",
        f"{found['tau_low']:.2f} to {found['tau_high']:.2f}",
    )


def test_tau_of_few_trials_has_no_interval_and_says_so(gathered: Gathered) -> None:
    assert ranking.INTERVAL_LEAST == INTERVAL_LEAST
    found = gathered.rung_correlation
    few = found.assign(n=INTERVAL_LEAST - 1, tau_low=np.nan, tau_high=np.nan)
    assert [row[3] for row in rung_table(replace(gathered, rung_correlation=few)).rows] == [
        "too few"
    ] * 2
    perfect = found.assign(n=INTERVAL_LEAST, tau=1.0, tau_low=np.nan, tau_high=np.nan)
    same = rung_table(replace(gathered, rung_correlation=perfect))
    assert same.rows[0][2:] == ("1.00", "–")  # noqa: RUF001
