"""How a run got there: hypervolume, or the best value of a single objective; learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from autokd.pages.theme import (
    DIMMED,
    FAINT,
    FRONT,
    KNEE,
    clean,
    log_axis,
    new_figure,
    run_style,
)
from autokd.pareto import Axis
from autokd.report.gathered import POINT_LIMIT, Gathered, thinned
from autokd.report.hover import hover
from autokd.report.rounding import metric_title
from autokd.report.teacher_line import add_teachers

__all__ = ["CURVE_LIMIT", "UNFINISHED", "best_figure", "curves_figure", "hypervolume_figure"]

CURVE_LIMIT = 500
"""Trials behind the front that the learning curves show at most: more lines hide each other.

As many at most of those that run or have failed.
"""

UNFINISHED = "running or failed"
"""What the learning curves call trials that run or have failed."""

_HEIGHT = 300
_X_TITLES = {"trials": "finished trials", "seconds": "seconds since the search began"}
_LINES: tuple[dict[str, Any], ...] = (
    {"color": DIMMED, "width": 1.0, "dash": "dot"},
    {"color": FAINT, "width": 1.0},
    {"color": FAINT, "width": 1.6},
    {"color": DIMMED, "width": 1.0},
    {"color": FRONT, "width": 1.6},
    {"color": KNEE, "width": 2.6},
)


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
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": _X_TITLES[over]}, "rangemode": "tozero"},
        y={"title": {"text": "hypervolume"}, "rangemode": "nonnegative"},
    )
    for position, run in enumerate(runs):
        _add_hypervolume(figure, run, over, position=position, is_alone=len(runs) == 1)
    return figure


def best_figure(runs: Sequence[Gathered], *, over: str) -> go.Figure | None:
    """Draw the only objective of each trial that finished, and the best so far.

    Args:
        runs: The runs, at least one; the objective is the first run's.
        over: ``trials`` for finished trials, ``seconds`` for seconds since the search began.

    Returns:
        The figure, or None if no trial has finished. A run without such a trial is left out, and
        there is no best among trials that are all below ``min_top1``.
    """
    axis = runs[0].axes[0]
    finished = [_finished(run, axis) for run in runs]
    values = pd.concat([rows[axis.metric].astype(float) for rows in finished])
    if values.empty:
        return None
    is_log = axis.scale == "log10"
    title = metric_title(axis.metric) + ("" if is_log else " (validation)")
    scale = log_axis(float(values.min()), float(values.max())) if is_log else {}
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": _X_TITLES[over]}, "rangemode": "tozero"},
        y={"title": {"text": title}, **scale},
    )
    x = "finished" if over == "trials" else "elapsed_s"
    for position, (run, rows) in enumerate(zip(runs, finished, strict=True)):
        _add_best(figure, run, rows, axis, x=x, position=position, n_runs=len(runs))
    add_teachers(figure, runs, metric=axis.metric)
    return figure


def curves_figure(run: Gathered) -> go.Figure | None:
    """Draw quality by rung for each trial; those on the front stand out.

    Args:
        run: The run.

    Returns:
        The figure, or None if no rung was reached. Of trials that run or have failed it has the
        rungs that they reached.
    """
    groups = _groups(run)
    shown = {slot for slots, _ in groups.values() for slot in slots}
    curves = run.curves[run.curves["trial"].isin(shown)]
    curves = curves[curves[run.quality].notna()] if run.quality in curves else curves.iloc[:0]
    if curves.empty:
        return None
    rungs = list(run.spec.fidelity.ladder.rungs)
    axis = {"type": "log", "tickvals": rungs, "ticktext": [str(rung) for rung in rungs]}
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": "epochs (rungs of the ladder)"}, **axis},
        y={"title": {"text": f"{metric_title(run.quality)} (validation)"}},
    )
    for name, (slots, line) in groups.items():
        rows = curves[curves["trial"].isin(slots)]
        _add_curves(figure, rows, run.quality, name=name, line=line)
    return figure


def _groups(run: Gathered) -> dict[str, tuple["pd.Series[int]", dict[str, Any]]]:
    """Name trials and say how their lines look, in the order in which they are drawn."""
    reached, front = run.trials[run.trials["epochs"] > 0], run.front["trial"]
    unfinished = reached[reached["state"].isin(["running", "failed"])]
    behind = {
        UNFINISHED: thinned(unfinished, CURVE_LIMIT),
        **run.groups(thinned(run.behind(), CURVE_LIMIT)),
    }
    slots = {
        **{name: rows["trial"] for name, rows in behind.items()},
        "as good" if run.is_single else "front": front[front != run.knee],
        run.choice: front[front == run.knee],
    }
    return {name: (each, line) for (name, each), line in zip(slots.items(), _LINES, strict=True)}


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


def _finished(run: Gathered, axis: Axis) -> pd.DataFrame:
    """Number the trials that finished in the order of their ends."""
    rows = run.trials[run.trials["state"] == "complete"].sort_values(["elapsed_s", "trial"])
    rows = rows.assign(finished=np.arange(1, len(rows) + 1))
    return rows[rows[axis.metric].notna()]


def _add_best(
    figure: go.Figure,
    run: Gathered,
    rows: pd.DataFrame,
    axis: Axis,
    *,
    x: str,
    position: int,
    n_runs: int,
) -> None:
    colour, dash = run_style(position)
    is_below = rows["trial"].isin(run.below["trial"])
    members = rows[~is_below]
    looks = (
        ("complete", members, {"size": 7, "color": colour, "opacity": 0.4}),
        ("below min_top1", rows[is_below], {"size": 6, "color": DIMMED, "symbol": "circle-open"}),
    )
    for name, group, marker in looks:
        points = thinned(group, POINT_LIMIT // n_runs)
        if len(points):
            figure.add_scatter(
                x=points[x].to_numpy(),
                y=points[axis.metric].to_numpy(dtype=float),
                mode="markers",
                marker=marker,
                name=name,
                showlegend=n_runs == 1,
                **hover(run, points),
            )
    if members.empty:
        return
    values = members[axis.metric].astype(float)
    best = values.cummin() if axis.direction == "minimize" else values.cummax()
    figure.add_scatter(
        x=members[x].to_numpy(),
        y=best.to_numpy(),
        mode="lines",
        line={"shape": "hv", "width": 2, "color": colour, "dash": dash},
        name="best so far" + ("" if n_runs == 1 else f", {clean(run.label)}"),
        hoverinfo="skip",
    )


def _add_curves(
    figure: go.Figure, curves: pd.DataFrame, metric: str, *, name: str, line: Mapping[str, Any]
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
        line=line,
        marker={"color": line["color"], "size": 3 + 1.5 * line["width"]},
    )
