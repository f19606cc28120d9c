"""The Pareto front as a figure, for one run or for several laid over each other.

Quality stands over size. The front is a staircase: at each size, the best quality that the search
found for no more. Where quality and size are not the study's two objectives the front is a set of
points: with three objectives and more, and with one, whose best student stands among all others.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from autokd.pages.theme import (
    BACKDROP,
    DIMMED,
    FAINT,
    FRONT,
    INK,
    KNEE,
    TEST,
    clean,
    new_figure,
    run_style,
)
from autokd.report.bounds import add_bounds
from autokd.report.front_axes import add_zoom, quality_range, size_scale
from autokd.report.gathered import POINT_LIMIT, Gathered, measured, thinned
from autokd.report.hover import hover
from autokd.report.origins import baselines
from autokd.report.rounding import exact, metric_title
from autokd.report.teacher_line import add_teachers

__all__ = ["HEIGHT", "front_figure"]

HEIGHT = 480
"""Height of the figure that tells the story, pixels."""


def front_figure(runs: Sequence[Gathered]) -> go.Figure | None:
    """Draw the front of each run over its other trials.

    Args:
        runs: The runs, at least one; the axes are those of the first. The trials that the race
            stopped and the test results are shown for a single run only.

    Returns:
        The figure, or None if no trial that finished has both metrics. A run without such a trial
        is left out.
    """
    x, y = runs[0].size, runs[0].quality
    drawn = [run for run in runs if run.has_finished_with(x, y)]
    if not drawn:
        return None
    figure = new_figure(
        height=HEIGHT,
        x={"title": {"text": metric_title(x)}, **size_scale(runs, x)},
        y={"title": {"text": f"{metric_title(y)} (validation)"}, "range": quality_range(drawn, y)},
    )
    if len(runs) == 1:
        _add_single(figure, runs[0], x, y)
    else:
        _add_several(figure, runs, x, y)
    add_teachers(figure, drawn, metric=y)
    add_bounds(figure, runs)
    if runs[0].is_higher_better:
        add_zoom(figure, drawn, y)
    return figure


def _add_single(figure: go.Figure, run: Gathered, x: str, y: str) -> None:
    groups = run.groups(thinned(measured(run.behind(), x, y), POINT_LIMIT))
    looks = (
        {"size": 6, "symbol": "x-thin", "line": {"width": 1.2, "color": FAINT}},
        {"size": 6, "symbol": "circle-open", "color": DIMMED, "line": {"width": 1.2}},
        {"size": 7, "color": DIMMED, "opacity": 0.55},
    )
    for (name, rows), marker in zip(groups.items(), looks, strict=True):
        _add_points(figure, run, rows, x, y, name=name, marker=marker)
    front, word = run.front.sort_values(x), "best" if run.is_single else "front"
    _add_front(figure, run, front, x, y, name=f"{word} (validation)", colour=FRONT, dash="solid")
    _add_test(figure, front, x, y, name=f"{word} (test)")
    _add_baselines(figure, run, x, y)
    if run.knee is not None:
        _add_knee(figure, run, x, y)


def _add_several(figure: go.Figure, runs: Sequence[Gathered], x: str, y: str) -> None:
    for position, run in enumerate(runs):
        colour, dash = run_style(position)
        behind = measured(run.behind(), x, y)
        complete = behind[behind["state"] == "complete"]
        _add_points(
            figure,
            run,
            thinned(complete, POINT_LIMIT // len(runs)),  # of these, since no others are drawn
            x,
            y,
            marker={"size": 6, "color": colour},
            opacity=0.25,
            showlegend=False,
        )
        front = run.front.sort_values(x)
        _add_front(figure, run, front, x, y, name=clean(run.label), colour=colour, dash=dash)


def _add_points(
    figure: go.Figure, run: Gathered, rows: pd.DataFrame, x: str, y: str, **style: Any
) -> None:
    rows = measured(rows, x, y)
    if not rows.empty:
        places = {"x": rows[x].to_numpy(dtype=float), "y": rows[y].to_numpy(dtype=float)}
        figure.add_scatter(**places, mode="markers", **hover(run, rows), **style)


def _add_front(
    figure: go.Figure,
    run: Gathered,
    rows: pd.DataFrame,
    x: str,
    y: str,
    *,
    name: str,
    colour: str,
    dash: str,
) -> None:
    rows = measured(rows, x, y)
    if rows.empty:
        return
    shape = "hv" if run.direction(x) == "minimize" else "vh"
    figure.add_scatter(
        x=rows[x].to_numpy(dtype=float),
        y=rows[y].to_numpy(dtype=float),
        mode="lines+markers" if {axis.metric for axis in run.axes} == {x, y} else "markers",
        line={"color": colour, "width": 2, "dash": dash, "shape": shape},
        marker={"size": 9, "color": colour, "line": {"color": "#ffffff", "width": 1}},
        name=name,
        **hover(run, rows),
    )


def _add_test(figure: go.Figure, front: pd.DataFrame, x: str, y: str, *, name: str) -> None:
    measured = front[front["test_top1"].notna()]
    if y != "top1" or measured.empty:
        return
    figure.add_scatter(
        x=measured[x].to_numpy(dtype=float),
        y=measured["test_top1"].to_numpy(dtype=float),
        mode="markers",
        marker={"size": 10, "symbol": "diamond-open", "color": TEST, "line": {"width": 1.6}},
        name=name,
        hoverinfo="text",
        hovertext=[
            f"<b>trial {slot}</b>  test top1  <b>{exact('top1', top1)}</b>"
            for slot, top1 in zip(measured["trial"], measured["test_top1"], strict=True)
        ],
    )


def _add_baselines(figure: go.Figure, run: Gathered, x: str, y: str) -> None:
    """Frame the hand-made students, on the front or behind it."""
    rows = measured(baselines(run, run.trials), x, y)
    rows = rows[rows["state"].isin(["complete", "stopped"])]
    if not rows.empty:
        figure.add_scatter(
            x=rows[x].to_numpy(dtype=float),
            y=rows[y].to_numpy(dtype=float),
            mode="markers",
            marker={"size": 12, "symbol": "square-open", "color": INK, "line": {"width": 1.4}},
            name="baseline",
            hoverinfo="skip",  # the point inside says it
        )


def _add_knee(figure: go.Figure, run: Gathered, x: str, y: str) -> None:
    row = run.front[run.front["trial"] == run.knee].iloc[0]
    place_x, place_y = float(row[x]), float(row[y])
    ring = {"size": 19, "symbol": "circle-open", "color": KNEE, "line": {"width": 2.5}}
    figure.add_scatter(
        x=[place_x],
        y=[place_y],
        mode="markers",
        marker=ring,
        name=run.choice,
        showlegend=not run.is_single,  # the point inside says the same
        hoverinfo="skip",
    )
    figure.add_annotation(
        x=float(np.log10(place_x)) if run.is_log(x) else place_x,  # plotly wants the exponent here
        y=place_y,
        text=f"{run.choice}: trial {run.knee}",
        ax=46,
        ay=44,
        arrowcolor=KNEE,
        arrowwidth=1.2,
        standoff=10,
        font={"color": KNEE, "size": 12},
        bgcolor=BACKDROP,
    )
