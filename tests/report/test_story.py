from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from autokd.report.gathered import POINT_LIMIT, Gathered, gather
from autokd.report.story import conditions, counts, headline, notes
from tests.report.conftest import LATENCY, MACS, PARAMS, TOP1, FakeRun, MakeRun


def near(run: FakeRun, top1: float) -> FakeRun:
    return replace(run, teacher={**run.teacher, "top1": top1})


def test_headline_names_the_smallest_student_near_the_teacher(run: FakeRun) -> None:
    front = run.front()
    teacher = float(front["top1"].iloc[4]) + 0.0099
    text = headline(gather([near(run, teacher)]))
    row = front.iloc[4]
    assert f"trial {row['trial']} with" in text
    assert f"{272_186 / row['params']:,.0f}\N{MULTIPLICATION SIGN} smaller" in text
    assert text.startswith(f"A front of {len(front)} students from 989 to ")


def test_a_teacher_of_unknown_size_is_compared_by_accuracy_alone(run: FakeRun) -> None:
    given = replace(near(run, 0.0), teacher={**run.teacher, "top1": 0.0, "params": None})
    text = headline(gather([given]))
    assert "smaller" not in text
    assert "The smallest within 1 percentage point" in text
    assert "has an unknown size" in text


def test_headline_of_one_student_has_one_size(gathered: Gathered) -> None:
    text = headline([replace(gathered, front=gathered.front.head(1))])
    assert text.startswith("A front of 1 student with 989 params. ")


def test_headline_says_when_nobody_is_near_and_names_the_best(run: FakeRun) -> None:
    text = headline(gather([near(run, 1.0)]))
    best = run.front().sort_values("top1").iloc[-1]
    assert "None is within 1 percentage point" in text
    assert f"the best is trial {best['trial']} with" in text


def test_headline_of_an_empty_front_says_so(make_run: MakeRun) -> None:
    assert "The front is empty" in headline(gather([make_run(n_trials=0)]))


def test_headline_of_one_objective_names_the_best(make_run: MakeRun) -> None:
    run = make_run(objectives=[TOP1])
    assert f"The best student is trial {run.front()['trial'].iloc[0]} with" in headline(
        gather([run])
    )


def test_headline_of_one_objective_names_it_and_the_bounds(make_run: MakeRun) -> None:
    run = make_run(objectives=[PARAMS], constraints={"min_top1": 0.9})
    (row,) = run.front().to_dict("records")
    told = f"The best student by params within min_top1 0.9 is trial {row['trial']} with"
    assert headline(gather([run])).startswith(told)
    bounded = make_run(objectives=[TOP1], constraints={"max_params": 20_000})
    assert headline(gather([bounded])).startswith("The best student within max_params 20,000 is")


def test_headline_of_a_front_that_a_bound_keeps_empty_says_so(make_run: MakeRun) -> None:
    text = headline(gather([make_run(constraints={"min_top1": 0.9999})]))
    assert text.startswith("The front is empty: ")
    assert "are below min_top1 0.9999; the best of them, trial " in text


@pytest.mark.parametrize(
    ("objective", "constraints", "better"),
    [(TOP1, {}, "strong"), (PARAMS, {"min_top1": 0.9}, "strong")],
)
def test_headline_of_several_runs_of_one_objective_names_the_best(
    make_run: MakeRun, objective: dict[str, object], constraints: dict[str, float], better: str
) -> None:
    changes: dict[str, Any] = {"objectives": [objective], "constraints": constraints}
    runs = gather([make_run("weak", gain=-0.05, **changes), make_run("strong", **changes)])
    metric = str(objective["metric"])
    assert headline(runs).startswith(f"Of 2 runs, {better} has the best student by {metric}, ")


def test_trials_below_a_bound_are_counted_and_the_bounds_are_listed(make_run: MakeRun) -> None:
    run = make_run(constraints={"min_top1": 0.9, "max_macs": 10_000_000})
    (read,) = gather([run])
    n_complete = int((run.trials()["state"] == "complete").sum())
    assert f"{n_complete} complete ({len(run.below())} below min_top1)" in counts(read)
    assert dict(conditions(read))["bounds"] == "max_macs 10,000,000, min_top1 0.9"
    assert any(
        note.startswith(f"{len(run.below())} of {n_complete} trials") for note in notes([read])
    )


def test_bounds_are_not_mentioned_where_there_are_none(gathered: Gathered) -> None:
    assert "bounds" not in dict(conditions(gathered))
    assert not any("min_top1" in note for note in notes([gathered]))
    assert "below" not in counts(gathered)


def test_headline_of_several_runs_names_the_largest_hypervolume(make_run: MakeRun) -> None:
    runs = gather([make_run("weak", gain=-0.1), make_run("strong")])
    assert headline(runs).startswith("Of 2 runs, strong has the largest hypervolume")


def test_headline_names_all_runs_that_share_the_largest_hypervolume(make_run: MakeRun) -> None:
    same = [make_run(name, n_trials=24) for name in ("a", "b", "c")]
    weak = make_run("weak", n_trials=24, gain=-0.1)
    text = headline(gather([same[0], weak, *same[1:]]))
    volume = same[0].hypervolume()["hypervolume"].iloc[-1]
    assert text == f"Of 4 runs, a, b and c have the largest hypervolume, {volume:.4g} each."


