"""Tables of the report: the front, several runs compared, how well the rungs ranked."""

from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10
from typing import Any

import pandas as pd

from autokd.pages.table import Table
from autokd.pareto import Axis
from autokd.report.bounds import why_no_front
from autokd.report.gathered import Gathered, gather
from autokd.report.readable import ReadableRun
from autokd.report.rounding import MISSING, exact, short, times, value

__all__ = [
    "INTERVAL_LEAST",
    "Table",
    "comparison_table",
    "front_table",
    "front_text",
    "rung_table",
    "size_limits",
]

INTERVAL_LEAST = 10
"""Trials below which tau has no interval, as `autokd.runs.ranking` says."""

_SHOWN_LIMITS = 4


def front_text(run: ReadableRun) -> str:
    """Write the front of a run for a terminal.

    Args:
        run: The run.

    Returns:
        The table, the knee or one of several best marked by a star; one line that says so for an
        empty front.

    Raises:
        RunError: If the run cannot be read.
    """
    (gathered,) = gather([run], with_graphs=False)
    if gathered.front.empty:
        return f"the front is empty: {why_no_front(gathered)}"
    return front_table(gathered).to_text()


def front_table(run: Gathered, *, links: Mapping[int, str] | None = None) -> Table:
    """Tabulate the front, smallest student first, the knee or one of several best marked.

    Args:
        run: The run.
        links: Anchor on the page by trial; None for none.

    Returns:
        The table. Columns in which no student has a value are left out.
    """
    slots = [int(slot) for slot in run.front["trial"]]
    columns = {
        "trial": [str(slot) for slot in slots],
        **_size_columns(run),
        **_quality_columns(run),
        **_method_column(run),
        **_origin_column(run),
    }
    known, is_alone = links or {}, run.is_single and len(slots) == 1
    return Table(
        tuple(columns),
        tuple(zip(*columns.values(), strict=True)),
        marked=frozenset(at for at, slot in enumerate(slots) if slot == run.knee and not is_alone),
        links={at: known[slot] for at, slot in enumerate(slots) if slot in known},
    )


def comparison_table(runs: Sequence[Gathered]) -> Table:
    """Set several runs beside each other.

    Args:
        runs: The runs, at least one.

    Returns:
        A row a run: trials, front size, hypervolume (or, where the first run has one objective,
        the best value of it on the front), and the best validation top1 among the front's students
        up to each of `size_limits`.
    """
    limits = size_limits([run.front for run in runs])
    objective = runs[0].axes[0] if runs[0].is_single else None
    reached = f"best {objective.metric}" if objective else "hypervolume"
    fixed = ("run", "trials", "front", reached)
    headings = (*fixed, *(f"≤ {short(limit)}" for limit in limits))
    return Table(headings, tuple(_comparison_row(run, limits, objective) for run in runs))


def rung_table(run: Gathered) -> Table:
    """Tabulate how well each rung's order agrees with the top rung's.

    Args:
        run: The run.

    Returns:
        The table; without rows if no trial finished the top rung or there is no other.
    """
    rows = [
        (value(row["epochs"]), value(row["n"]), _tau(row["tau"]), _tau_interval(row))
        for row in run.rung_correlation.to_dict("records")
    ]
    return Table(("epochs", "trials", "Kendall's tau", "95 % interval"), tuple(rows))


def size_limits(fronts: Sequence[pd.DataFrame]) -> list[float]:
    """Choose round sizes at which fronts can be compared.

    Args:
        fronts: Fronts with a column ``params``.

    Returns:
        Up to four counts of the form 1, 2 or 5 times a power of ten, spread evenly between the
        smallest and the largest student; none if no such count lies between them.
    """
    sizes = pd.concat([front["params"] for front in fronts]).astype(float)
    if sizes.empty:
        return []
    low, high = float(sizes.min()), float(sizes.max())
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    counts = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    inside = [count for count in counts if low <= count <= high]
    if len(inside) <= _SHOWN_LIMITS:
        return inside
    step = (len(inside) - 1) / (_SHOWN_LIMITS - 1)
    return [inside[round(position * step)] for position in range(_SHOWN_LIMITS)]


def _size_columns(run: Gathered) -> dict[str, list[str]]:
    params = run.front["params"].astype(float)
    teacher = float(run.teacher["params"])
    return {
        "params": [exact("params", count) for count in params],
        "smaller": [times(teacher / count) for count in params],
    }


def _quality_columns(run: Gathered) -> dict[str, list[str]]:
    objectives = [axis.metric for axis in run.axes if axis.metric not in ("top1", "params")]
    columns = {"top1": [_top1(row) for row in run.front.to_dict("records")]}
    for metric in dict.fromkeys(["test_top1", *objectives, "agreement"]):
        if metric in run.front and run.front[metric].notna().any():
            cells = [exact(metric, number) for number in run.front[metric].astype(float)]
            columns[metric.replace("_top1", " top1")] = cells
    return columns


def _method_column(run: Gathered) -> dict[str, list[str]]:
    """Name the distillation method where students differ in it."""
    if "kd.method" not in run.parameters:
        return {}
    return {"method": [value(method) for method in run.front["kd.method"]]}


def _origin_column(run: Gathered) -> dict[str, list[str]]:
    """Name what no sampler proposed."""
    if "origin" not in run.front or not any(run.front["origin"]):
        return {}
    return {"tried first as": list(run.front["origin"])}


def _top1(row: Mapping[Any, Any]) -> str:
    text = exact("top1", row["top1"])
    return f"{text} ± {exact('top1', row['top1_std'])}" if "top1_std" in row else text


def _tau(tau: float) -> str:
    return f"{tau:.2f}" if isfinite(tau) else MISSING


def _tau_interval(row: Mapping[Any, Any]) -> str:
    if row["n"] < INTERVAL_LEAST:
        return "too few"
    low, high = row["tau_low"], row["tau_high"]
    return f"{low:.2f} to {high:.2f}" if isfinite(low) else MISSING


def _comparison_row(
    run: Gathered, limits: Sequence[float], objective: Axis | None
) -> tuple[str, ...]:
    best = [run.front.loc[run.front["params"] <= limit, "top1"].max() for limit in limits]
    counts = (str(len(run.trials)), str(len(run.front)), _reached(run, objective))
    return (run.label, *counts, *(exact("top1", float(top1)) for top1 in best))


def _reached(run: Gathered, objective: Axis | None) -> str:
    if objective is None:
        volumes = run.hypervolume["hypervolume"]
        return f"{volumes.iloc[-1]:.4g}" if len(volumes) else MISSING
    values = run.front[objective.metric].astype(float)
    best = values.min() if objective.direction == "minimize" else values.max()
    return exact(objective.metric, float(best))  # of none NaN, which is written as missing
