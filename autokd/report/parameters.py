"""Which parameters mattered, and which values good trials have: bars and parallel coordinates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from autokd.pages.theme import FRONT, INK, SCALE, clean, new_figure
from autokd.report.gathered import Gathered, thinned
from autokd.report.rounding import parameter_title, short, value
from autokd.space import FloatDomain, IntDomain

__all__ = ["AXIS_LIMIT", "LINE_LIMIT", "importance_figure", "parallel_figure"]

AXIS_LIMIT = 10
"""Parameters that the parallel coordinates show at most, the most important first."""

LINE_LIMIT = 500
"""Trials that the parallel coordinates show at most, spread evenly: more lines hide each other."""

_TICK_LIMIT = 8


def importance_figure(run: Gathered) -> go.Figure | None:
    """Draw the share of each parameter as a bar, the largest on top.

    Args:
        run: The run.

    Returns:
        The figure, or None if importance is unknown, which is so where the complete trials, or
        those of them that are better than the rest, are too few.
    """
    if not run.importance:
        return None
    names = [clean(parameter_title(name)) for name in run.importance][::-1]
    shares = list(run.importance.values())[::-1]
    figure = new_figure(
        height=max(300, 90 + 22 * len(names)),
        x={"tickformat": ".0%", "title": {"text": "share of importance"}, "rangemode": "tozero"},
        y={"type": "category", "ticks": "", "showgrid": False},
    )
    figure.add_bar(
        x=shares,
        y=names,
        orientation="h",
        marker={"color": FRONT},
        hoverinfo="text",
        hovertext=[f"{name}: {share:.1%}" for name, share in zip(names, shares, strict=True)],
    )
    return figure


def parallel_figure(run: Gathered) -> go.Figure | None:
    """Draw each complete trial as a line through its parameters, coloured by quality.

    Args:
        run: The run.

    Returns:
        The figure, or None if fewer than two trials are complete. A parameter that is not active
        in a trial sits on a level of its own below the others, marked with a dash.
    """
    is_complete = (run.trials["state"] == "complete") & run.trials[run.quality].notna()
    rows = thinned(run.trials[is_complete], LINE_LIMIT)
    if len(rows) < 2:
        return None
    chosen = _chosen(run, rows)
    dimensions = [_dimension(run, rows, name) for name in chosen] + [
        _metric_dimension(run, rows, name) for name in (run.size, run.quality)
    ]
    figure = new_figure(height=420, x={}, y={}, margin={"l": 84, "r": 56, "t": 84, "b": 28})
    figure.add_parcoords(
        dimensions=dimensions,
        line={
            "color": rows[run.quality].to_numpy(dtype=float),
            "colorscale": list(SCALE),
            "reversescale": not run.is_higher_better,
            "showscale": True,
            "colorbar": {"title": {"text": clean(run.quality)}, "thickness": 12, "len": 1.0},
        },
        labelangle=-14,
        labelside="top",
        labelfont={"size": 12, "color": INK},
        tickfont={"size": 11, "color": INK},
        rangefont={
            "size": 1,
            "color": "rgba(0,0,0,0)",
        },  # the ticks already say where an axis ends
    )
    return figure


def _chosen(run: Gathered, rows: pd.DataFrame) -> list[str]:
    """Take the most important parameters that any trial shown has, in the search space's order."""
    known = [name for name in run.parameters if rows[name].notna().any()]
    by_share = sorted(known, key=lambda name: -run.importance.get(name, 0.0))
    return [name for name in known if name in by_share[:AXIS_LIMIT]]


def _dimension(run: Gathered, rows: pd.DataFrame, name: str) -> dict[str, Any]:
    domain = next(d.domain for d in run.spec.search_space.dimensions() if d.name == name)
    label = clean(parameter_title(name))
    if domain.type == "categorical":
        return _levels(
            label,
            rows[name],
            [choice for choice in domain.choices if (rows[name] == choice).any()],
        )
    is_log = isinstance(domain, FloatDomain | IntDomain) and domain.log
    return _numbers(label, rows[name].astype(float), is_log=is_log, is_whole=domain.type == "int")


def _metric_dimension(run: Gathered, rows: pd.DataFrame, metric: str) -> dict[str, Any]:
    return _numbers(clean(metric), rows[metric].astype(float), is_log=run.is_log(metric))


def _levels(label: str, column: pd.Series, choices: Sequence[Any]) -> dict[str, Any]:
    """Give each choice a whole number, and a point without the parameter the level below them."""
    values = [choices.index(item) if item in choices else -1 for item in column]
    ticks = {float(level): clean(value(choice)) for level, choice in enumerate(choices)}
    return _axis(label, np.asarray(values, dtype=float), ticks)


def _numbers(
    label: str, column: pd.Series, *, is_log: bool, is_whole: bool = False
) -> dict[str, Any]:
    shown = np.log10(column.to_numpy()) if is_log else column.to_numpy()
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    ticks = (
        _log_ticks(low, high)
        if is_log
        else _linear_ticks(low, high, least=1.0 if is_whole else 0.0)
    )
    inactive = low - 0.15 * ((high - low) or 1.0)
    return _axis(label, np.where(np.isnan(shown), inactive, shown), ticks, inactive=inactive)


def _axis(
    label: str, values: Any, ticks: Mapping[float, str], *, inactive: float = -1.0
) -> dict[str, Any]:
    if (values == inactive).any():
        ticks = {inactive: "–", **ticks}  # noqa: RUF001
    low, high = min([*ticks, float(values.min())]), max([*ticks, float(values.max())])
    if low == high:
        low, high = low - 0.5, high + 0.5
    return {
        "label": label,
        "values": values,
        "range": [low, high],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


def _log_ticks(low: float, high: float) -> dict[float, str]:
    """Place ticks at 1, 2 and 5 times powers of ten, fewer where they would crowd."""
    for steps in ((1, 2, 5), (1, 3), (1,)):
        numbers = [
            step * 10.0**power
            for power in range(int(np.floor(low)), int(np.ceil(high)) + 1)
            for step in steps
        ]
        inside = [number for number in numbers if low <= np.log10(number) <= high]
        if len(inside) <= _TICK_LIMIT:
            break
    return {float(np.log10(number)): _number(number) for number in inside or [10**low, 10**high]}


def _linear_ticks(low: float, high: float, *, least: float) -> dict[float, str]:
    """Place ticks at round numbers between two ends."""
    if low == high:
        return {low: _number(low)}
    rough = (high - low) / (_TICK_LIMIT - 2)
    power = 10.0 ** np.floor(np.log10(rough))
    step = max(
        float(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)), least
    )
    numbers = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return {float(number): _number(float(number)) for number in numbers}


def _number(number: float) -> str:
    return short(number) if number >= 1000 else f"{number:.3g}"
