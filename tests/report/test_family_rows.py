from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from autokd.report.family_rows import OTHERS, family_rows, family_table
from autokd.report.gathered import Gathered, gather
from tests.report.conftest import FakeRun, MakeRun

Spread = Callable[[int], dict[str, float]]


def spread_out(run: FakeRun, spread: Spread) -> Gathered:
    """Give each slot's rungs a spread of their own."""
    records = [
        replace(
            record,
            rungs=tuple(replace(rung, spread=spread(record.slot)) for rung in record.rungs),
        )
        for record in run.records
    ]
    return gather([replace(run, records=records)])[0]


def robust_thirds(slot: int) -> dict[str, float]:
    """Make every third family a hundred times steadier than the others."""
    seen = np.random.default_rng(slot).normal(0, 1, 5).std(ddof=1)
    return {"top1": float(seen) * (0.0003 if slot % 3 == 0 else 0.03), "params": 40.0}


@pytest.fixture(scope="module")
def told(make_run: MakeRun) -> Gathered:
    return spread_out(make_run(family_size=5), robust_thirds)


def test_the_front_is_whole_and_the_nearest_stand_behind_it(told: Gathered) -> None:
    rows, _ = family_rows(told)
    front = set(told.front["trial"])
    assert set(rows.loc[rows["is_front"], "trial"]) == front
    others = rows[~rows["is_front"]]
    assert len(others) == OTHERS
    assert set(others["state"]) == {"complete"}
    left = told.trials[~told.trials["trial"].isin(rows["trial"])]
    left = left[left["state"] == "complete"]
    assert len(left)
    for _, other in others.iterrows():  # none that is left is better than one that is shown
        better = (left["top1"] > other["top1"]) & (left["params"] < other["params"])
        assert not better.any()


def test_the_steadiest_come_first_and_are_called_robust(told: Gathered) -> None:
    rows, found = family_rows(told)
    assert found is not None
    assert found.is_told
    assert rows["ratio"].is_monotonic_increasing
    robust = rows[rows["verdict"] == "robust"]
    assert len(robust)
    assert (robust["trial"] % 3 == 0).all()
    assert set(rows["verdict"]) <= {"robust", "as usual", "uneven"}


def test_spreads_that_differ_by_chance_give_no_verdict(make_run: MakeRun) -> None:
    by_chance = spread_out(
        make_run(family_size=2),
        lambda slot: {"top1": abs(float(np.random.default_rng(slot).normal(0, 0.01)))},
    )
    rows, found = family_rows(by_chance)
    assert found is not None
    assert not found.is_told
    assert "verdict" not in rows
    assert "ratio" in rows


def test_few_families_are_sorted_by_what_their_members_show(make_run: MakeRun) -> None:
    few = spread_out(
        make_run(family_size=3, n_trials=9), lambda slot: {"top1": 0.001 * (slot * 7 % 5)}
    )
    rows, found = family_rows(few)
    assert 1 < len(rows) < 5
    assert found is None
    assert rows["top1_std"].is_monotonic_increasing
    assert "ratio" not in rows


@pytest.mark.parametrize("n_trials", [0, 60])
def test_there_are_no_rows_without_a_spread(make_run: MakeRun, n_trials: int) -> None:
    bare = spread_out(make_run(family_size=3, n_trials=n_trials), lambda _: {})
    rows, found = family_rows(bare)
    assert rows.empty
    assert found is None


def test_families_below_the_bound_on_top1_are_not_shown(told: Gathered) -> None:
    shown = set(family_rows(told)[0]["trial"])
    other = next(iter(shown - set(told.front["trial"])))
    below = told.trials[told.trials["trial"] == other]
    assert other not in set(family_rows(replace(told, below=below))[0]["trial"])


def test_table_has_a_row_a_family_with_means_and_spreads(told: Gathered) -> None:
    rows, _ = family_rows(told)
    table = family_table(told, rows)
    headings = ("trial", "params", "top1", "expected ±", "of usual", "verdict")
    assert table.headings == headings
    row, cells = rows.iloc[0], table.rows[0]
    assert cells[:3] == (
        str(row["trial"]),
        f"{row['params']:,.0f} ± 40",
        f"{row['top1']:.3f} ± {row['top1_std']:.3f}",
    )
    assert cells[4] == f"{row['ratio']:.0%}"
    marked = {int(table.rows[at][0]) for at in table.marked}
    assert marked == set(told.front["trial"])


def test_records_without_spread_in_size_show_the_mean_alone(make_run: MakeRun) -> None:
    run = make_run(family_size=3)
    (read,) = gather([run])
    rows, _ = family_rows(read)
    table = family_table(read, rows)
    assert table.rows[0][1] == f"{rows.iloc[0]['params']:,.0f}"
