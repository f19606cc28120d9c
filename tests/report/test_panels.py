from dataclasses import replace

import plotly.graph_objects as go
import pytest

from autokd.pages.html import Panel, Width
from autokd.report import panels, progress
from autokd.report.gallery import DRAWING_LIMIT
from autokd.report.gathered import IMPORTANCE_LIMIT, Gathered, gather
from autokd.runs.importance import MAX_TRIALS
from tests.report.conftest import LATENCY, TOP1, FakeRun, MakeRun, refused


def all_panels(run: Gathered) -> list[Panel]:
    return [
        panels.front([run]),
        panels.students(run, width=5),
        *panels.hypervolume([run]),
        panels.curves(run),
        panels.importance(run),
        panels.parallel(run),
        panels.drawings(run),
        panels.rungs(run),
        panels.conditions(run),
        panels.remarks([run]),
    ]


def test_full_run_fills_every_panel(gathered: Gathered) -> None:
    bodies = [panel.body for panel in all_panels(gathered)]
    assert sum(isinstance(body, go.Figure) for body in bodies) == 6
    assert not any(
        isinstance(body, str) and body.startswith('<p class="soft">') for body in bodies
    )


def test_empty_run_says_in_every_panel_why_there_is_nothing(make_run: MakeRun) -> None:
    (read,) = gather([replace(make_run(n_trials=0), shares={})])
    empty = [
        panel
        for panel in all_panels(read)
        if panel.title not in ("Conditions", "How to read these numbers")
    ]
    assert len(empty) == 9
    for panel in empty:
        assert isinstance(panel.body, str)
        assert panel.body.startswith('<p class="soft">')
        assert len(panel.body) > 30


def test_a_front_that_no_other_run_can_be_drawn_on_says_so(make_run: MakeRun) -> None:
    timed = refused(make_run("timed", n_trials=3, objectives=[TOP1, LATENCY]))
    body = panels.front(gather([timed, make_run("plain", n_trials=24)])).body
    assert "No trial that finished has the metrics of timed." in str(body)
    nothing = panels.front(gather([timed, make_run("empty", n_trials=0)])).body
    assert "No feasible trial has finished the top rung." in str(nothing)


def test_cut_of_drawings_and_parameters_is_stated(long: Gathered) -> None:
    cut = f"{DRAWING_LIMIT} of {len(long.front)} students"
    assert cut in panels.drawings(long).note
    assert "Only the 10 most important parameters" in panels.parallel(long).note


def test_cut_of_importance_is_the_one_of_the_run_and_is_stated(
    gathered: Gathered, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert IMPORTANCE_LIMIT == MAX_TRIALS
    assert panels.importance(gathered).note == "For reaching the front."
    n_complete = int((gathered.trials["state"] == "complete").sum())
    monkeypatch.setattr(panels, "IMPORTANCE_LIMIT", n_complete - 1)
    stated = f"Found from {n_complete - 1} of {n_complete} complete trials."
    assert panels.importance(gathered).note.endswith(stated)


def test_importance_that_cannot_be_told_says_how_many_are_below_min_top1(
    make_run: MakeRun,
) -> None:
    bounded = replace(make_run(constraints={"min_top1": 0.9999}), shares={})
    n = len(bounded.below())
    body = str(panels.importance(gather([bounded])[0]).body)
    assert f"to tell: {n} of {n} trials that finished are below min_top1 0.9999." in body
    unbounded = replace(make_run(n_trials=3), shares={})
    assert "to tell.</p>" in str(panels.importance(gather([unbounded])[0]).body)


def test_cut_of_learning_curves_is_stated(
    gathered: Gathered, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_behind = len(gathered.behind())
    assert "Lines behind" not in panels.curves(gathered).note
    for module in (panels, progress):
        monkeypatch.setattr(module, "CURVE_LIMIT", 7)
    panel = panels.curves(gathered)
    assert panel.note.endswith(f"Lines behind the front: 7 of {n_behind} trials.")
    assert isinstance(panel.body, go.Figure)
    behind = [trace for trace in panel.body.data if trace.name in ("stopped early", "dominated")]
    drawn = {slot for trace in behind for slot in trace.customdata if slot is not None}
    assert len(drawn) == 7


def test_dotted_learning_curves_are_explained_where_there_are_any(
    run: FakeRun, gathered: Gathered
) -> None:
    assert panels.curves(gathered).note.endswith("was stopped by the race.")
    records = [replace(r, outcome="running") if r.outcome == "stopped" else r for r in run.records]
    note = panels.curves(gather([replace(run, records=records)])[0]).note
    assert note.endswith("was stopped by the race; a dotted one runs or has failed.")


def test_whole_front_drawn_is_stated(gathered: Gathered) -> None:
    assert panels.drawings(gathered).note.startswith("All students")


@pytest.mark.parametrize(("width", "is_linked"), [(5, True), (12, False)])
def test_narrow_table_links_to_the_drawings(
    gathered: Gathered, width: Width, is_linked: bool
) -> None:
    body = panels.students(gathered, width=width).body
    assert isinstance(body, str)
    assert ('href="#trial-' in body) is is_linked


def test_single_objective_shows_the_best_student_and_the_best_so_far(make_run: MakeRun) -> None:
    runs = gather([make_run(objectives=[TOP1])])
    titles = [panel.title for panel in (panels.front(runs), *panels.hypervolume(runs))]
    assert titles == ["The best student", "Best so far over trials", "Best so far over seconds"]
    assert "Shaded" not in panels.students(runs[0], width=5).note
    assert "hypervolume" not in panels.hypervolume(runs)[0].note
    assert all(isinstance(panel.body, go.Figure) for panel in panels.hypervolume(runs))


def test_trials_below_min_top1_are_counted_at_the_front(make_run: MakeRun, run: FakeRun) -> None:
    bounded = make_run(constraints={"min_top1": 0.9})
    told = f"{len(bounded.below())} of "
    assert panels.front(gather([bounded])).note.startswith(told)
    assert "min_top1" not in panels.front(gather([run])).note


def test_a_front_without_members_is_explained_in_every_panel_that_shows_it(
    make_run: MakeRun,
) -> None:
    (read,) = gather([make_run(constraints={"min_top1": 0.9999})])
    for panel in (panels.students(read, width=5), panels.drawings(read)):
        assert "are below min_top1 0.9999; the best of them" in str(panel.body)


def test_comparison_and_conditions_escape_names(run: FakeRun, make_run: MakeRun) -> None:
    body = panels.comparison(gather([make_run("<b>x"), run])).body
    assert isinstance(body, str)
    assert "&lt;b&gt;x" in body
    (read,) = gather([replace(run, info={"device": "<i>"})])
    assert "<dd>&lt;i&gt;</dd>" in str(panels.conditions(read).body)
