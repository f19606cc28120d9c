"""The panels of the report: each a table or a figure with a heading and a line that explains it.

A panel that has nothing to show says why.
"""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from autokd.pages.html import Panel, Width, said, scrolled
from autokd.report import story, tables
from autokd.report.bounds import n_below, why_no_front
from autokd.report.front import front_figure
from autokd.report.gallery import chosen_trials, gallery
from autokd.report.gathered import IMPORTANCE_LIMIT, Gathered
from autokd.report.parameters import AXIS_LIMIT, LINE_LIMIT, importance_figure, parallel_figure
from autokd.report.progress import (
    CURVE_LIMIT,
    UNFINISHED,
    best_figure,
    curves_figure,
    hypervolume_figure,
)

__all__ = [
    "comparison",
    "conditions",
    "curves",
    "drawings",
    "front",
    "hypervolume",
    "importance",
    "parallel",
    "remarks",
    "rungs",
    "students",
]


def front(runs: Sequence[Gathered]) -> Panel:
    """Show the front as a figure; with a single objective, the best student among the others.

    Args:
        runs: The runs, at least one.

    Returns:
        The panel.
    """
    title = "The best student" if runs[0].is_single else "Pareto front"
    below = [n_below(run) for run in runs if len(runs) == 1 and len(run.below)]
    note = (
        "Hover a point for its parameters; a click in the legend hides, a double click shows all."
    )
    notes = [*(f"{told}." for told in below), note]
    return Panel(title, _or(front_figure(runs), _none_drawn(runs)), " ".join(notes), 7)


def students(run: Gathered, *, width: Width) -> Panel:
    """Show the front as a table.

    Args:
        run: The run.
        width: Columns of the panel; a narrow one links to the drawings.

    Returns:
        The panel.
    """
    links = {slot: f"trial-{slot}" for slot in chosen_trials(run)} if width < 12 else None
    table = tables.front_table(run, links=links)
    shaded = f" Shaded: the {run.choice}." if table.marked else ""
    note = f"top1: on validation. smaller: than the teacher, in params.{shaded}"
    title = "The best in numbers" if run.is_single else "The front's students"
    return Panel(title, _scroll(table, _no_front(run)), note, width)


def comparison(runs: Sequence[Gathered]) -> Panel:
    """Set several runs beside each other.

    Args:
        runs: The runs, at least two.

    Returns:
        The panel.
    """
    note = "≤: the best validation top1 on the front up to so many params."
    return Panel("Runs compared", _scroll(tables.comparison_table(runs), ""), note, 5)


def hypervolume(runs: Sequence[Gathered]) -> tuple[Panel, Panel]:
    """Show the hypervolume over trials and over seconds, or the best of a single objective.

    Args:
        runs: The runs, at least one.

    Returns:
        The two panels.
    """
    note = "What the front dominates up to the study's reference point; higher is better."
    what, draw = "Hypervolume", hypervolume_figure
    if runs[0].is_single:
        note = f"{runs[0].axes[0].metric} of the trials that finished, and the best up to each."
        what, draw = "Best so far", best_figure
    over_trials, over_seconds = (
        _or(draw(runs, over=over), _none_drawn(runs)) for over in ("trials", "seconds")
    )
    return (
        Panel(f"{what} over trials", over_trials, note, 6),
        Panel(f"{what} over seconds", over_seconds, "The same over time, teacher apart.", 6),
    )


def curves(run: Gathered) -> Panel:
    """Show the learning curves.

    Args:
        run: The run.

    Returns:
        The panel.
    """
    n_behind, figure = len(run.behind()), curves_figure(run)
    some = f" Lines behind the front: {CURVE_LIMIT:,} of {n_behind:,} trials."
    is_dotted = figure is not None and any(line.name == UNFINISHED for line in figure.data)
    note = (
        "Validation at the end of each rung; a line that ends early was stopped by the race"
        f"{'; a dotted one runs or has failed' if is_dotted else ''}."
        f"{some if n_behind > CURVE_LIMIT else ''}"
    )
    return Panel("Learning curves by rung", _or(figure, "No rung was reached."), note, 7)


