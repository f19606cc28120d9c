from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from autokd.report.gains import Gain, gains
from autokd.report.gathered import Gathered, gather
from autokd.report.method_tables import (
    CLASS_LIMIT,
    at_first_rung,
    class_names,
    finished,
    harm_table,
    method_table,
    student_table,
)
from autokd.report.rounding import MISSING
from tests.report.conftest import STUDY, FakeRun, MakeRun, with_chains

FIXED: dict[str, Any] = {
    **STUDY["search_space"],
    "kd": {**STUDY["search_space"]["kd"], "method": {"type": "fixed", "value": "kd"}},
}


@pytest.fixture(scope="session")
def single(make_run: MakeRun) -> Gathered:
    """A run of a study with one method."""
    return gather([make_run(search_space=FIXED)])[0]


def test_methods_have_their_counts_and_medians(gathered: Gathered) -> None:
    table = method_table(gathered, {})
    complete = gathered.trials[gathered.trials["state"] == "complete"]
    assert {row[0] for row in table.rows} == set(complete["kd.method"])
    for row in table.rows:
        cells = dict(zip(table.headings, row, strict=True))
        students = complete[complete["kd.method"] == cells["method"]]
        assert cells["trials"] == str((gathered.trials["kd.method"] == cells["method"]).sum())
        assert cells["finished"] == str(len(students))
        assert cells["on the front"] == str((gathered.front["kd.method"] == cells["method"]).sum())
        assert cells["best top1"] == f"{students['top1'].max():.3f}"
        assert cells["median top1"] == f"{students['top1'].median():.3f}"
        assert cells["kl"] == f"{students['kl'].median():.3f}"
    assert not [heading for heading in table.headings if heading.startswith("gain")]


def test_the_largest_gain_is_on_top_and_methods_without_one_below(gathered: Gathered) -> None:
    top = {"none": Gain(9, 0.0, 0.0), "kd": Gain(7, 0.0123, 0.004)}
    first = {"none": Gain(30, 0.0, 0.0), "kd": Gain(20, -0.02, 0.03), "at": Gain(6, 0.5, 0.1)}
    trials = gathered.trials.copy()
    for offset, method in enumerate(("dkd", "at")):
        trials.loc[trials.index[offset::5], "kd.method"] = method
    table = method_table(replace(gathered, trials=trials), {27: top, 3: first})
    at = table.headings.index("gain at 27")
    assert table.headings[at + 1] == "gain at 3"
    assert [(row[0], *row[at : at + 2]) for row in table.rows] == [
        ("kd", "+0.012 ± 0.004, n = 7", "-0.020 ± 0.030, n = 20"),
        ("none", "baseline, n = 9", "baseline, n = 30"),
        ("at", MISSING, "+0.500 ± 0.100, n = 6"),
        ("dkd", MISSING, MISSING),
    ]


def test_baselines_are_not_counted_for_their_method(run: FakeRun, gathered: Gathered) -> None:
    of_kd = gathered.trials["trial"][gathered.trials["kd.method"] == "kd"]
    on_front = gathered.front["trial"][gathered.front["trial"].isin(of_kd)].head(1)
    (read,) = gather([with_chains(run, {int(on_front.iloc[0])})])
    before, after = (
        dict(zip(table.headings, next(row for row in table.rows if row[0] == "kd"), strict=True))
        for table in (method_table(gathered, {}), method_table(read, {}))
    )
    for counted in ("trials", "finished", "on the front"):
        assert int(after[counted]) == int(before[counted]) - 1


def test_a_method_that_never_finished_is_still_counted(gathered: Gathered) -> None:
    trials = gathered.trials.copy()
    is_lost = trials["state"] != "complete"
    trials.loc[is_lost, "kd.method"] = "dkd"
    (row,) = [
        row for row in method_table(replace(gathered, trials=trials), {}).rows if row[0] == "dkd"
    ]
    assert row[1:6] == (str(is_lost.sum()), "0", "0", MISSING, MISSING)


def test_all_students_are_compared_at_the_first_rung(gathered: Gathered) -> None:
    rows = at_first_rung(gathered)
    reached = gathered.curves[gathered.curves["epochs"] == 3].set_index("trial")
    assert set(rows["trial"]) == set(reached.index)
    assert len(rows) > len(finished(gathered))
    row = rows.iloc[-1]
    assert row["top1"] == reached.loc[row["trial"], "top1"]
    (whole,) = gathered.trials[gathered.trials["trial"] == row["trial"]].to_dict("records")
    assert (row["params"], row["kd.method"]) == (whole["params"], whole["kd.method"])


