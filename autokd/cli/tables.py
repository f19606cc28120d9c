"""Tables for the terminal."""

from collections.abc import Iterator
from math import nan
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from autokd.runs import Run

__all__ = ["front_table", "written"]


def front_table(run: "Run") -> Table:
    """Draw a run's front.

    Args:
        run: The run.

    Returns:
        A row a student, or a family with its spread, smallest first, the teacher last; the caption
        says how many trials finished below ``min_top1``.
    """
    front, teacher = run.front(), run.teacher
    size = teacher["params"]  # None where only the teacher's answers are left
    names = dict.fromkeys(["top1", "params", *(o.metric for o in run.spec.objectives)])
    what = "Best student" if len(run.spec.objectives) == 1 else "Pareto front"
    table = Table(title=f"{what} of {escape(run.spec.title)}", title_justify="left")
    for column in ("trial", *names, "of teacher's params", "test top1"):
        table.add_column(column, justify="right")
    has_methods = len(run.spec.search_space.methods) > 1
    if has_methods:
        table.add_column("method")
    has_origins = "origin" in front and any(front["origin"])
    if has_origins:
        table.add_column("tried first as")
    for _, row in front.iterrows():
        table.add_row(
            str(row["trial"]),
            *(_mean(row, name) for name in names),
            "-" if size is None else f"{row['params'] / size:.2%}",
            written("top1", row["test_top1"]),
            *([row["kd.method"]] if has_methods else []),
            *([escape(row["origin"])] if has_origins else []),
        )
    known = {"top1": teacher["top1"], "params": nan if size is None else size}
    table.add_section()
    table.add_row(
        "teacher",
        *(written(name, known[name]) if name in known else "" for name in names),
        "",
        written("top1", teacher["test_top1"]),
    )
    table.caption = "\n".join(_captions(run))
    table.caption_justify = "left"
    return table


def written(metric: str, value: float) -> str:
    """Write a metric's value.

    Args:
        metric: The metric.
        value: Its value; NaN was not measured, or is not known.

    Returns:
        ``17,204`` for counts, ``2.31e-03`` for seconds, ``0.9412`` for others, ``-`` for NaN.
    """
    if value != value:
        return "-"
    if metric in ("params", "macs", "peak_bytes"):
        return f"{value:,.0f}"
    return f"{value:.2e}" if metric == "latency_s" else f"{value:.4f}"


def _mean(row: "pd.Series[Any]", metric: str) -> str:
    """Write a metric, with its spread where a family has one."""
    mean, spread = written(metric, row[metric]), row.get(f"{metric}_std", nan)
    return mean if spread != spread else f"{mean} ± {written(metric, spread)}"


def _captions(run: "Run") -> Iterator[str]:
    yield "top1 on validation, which chose these; the best of many is optimistic"
    n = run.spec.family_size
    if n > 1:
        yield f"means of {n} students of a family ± standard deviation; test top1 is the first's"
    n_below, n_complete = len(run.below()), int((run.trials()["state"] == "complete").sum())
    if n_below:
        yield run.spec.constraints.tell_below(n_below, n_complete)
