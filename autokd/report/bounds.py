"""The study's bounds: as lines in a figure of students, and in words.

A bound on what neither axis shows has no line; the page lists all bounds among the conditions.
"""

from collections.abc import Sequence
from math import log10
from typing import Any

import plotly.graph_objects as go

from autokd.constraints import plain
from autokd.pages.theme import BACKDROP, INK
from autokd.report.gathered import Gathered
from autokd.report.rounding import exact

__all__ = ["add_bounds", "n_below", "why_no_front"]

_LINE: dict[str, Any] = {
    "line": {"color": INK, "dash": "dot", "width": 1.4},
    "layer": "below",
}
_TEXT: dict[str, Any] = {
    "showarrow": False,
    "bgcolor": BACKDROP,
    "font": {"color": INK, "size": 12},
}


def add_bounds(figure: go.Figure, runs: Sequence[Gathered]) -> None:
    """Draw a dotted line for each different bound on size, and on top1 where it is the quality.

    Args:
        figure: The figure of quality over size; it is changed.
        runs: The runs; the axes are those of the first.
    """
    size, quality = runs[0].size, runs[0].quality
    limits = {run.spec.constraints.model_dump().get(f"max_{size}"): None for run in runs}
    for limit in limits:
        if limit is not None:
            _add_limit(figure, f"max_{size} {plain(limit)}", limit, is_log=runs[0].is_log(size))
    for least in {run.spec.constraints.min_top1: None for run in runs}:
        if least is not None and quality == "top1":
            _add_least(figure, f"min_top1 {plain(least)}", least)


def n_below(run: Gathered) -> str:
    """Say how many trials finished in vain.

    Args:
        run: The run.

    Returns:
        ``12 of 31 trials that finished are below min_top1 0.95``; empty where top1 is not bounded.
    """
    n_complete = int((run.trials["state"] == "complete").sum())
    return run.spec.constraints.tell_below(len(run.below), n_complete)


def why_no_front(run: Gathered) -> str:
    """Say why a front is empty.

    Args:
        run: A run with an empty front.

    Returns:
        The reason, without a full stop.
    """
    if run.below.empty:
        return "no feasible trial has finished the top rung"
    best = run.below.iloc[int(run.below["top1"].to_numpy(dtype=float).argmax())]
    top1 = exact("top1", float(best["top1"]))
    return f"{n_below(run)}; the best of them, trial {best['trial']}, has top1 {top1}"


def _add_limit(figure: go.Figure, text: str, limit: float, *, is_log: bool) -> None:
    figure.add_shape(type="line", x0=limit, x1=limit, yref="paper", y0=0, y1=1, **_LINE)
    # A line on a logarithmic axis takes the value, a text the exponent.
    place = log10(limit) if is_log else limit
    turned = {"textangle": -90, "xanchor": "right", "yref": "paper", "y": 0.5}
    figure.add_annotation(text=text, x=place, **turned, **_TEXT)


def _add_least(figure: go.Figure, text: str, least: float) -> None:
    figure.add_shape(type="line", xref="paper", x0=0, x1=1, y0=least, y1=least, **_LINE)
    placed = {"xref": "paper", "x": 0.995, "xanchor": "right", "yanchor": "bottom"}
    figure.add_annotation(text=text, y=least, **placed, **_TEXT)