def importance(run: Gathered) -> Panel:
    """Show the importance of the parameters.

    Args:
        run: The run.

    Returns:
        The panel.
    """
    below = f": {n_below(run)}" if len(run.below) else ""
    otherwise = f"Too few complete trials, or too few better than the rest, to tell{below}."
    figure = _or(importance_figure(run), otherwise)
    n_complete = int((run.trials["state"] == "complete").sum())
    some = f" Found from {IMPORTANCE_LIMIT:,} of {n_complete:,} complete trials."
    note = f"For reaching the front.{some if n_complete > IMPORTANCE_LIMIT else ''}"
    return Panel("Parameter importance", figure, note, 5)


def parallel(run: Gathered) -> Panel:
    """Show the parallel coordinates.

    Args:
        run: The run.

    Returns:
        The panel.
    """
    n_complete = int((run.trials["state"] == "complete").sum())
    lines = f"A line for each of {min(n_complete, LINE_LIMIT):,} of {n_complete:,} complete trials"
    is_cut = len(run.parameters) > AXIS_LIMIT
    axes = f" Only the {AXIS_LIMIT} most important parameters are shown." if is_cut else ""
    note = f"{lines}, coloured by {run.quality}. Drag along an axis to select.{axes}"
    return Panel(
        "Parallel coordinates",
        _or(parallel_figure(run), "Fewer than two trials are complete."),
        note,
    )


def drawings(run: Gathered, *, n_runs: int = 1) -> Panel:
    """Show the students of the front.

    Args:
        run: The run.
        n_runs: Runs that share the page, >= 1.

    Returns:
        The panel; it says so where not all students are drawn.
    """
    n_drawn, n_front = len(chosen_trials(run, n_runs=n_runs)), len(run.front)
    some = f"{n_drawn} of {n_front} students, spread over the front"
    note = (
        f"{'All students' if n_drawn == n_front else some}, smallest first; the image enters left."
    )
    title = "The best student, drawn" if run.is_single else "Students on the front"
    if not n_drawn:
        return Panel(title, said(_no_front(run)))
    return Panel(title, gallery(run, n_runs=n_runs), note)


def rungs(run: Gathered) -> Panel:
    """Show how well the rungs ranked.

    Args:
        run: The run.

    Returns:
        The panel.
    """
    note = (
        "Did a rung order students by score as the top rung did? Kendall's tau: 1 is the same "
        "order, 0 is none; at 0.6, 80 of 100 pairs of students stand in the same order. Only "
        "trials that the race let finish enter: the weakest are missing, which lowers it. The "
        f"interval is told from {tables.INTERVAL_LEAST} trials on."
    )
    empty = "There is one rung only, or no trial has finished the top one."
    return Panel("Do early rungs rank well?", _scroll(tables.rung_table(run), empty), note, 5)


def conditions(run: Gathered) -> Panel:
    """Show under which conditions the numbers were found.

    Args:
        run: The run.

    Returns:
        The panel.
    """
    rows = [
        f"<dt>{escape(name)}</dt><dd>{escape(said)}</dd>" for name, said in story.conditions(run)
    ]
    return Panel("Conditions", f"<dl>{''.join(rows)}</dl>", "", 7)


def remarks(runs: Sequence[Gathered]) -> Panel:
    """Show what a reader must know before believing the numbers.

    Args:
        runs: The runs, at least one.

    Returns:
        The panel.
    """
    items = "".join(f"<li>{escape(note)}</li>" for note in story.notes(runs))
    return Panel("How to read these numbers", f"<ul>{items}</ul>")


def _scroll(table: tables.Table, otherwise: str) -> str:
    if not table.rows:
        return said(otherwise)
    return scrolled(table)


def _no_front(run: Gathered) -> str:
    why = why_no_front(run)
    return f"{why[0].upper()}{why[1:]}."


def _none_drawn(runs: Sequence[Gathered]) -> str:
    if all(run.front.empty and run.below.empty for run in runs):
        return _no_front(runs[0])
    return f"No trial that finished has the metrics of {runs[0].label}."


def _or(figure: go.Figure | None, otherwise: str) -> go.Figure | str:
    return said(otherwise) if figure is None else figure