def _taken_up(run: FakeRun) -> FakeRun:
    """Let later trials repeat each finished trial of a run twice, and continue a stopped one."""
    complete = [record for record in run.records if record.outcome == "complete"]
    stopped = next(record for record in run.records if record.outcome == "stopped")
    later = [replace(record, slot=slot) for slot, record in enumerate(2 * complete, start=100)]
    repeats = [
        replace(record, rungs=()).repeating(earlier, at_s=500.0)
        for record, earlier in zip(later, 2 * complete, strict=True)
    ]
    onward = replace(stopped, slot=99, rungs=(), outcome="running").continuing(stopped)
    top = replace(complete[0].rungs[-1], seconds=1.0)
    onward = onward.with_rung(top).ended("complete", at_s=400.0)
    return replace(run, records=[*run.records, onward, *repeats])


def test_what_another_trial_showed_at_the_first_rung_counts_once(
    run: FakeRun, gathered: Gathered
) -> None:
    taken_up = _taken_up(run)
    (more,) = gather([taken_up])
    assert len(more.curves) > len(gathered.curves)
    pd.testing.assert_frame_equal(at_first_rung(more), at_first_rung(gathered))
    assert gains(at_first_rung(more)) == gains(at_first_rung(gathered))
    assert set(finished(more)["trial"]) == {99, *finished(gathered)["trial"]}


def test_runs_from_before_a_metric_was_measured_have_no_column_of_it(gathered: Gathered) -> None:
    old = replace(gathered, trials=gathered.trials.drop(columns=["kl", "cev", "sde"]))
    headings = method_table(old, {}).headings
    assert not {"kl", "cev", "sde"} & set(headings)
    assert {"ece", "nll", "agreement"} <= set(headings)


def test_a_single_method_is_summed_up_for_all_and_for_the_front(single: Gathered) -> None:
    table = student_table(single)
    assert [row[:2] for row in table.rows] == [
        ("all finished", str(len(finished(single)))),
        ("on the front", str(len(single.front))),
    ]
    assert "agreement" in table.headings


def test_before_any_student_has_finished_there_are_no_rows(make_run: MakeRun) -> None:
    (empty,) = gather([make_run(n_trials=0, search_space=FIXED)])
    assert student_table(empty).rows == ()
    assert harm_table(empty).rows == ()


def test_the_most_harmed_class_of_the_front_comes_first(single: Gathered) -> None:
    table = harm_table(single)
    front, complete = single.front["trial"], finished(single)["trial"]
    assert table.headings == (
        "class",
        f"front (n = {len(front)})",
        f"all finished (n = {len(complete)})",
    )
    means = single.recall_changes.loc[front].mean().sort_values()
    assert [row[0] for row in table.rows] == [
        "all classes",
        *(f"class {label}" for label in means.index),
    ]
    shown = [means.mean(), *means]
    assert [row[1] for row in table.rows] == [f"{100 * each:+.1f}" for each in shown]


def test_each_method_has_a_column_of_harm_and_the_worst_classes_are_shown(
    gathered: Gathered,
) -> None:
    slots = finished(gathered)["trial"]
    many = pd.DataFrame(0.0, index=pd.Index(slots), columns=range(CLASS_LIMIT + 5))
    many[7] = -0.5
    table = harm_table(replace(gathered, recall_changes=many))
    assert [heading.split(" (")[0] for heading in table.headings] == [
        "class",
        "front",
        "kd",
        "none",
    ]
    assert len(table.rows) == CLASS_LIMIT + 1
    assert table.rows[1] == ("class 7", "-50.0", "-50.0", "-50.0")


def test_trials_without_changes_leave_the_others_their_means(single: Gathered) -> None:
    one = single.recall_changes.iloc[:1]
    table = harm_table(replace(single, recall_changes=one))
    assert table.headings[-1] == "all finished (n = 1)"


def test_classes_have_their_names_where_the_run_noted_as_many(gathered: Gathered) -> None:
    named = replace(gathered, info={"data": {"class_names": ["cat", "dog"]}})
    assert class_names(named, 2) == ["cat", "dog"]
    assert class_names(named, 3) == ["class 0", "class 1", "class 2"]
    assert class_names(replace(gathered, info={}), 1) == ["class 0"]
