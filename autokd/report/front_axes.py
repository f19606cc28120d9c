"""Which part of the plane the figure of the front shows."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from autokd.pages.theme import FAINT, INK, log_axis
from autokd.report.gathered import Gathered

__all__ = ["add_zoom", "quality_range", "size_scale"]

_WIDE = 0.2
"""Span of quality from which a closer look at its upper end is offered."""


def quality_range(runs: Sequence[Gathered], metric: str) -> list[float]:
    """Span the fronts, on validation and test, the teachers and the bounds on top1.

    Args:
        runs: The runs, each with a trial that finished.
        metric: The metric on the axis.

    Returns:
        Both ends, a little beyond. Trials far below the fronts are outside: a double click on the
        figure shows them. A front of one objective or without members says little, so all trials
        of such a run that finished are inside. From 0 to 1 if no run has the metric.
    """
    return _padded(*_span(runs, metric))


def size_scale(runs: Sequence[Gathered], metric: str) -> dict[str, Any]:
    """Describe the axis of the size metric.

    Args:
        runs: The runs, at least one; the first decides on the scale.
        metric: The metric on the axis.

    Returns:
        Settings of the axis, logarithmic where the objective is. Trials without the metric say
        nothing.
    """
    if not runs[0].is_log(metric):
        return {}
    shown = pd.concat([run.trials[metric] for run in runs]).astype(float)
    return log_axis(float(shown.min()), float(shown.max()))


def add_zoom(figure: go.Figure, runs: Sequence[Gathered], metric: str) -> None:
    """Offer the last ten points of a quality that spans many more: decisions are made there.

    Args:
        figure: The figure; it is changed where the fronts span more than twenty points.
        runs: The runs, each with a trial that finished.
        metric: The quality on the y axis; higher is better.
    """
    low, high = _span(runs, metric)
    best = float(_known([_finished(run)[metric] for run in runs]).max())
    if not best - low > _WIDE:  # so of NaN too
        return
    whole = "all students" if runs[0].is_single else "whole front"
    choices = ((whole, _padded(low, high)), ("last 10 points", _padded(best - 0.1, high)))
    menu = {
        "type": "buttons",
        "direction": "right",
        "x": 1,
        "xanchor": "right",
        "y": 0.02,
        "yanchor": "bottom",
        "bgcolor": "#ffffff",
        "bordercolor": FAINT,
        "font": {"size": 11, "color": INK},
        "pad": {"r": 4, "t": 0},
        "buttons": [
            {"label": label, "method": "relayout", "args": [{"yaxis.range": shown}]}
            for label, shown in choices
        ],
    }
    figure.update_layout(updatemenus=[menu])


def _span(runs: Sequence[Gathered], metric: str) -> tuple[float, float]:
    shown = [_finished(run)[metric] for run in runs]
    if metric == "top1":
        shown += [run.front["test_top1"] for run in runs]
        shown += [pd.Series([run.teacher["top1"]]) for run in runs]
        shown += [pd.Series([run.spec.constraints.min_top1]) for run in runs]
    every = _known(shown)
    return (0.0, 1.0) if every.empty else (float(every.min()), float(every.max()))


def _known(columns: Sequence["pd.Series[Any]"]) -> "pd.Series[float]":
    return pd.concat([column.astype(float) for column in columns]).dropna()


def _finished(run: Gathered) -> pd.DataFrame:
    is_told_by_its_front = not (run.is_single or run.front.empty)
    return run.front if is_told_by_its_front else run.trials[run.trials["state"] == "complete"]


def _padded(low: float, high: float) -> list[float]:
    pad = max(high - low, 0.01) * 0.08
    return [low - pad, high + pad]
