"""Tables for the terminal."""

from math import nan
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["front_table"]


def front_table(run: "Run") -> Table:
    """Draw a run's front.

    Args:
        run: The run.

    Returns:
        A row a student, smallest first, the teacher last.
    """
    front, teacher = run.front(), run.teacher
    size = teacher["params"]  # None where only the teacher's answers are left
    names = dict.fromkeys(["top1", "params", *(o.metric for o in run.spec.objectives)])
    table = Table(title=f"Pareto front of {run.spec.title}", title_justify="left")
    for column in ("trial", *names, "of teacher's params", "test top1"):
        table.add_column(column, justify="right")
    has_methods = len(run.spec.search_space.methods) > 1
    if has_methods:
        table.add_column("method")
    for _, row in front.iterrows():
        table.add_row(
            str(row["trial"]),
            *(_shown(name, row[name]) for name in names),
            "-" if size is None else f"{row['params'] / size:.2%}",
            _shown("top1", row["test_top1"]),
            *([row["kd.method"]] if has_methods else []),
        )
    known = {"top1": teacher["top1"], "params": nan if size is None else size}
    table.add_section()
    table.add_row(
        "teacher",
        *(_shown(name, known[name]) if name in known else "" for name in names),
        "",
        _shown("top1", teacher["test_top1"]),
    )
    table.caption = "top1 on validation, which chose these; the best of many is optimistic"
    table.caption_justify = "left"
    return table


def _shown(name: str, value: float) -> str:
    if value != value:  # NaN: not measured yet, or not known
        return "-"
    if name in ("params", "macs", "peak_bytes"):
        return f"{value:,.0f}"
    return f"{value:.2e}" if name == "latency_s" else f"{value:.4f}"
