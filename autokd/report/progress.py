"""How a run got there: hypervolume, the best value with a single objective, learning curves."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from autokd.pages.theme import DIMMED, FAINT, FRONT, KNEE, clean, new_figure, run_style
from autokd.report.front import HEIGHT
from autokd.report.gathered import POINT_LIMIT, Gathered, thinned
from autokd.report.hover import hover
from autokd.report.rounding import metric_title
from autokd.report.teacher_line import add_teachers

__all__ = ["CURVE_LIMIT", "best_figure", "curves_figure", "hypervolume_figure"]

CURVE_LIMIT = 500
"""Trials behind the front that the learning curves show at most: more lines hide each other."""

_HEIGHT = 300


def hypervolume_figure(runs: Sequence[Gathered], *, over: str) -> go.Figure | None:
    """Draw the running hypervolume.

    Args:
        runs: The runs, at least one.
        over: ``trials`` for finished trials, ``seconds`` for seconds since the search began.

    Returns:
        The figure, or None if no trial has finished.
    """
    if all(run.hypervolume.empty for run in runs):
        return None
    title = "finished trials" if over == "trials" else "seconds since the search began"
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": title}, "rangemode": "tozero"},
        y={"title": {"text": "hypervolume"}, "rangemode": "nonnegative"},
    )
    for position, run in enumerate(runs):
        _add_hypervolume(figure, run, over, position=position, is_alone=len(runs) == 1)
    return figure


def best_figure(runs: Sequence[Gathered]) -> go.Figure | None:
    """Draw each complete trial's quality and the best so far: the front of a single objective.

    Args:
        runs: The runs, at least one; the metric is the first run's.

    Returns:
        The figure, or None if no trial is complete.
    """
    y = runs[0].quality
    figure = new_figure(
        height=HEIGHT,
        x={"title": {"text": "trial"}},
        y={"title": {"text": f"{metric_title(y)} (validation)"}},
    )
    for position, run in enumerate(runs):
        _add_best(figure, run, y, position=position, n_runs=len(runs))
    add_teachers(figure, runs, metric=y)
    return figure if figure.data else None


def curves_figure(run: Gathered) -> go.Figure | None:
    """Draw quality by rung for each trial; those on the front stand out.

    Args:
        run: The run.

    Returns:
        The figure, or None if no rung was reached.
    """
    curves = (
        run.curves[run.curves[run.quality].notna()]
        if run.quality in run.curves
        else run.curves.iloc[:0]
    )
    if curves.empty:
        return None
    rungs = list(run.spec.fidelity.ladder.rungs)
    axis = {"type": "log", "tickvals": rungs, "ticktext": [str(rung) for rung in rungs]}
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": "epochs (rungs of the ladder)"}, **axis},
        y={"title": {"text": f"{metric_title(run.quality)} (validation)"}},
    )
    front, behind = run.front["trial"], thinned(run.behind(), CURVE_LIMIT)
    groups = [
        ("stopped early", behind.loc[behind["state"] == "stopped", "trial"], FAINT, 1.0),
        ("dominated", behind.loc[behind["state"] == "complete", "trial"], DIMMED, 1.0),
        ("front", front[front != run.knee], FRONT, 1.6),
        ("knee", front[front == run.knee], KNEE, 2.6),
    ]
    for name, slots, colour, width in groups:
        _add_curves(
            figure,
            curves[curves["trial"].isin(slots)],
            run.quality,
            name=name,
            colour=colour,
            width=width,
        )
    return figure


def _add_hypervolume(
    figure: go.Figure, run: Gathered, over: str, *, position: int, is_alone: bool
) -> None:
    rows = run.hypervolume.assign(finished=np.arange(1, len(run.hypervolume) + 1))
    if rows.empty:
        return
    is_new = rows["hypervolume"].diff().ne(0)
    is_new.iloc[-1] = True  # the line goes on to the end
    rows = rows[is_new]
    colour, dash = run_style(position)
    figure.add_scatter(
        x=rows["finished" if over == "trials" else "elapsed_s"].to_numpy(),
        y=rows["hypervolume"].to_numpy(dtype=float),
        mode="lines" if len(rows) > 1 else "markers",  # a line of one point is invisible
        line={"shape": "hv", "width": 2, "color": colour, "dash": dash},
        name=clean(run.label),
        showlegend=not is_alone,
        customdata=rows[["trial", "finished", "elapsed_s"]].to_numpy(dtype=float),
        hovertemplate="%{fullData.name}<br>trial %{customdata[0]}, %{customdata[1]} finished, "
        "%{customdata[2]:.0f} s<br>hypervolume <b>%{y:.4g}</b><extra></extra>",
    )


def _add_best(figure: go.Figure, run: Gathered, y: str, *, position: int, n_runs: int) -> None:
    complete = run.trials[(run.trials["state"] == "complete") & run.trials[y].notna()].sort_values(
        "trial"
    )
    if complete.empty:
        return
    colour, dash = run_style(position)
    quality = complete[y].astype(float)
    best = quality.cummax() if run.is_higher_better else quality.cummin()
    suffix = "" if n_runs == 1 else f", {clean(run.label)}"
    points = thinned(complete, POINT_LIMIT // n_runs)
    figure.add_scatter(
        x=points["trial"].to_numpy(),
        y=points[y].to_numpy(dtype=float),
        mode="markers",
        marker={"size": 7, "color": colour},
        opacity=0.4,
        name="complete",
        showlegend=n_runs == 1,
        **hover(run, points),
    )
    figure.add_scatter(
        x=complete["trial"].to_numpy(),
        y=best.to_numpy(),
        mode="lines",
        line={"shape": "hv", "width": 2, "color": colour, "dash": dash},
        name=f"best so far{suffix}",
        hoverinfo="skip",
    )


def _add_curves(
    figure: go.Figure, curves: pd.DataFrame, metric: str, *, name: str, colour: str, width: float
) -> None:
    """Add many trials as one trace with gaps: a trace per trial would be slow to draw."""
    if curves.empty:
        return
    rows = curves.sort_values(["trial", "epochs"])
    ends = 1 + np.flatnonzero(np.diff(rows["trial"], append=-1))
    gap = np.array([None], dtype=object)
    x, y, slots = (
        np.insert(rows[column].to_numpy(dtype=object), ends, gap)
        for column in ("epochs", metric, "trial")
    )
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name=name,
        customdata=slots,
        hovertemplate="<b>trial %{customdata}</b><br>%{x} epochs: <b>%{y:.3f}</b><extra></extra>",
        line={"color": colour, "width": width},
        marker={"color": colour, "size": 3 + 1.5 * width},
    )
