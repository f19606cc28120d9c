"""The part of the report that answers: which families are robust?

For studies whose trials train several members of a family. A family is robust if its members
score alike, so that another member may be drawn in the place of those that were measured. Two or
three members show that badly, which the part says as plainly as it shows it.
"""

from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from autokd.pages.html import Panel, said, scrolled
from autokd.pages.theme import DIMMED, FRONT, TEST, log_axis, new_figure
from autokd.report.family_rows import family_cells, family_rows, family_table
from autokd.report.front import HEIGHT
from autokd.report.gathered import Gathered
from autokd.report.rounding import metric_title
from autokd.report.spreads import LEAST, MARGIN, Steadiness, likely_range

__all__ = ["TITLE", "families", "family_figure"]

TITLE = "Which families are robust?"
"""Heading of the part."""


_SHARED = (
    "Members differ in what the generator draws, in initial weights and in the order of training "
    "images. All are scored on the same validation images, whose luck is no part of the spread."
)
_NEXT = (
    "To rely on a family, draw new members of it: autokd retrain --fresh-members trains them to "
    "the end and sets their spread beside the one seen here."
)


def families(run: Gathered) -> tuple[Panel, ...]:
    """Show which families are robust.

    Args:
        run: The run.

    Returns:
        A figure, a table and what the spreads can tell; one panel that says so where no family has
        a spread yet; none for a study that trains one student a trial.
    """
    n = run.spec.family_size
    if n == 1:
        return ()
    rows, found = family_rows(run)
    if rows.empty:
        return (Panel("Mean and spread", said("No family has finished the top rung.")),)
    order = "steadiest first" if found else "smallest spread first"
    bars = f"Means of {n} members; bars reach one standard deviation to both sides."
    shades = f"±: standard deviation of {n} members. Shaded: the front; others are near it."
    return (
        Panel("Mean and spread", family_figure(run, rows), bars, 6),
        Panel(f"Families, {order}", scrolled(family_table(run, rows)), shades, 6),
        Panel(f"What {n} members can tell", _sentences(n, found)),
    )


def family_figure(run: Gathered, rows: pd.DataFrame) -> go.Figure:
    """Draw families over their size, with error bars of one standard deviation.

    Args:
        run: The run.
        rows: What `autokd.report.family_rows.family_rows` gave, at least one.

    Returns:
        The figure, robust families ringed.
    """
    params = rows["params"].astype(float)
    figure = new_figure(
        height=HEIGHT,
        x={"title": {"text": "params"}, **log_axis(float(params.min()), float(params.max()))},
        y={"title": {"text": f"{metric_title(run.quality)} (validation)"}},
    )
    is_front = rows["is_front"].astype(bool)
    _add_families(figure, run, rows[~is_front], name="behind the front", colour=DIMMED)
    _add_families(figure, run, rows[is_front], name="front", colour=FRONT)
    if "verdict" in rows:
        _add_robust(figure, run, rows[rows["verdict"] == "robust"])
    return figure


def _add_families(
    figure: go.Figure, run: Gathered, rows: pd.DataFrame, *, name: str, colour: str
) -> None:
    if rows.empty:
        return
    metrics = {"x": "params", "y": run.quality}
    bars: dict[str, Any] = {
        f"error_{axis}": {
            "array": rows[f"{metric}_std"].to_numpy(float),
            "color": colour,
            "thickness": 1.4,
            "width": 4,
        }
        for axis, metric in metrics.items()
        if f"{metric}_std" in rows
    }
    cells = [family_cells(run, row) for row in rows.to_dict("records")]
    figure.add_scatter(
        **{axis: rows[metric].to_numpy(float) for axis, metric in metrics.items()},
        **bars,
        mode="markers",
        marker={"size": 8, "color": colour},
        name=name,
        hoverinfo="text",
        hovertext=["<br>".join(f"{key}  <b>{text}</b>" for key, text in c.items()) for c in cells],
    )


def _add_robust(figure: go.Figure, run: Gathered, rows: pd.DataFrame) -> None:
    ring = {"size": 17, "symbol": "circle-open", "color": TEST, "line": {"width": 2.5}}
    x, y = (rows[name].to_numpy(float) for name in ("params", run.quality))
    figure.add_scatter(x=x, y=y, mode="markers", marker=ring, name="robust", hoverinfo="skip")


def _sentences(n_members: int, found: Steadiness | None) -> str:
    low, high = likely_range(n_members)
    alone = (
        f"A family by itself: {n_members} members show its spread badly. That of the whole family "
        f"lies between {low:.2f} and {high:.3g} times what they show (95 %, for scores that "
        "scatter normally), so a small ± alone proves nothing."
    )
    told = [alone, f"All together: {_together(found)}", _SHARED, _NEXT]
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in told)}</ul>"


def _together(found: Steadiness | None) -> str:
    if found is None:
        return (
            f"families can be compared once {LEAST} have finished and members of any differ; "
            "until then none can be called robust."
        )
    line = f"{len(found.usual)} finished families share one line of spread over params. "
    if not found.is_told:
        return (
            f"{line}They lie about it as chance alone would have it (p = {found.chance:.2g}), so "
            "none can be called robust: the usual spread of its size is the best guess for each."
        )
    return (
        f"{line}They lie farther from it than by chance (p = {found.chance:.2g}). In the spread "
        f"expected of new members, a family's own members weigh {found.weight:.0%} and the line "
        "the rest. Half of the families of a size spread less than is usual; robust: at least "
        f"{MARGIN:.0%} less, uneven: at least {MARGIN:.0%} more."
    )
