"""The part of the report that answers: what did distillation do?

By method, where a study searches among several: accuracy, gain over ``none``, calibration, and
likeness to the teacher. For every study: which classes lost most against the teacher.
"""

from collections import ChainMap
from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from autokd.pages.html import Panel, Width, said, scrolled
from autokd.pages.theme import FRONT, INK, TEST, clean, new_figure
from autokd.report.gains import BASELINE, LEAST, Gain, comparable, gains
from autokd.report.gathered import Gathered
from autokd.report.method_tables import (
    CLASS_LIMIT,
    at_first_rung,
    finished,
    harm_table,
    method_table,
    student_table,
)
from autokd.report.origins import baselines, searched

__all__ = ["TITLE", "distilled", "gain_figure"]

TITLE = "What did distillation do?"
"""Heading of the part."""

_LEGEND = (
    "Medians on validation. ece: calibration error, 15 bins of equal width. nll: nats. Against "
    "the teacher: agreement, kl (teacher to student, nats), and how unevenly classes changed, cev "
    "and sde."
)
_WITHOUT = " Hand-made baselines are left out."
_OFFSET = 0.16
"""Distance of a gain from its method's line where two rungs are shown."""


def distilled(run: Gathered) -> tuple[Panel, ...]:
    """Show what distillation did.

    Args:
        run: The run.

    Returns:
        One panel that says so if no trial has finished; a table and the harmed classes for a study
        with a single method; the gains too where several were searched.
    """
    if finished(run).empty:
        empty = said("No feasible trial has finished the top rung.")
        return (Panel("What distillation did", empty),)
    if "kd.method" not in run.parameters:
        table = scrolled(student_table(run))
        return Panel("What distillation did", table, _LEGEND, 7), _harmed(run, width=5)
    if searched(run, finished(run)).empty:
        return (
            Panel("What distillation did", said("Only baselines have finished the top rung.")),
        )
    students = _students(run)
    found = {rung: each for rung, rows in students.items() if (each := gains(rows))}
    by_method = scrolled(method_table(run, found))
    gain = " gain at so many epochs: of top1, ± the 95 % interval." if found else ""
    without = "" if baselines(run, run.trials).empty else _WITHOUT
    return (
        Panel("What distillation did, by method", by_method, f"{_LEGEND}{gain}{without}"),
        _gained(students, found, without=without),
        _harmed(run, width=6),
    )


def gain_figure(found: Mapping[int, Mapping[str, Gain]]) -> go.Figure:
    """Draw each method's gain with its interval, the largest on top.

    Args:
        found: Gain by method at each of one or two rungs, by epochs, the top rung first.

    Returns:
        The figure.
    """
    known = ChainMap(*(dict(told) for told in found.values()))
    methods = sorted(set(known) - {BASELINE}, key=lambda method: (known[method].value, method))
    figure = new_figure(
        height=120 + 36 * len(methods),
        x={"title": {"text": "gain in top1 over none"}, "tickformat": "+.3~f"},
        y={
            "tickvals": list(range(len(methods))),
            "ticktext": [clean(method) for method in methods],
            "range": [-0.6, len(methods) - 0.4],
            "ticks": "",
            "showgrid": False,
        },
    )
    figure.add_vline(x=0, line={"color": INK, "width": 1, "dash": "dash"})
    looks = ((FRONT, "circle"), (TEST, "diamond-open"))
    for (rung, told), (colour, symbol), side in zip(found.items(), looks, (1, -1), strict=False):
        offset = side * _OFFSET if len(found) > 1 else 0.0
        places = {method: at + offset for at, method in enumerate(methods) if method in told}
        _add_gains(figure, rung, told, places, colour=colour, symbol=symbol)
    return figure


def _add_gains(
    figure: go.Figure,
    rung: int,
    told: Mapping[str, Gain],
    places: Mapping[str, float],
    *,
    colour: str,
    symbol: str,
) -> None:
    shown = {method: told[method] for method in places}
    margins = [gain.margin for gain in shown.values()]
    figure.add_scatter(
        x=[gain.value for gain in shown.values()],
        y=list(places.values()),
        error_x={"array": margins, "color": colour, "thickness": 1.6, "width": 4},
        mode="markers",
        marker={"size": 8, "color": colour, "symbol": symbol},
        name=f"at {rung} epochs",
        showlegend=True,
        hoverinfo="text",
        hovertext=[
            f"{clean(method)} at {rung} epochs: {gain.value:+.4f} ± {gain.margin:.4f}, "
            f"n = {gain.n}"
            for method, gain in shown.items()
        ],
    )


def _students(run: Gathered) -> dict[int, pd.DataFrame]:
    """Select whom to compare: at the top rung and, below it, at the first; no baselines."""
    rungs = run.spec.fidelity.ladder.rungs
    lower = {rungs[0]: at_first_rung(run)} if len(rungs) > 1 else {}
    every = {rungs[-1]: finished(run), **lower}
    return {rung: searched(run, rows) for rung, rows in every.items()}


def _gained(
    students: Mapping[int, pd.DataFrame],
    found: Mapping[int, Mapping[str, Gain]],
    *,
    without: str,
) -> Panel:
    title = "Gain over none at equal params"
    missing = [
        f"At {rung} epochs {_why_not(rows)}."
        for rung, rows in students.items()
        if rung not in found
    ]
    if not found:
        return Panel(title, said(" ".join(missing)), "", 6)
    counts = ", ".join(f"{told[BASELINE].n} at {rung} epochs" for rung, told in found.items())
    note = (
        "Height above one curve of top1 over log10 params, with a constant for each method, among "
        f"students within the sizes of none (n of none: {counts}); 95 % intervals. The search "
        "chose the trials, and the race who trains on: a hint, not a controlled "
        f"comparison.{without}"
    )
    return Panel(title, gain_figure(found), " ".join([note, *missing]), 6)


def _why_not(students: pd.DataFrame) -> str:
    n_baseline = int((students["kd.method"] == BASELINE).sum())
    if not n_baseline:
        return "there are no trials of none to compare with"
    if n_baseline < LEAST:
        return f"only {n_baseline} of the trials are of none, and {LEAST} are needed"
    if set(comparable(students)["kd.method"]) == {BASELINE}:
        return f"no other method has {LEAST} students within the sizes of those of none"
    return "the students have too few different sizes to tell"


def _harmed(run: Gathered, *, width: Width) -> Panel:
    table = harm_table(run)
    title = "Classes harmed most"
    if not table.rows:
        return Panel(title, said("Changes of recall were not recorded."), "", width)
    n_classes = run.recall_changes.shape[1]
    some = f" The worst {CLASS_LIMIT} of {n_classes} classes." if n_classes > CLASS_LIMIT else ""
    note = (
        "Recall of the students less the teacher's, percentage points, means on validation; the "
        f"front's largest loss first.{some}{_grain(run, n_classes)}"
    )
    return Panel(title, scrolled(table), note, width)


def _grain(run: Gathered, n_classes: int) -> str:
    """Say how coarse the recall of a single student is."""
    n_images = run.info.get("data", {}).get("n_validation", 0) // n_classes
    if not n_images:
        return ""
    return f" In a class of {n_images:,} images, one is {100 / n_images:.2g} points of a student."