def test_hypervolumes_that_differ_by_rounding_alone_are_equal(make_run: MakeRun) -> None:
    first, second = gather([make_run("a", n_trials=24), make_run("b", n_trials=24)])
    rounded = second.hypervolume.assign(
        hypervolume=second.hypervolume["hypervolume"] * (1 + 1e-15)
    )
    text = headline([first, replace(second, hypervolume=rounded)])
    assert text.startswith("Of 2 runs, a and b have the largest hypervolume, ")
    larger = second.hypervolume.assign(hypervolume=second.hypervolume["hypervolume"] * (1 + 1e-6))
    text = headline([first, replace(second, hypervolume=larger)])
    assert text.startswith("Of 2 runs, b has the largest hypervolume, ")


def test_no_run_leads_where_no_student_is_better_than_the_reference_point(
    make_run: MakeRun,
) -> None:
    objectives = [{**TOP1, "reference": 0.995}, PARAMS]
    runs = gather([make_run(name, n_trials=24, objectives=objectives) for name in "xy"])
    assert all(len(run.front) for run in runs)
    assert headline(runs) == (
        "Of 2 runs none has a hypervolume: no student on a front is better than the reference "
        "point in every objective."
    )


def test_headline_names_all_runs_that_share_the_best_value(make_run: MakeRun) -> None:
    same = [make_run(name, n_trials=24, objectives=[TOP1]) for name in "ab"]
    weak = make_run("weak", n_trials=24, gain=-0.1, objectives=[TOP1])
    best = same[0].front()["top1"].iloc[0]
    told = f"Of 3 runs, a and b have the best students by top1, {best:.3f} each."
    assert headline(gather([weak, *same])) == told


def test_the_order_of_objectives_is_no_difference(make_run: MakeRun) -> None:
    first = make_run("a", n_trials=24, objectives=[TOP1, PARAMS])
    other = make_run("b", n_trials=24, gain=-0.1, objectives=[PARAMS, TOP1])
    runs = gather([first, other])
    assert headline(runs).startswith("Of 2 runs, a has the largest hypervolume, ")
    assert not any("cannot be compared" in note for note in notes(runs))


def test_different_axes_are_not_compared(make_run: MakeRun) -> None:
    runs = gather([make_run("a", n_trials=24), make_run("b", objectives=[TOP1, MACS])])
    assert headline(runs) == "2 runs laid over each other."
    assert any("hypervolumes cannot be compared" in note for note in notes(runs))


def test_a_run_without_the_metrics_of_the_figure_is_named(make_run: MakeRun) -> None:
    timed = make_run("timed", n_trials=24, objectives=[TOP1, LATENCY])
    plain, empty = make_run("plain", n_trials=24), make_run("empty", n_trials=0)
    (note,) = [note for note in notes(gather([timed, plain, empty])) if "has both" in note]
    assert note.startswith("plain: no trial that finished has both top1 and latency_s")
    assert not any("has both" in note for note in notes(gather([plain, timed, empty])))


def test_counts_add_up(gathered: Gathered) -> None:
    text = counts(gathered)
    head, _, states = text.partition(": ")
    assert head == "60 trials"
    assert sum(int(part.split()[0]) for part in states.split(", ")) == 60


def test_counts_of_nothing(make_run: MakeRun) -> None:
    assert counts(gather([make_run(n_trials=0)])[0]) == "0 trials"


def test_conditions_never_name_the_storage(gathered: Gathered) -> None:
    assert "storage" in gathered.info
    assert "secret" not in str(conditions(gathered))
    found = dict(conditions(gathered))
    assert found["rungs"] == "3, 9, 27 epochs"
    assert found["workers"] == "2"
    assert found["versions"] == "python 3.11.9, torch 2.8.0"


def test_optimism_of_validation_is_always_noted(run: FakeRun, make_run: MakeRun) -> None:
    for one in (run, make_run(n_trials=0)):
        assert "optimistic" in notes(gather([one]))[0]
    assert "measured once" in notes(gather([run]))[0]
    assert "has not been measured yet" in notes(gather([replace(run, tests={})]))[0]


def test_teacher_that_saw_validation_is_noted(run: FakeRun) -> None:
    saw = replace(run, teacher={**run.teacher, "saw_validation": True})
    assert any("teacher.saw_validation" in note for note in notes(gather([saw])))
    assert not any("teacher.saw_validation" in note for note in notes(gather([run])))


def test_thinning_is_stated_with_its_numbers(gathered: Gathered) -> None:
    assert not any("behind the front" in note for note in notes([gathered]))
    rows = gathered.behind().sample(POINT_LIMIT + 5, replace=True, random_state=0)
    rows = rows.assign(trial=range(1000, 1000 + len(rows)))
    big = replace(gathered, trials=pd.concat([rows, gathered.front]))
    (note,) = [note for note in notes([big]) if "behind the front" in note]
    assert note.startswith("2,005 trials lie behind the front; a figure draws 2,000 of them")


def test_family_and_projection_are_noted(make_run: MakeRun) -> None:
    run = make_run(family_size=3, objectives=[TOP1, PARAMS, MACS])
    text = " ".join(notes(gather([run])))
    assert "3 students of one family" in text
    assert "3 objectives: top1, params, macs. The figure shows top1 over params" in text


def test_notes_of_several_runs_name_the_run_and_different_teachers(run: FakeRun) -> None:
    other = replace(
        run, folder=Path("other"), teacher={**run.teacher, "digest": "x", "saw_validation": True}
    )
    said = notes(gather([run, other]))
    assert any(note.startswith("other: The teacher was trained on") for note in said)
    assert "The runs have different teachers." in said
