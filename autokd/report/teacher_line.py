"""The teacher in a figure of students: a dashed line at its top1, with its name and size."""

from collections.abc import Sequence

import plotly.graph_objects as go

from autokd.pages.theme import BACKDROP, TEACHER, clean
from autokd.report.gathered import Gathered
from autokd.report.rounding import exact, short

__all__ = ["add_teachers"]


def add_teachers(figure: go.Figure, runs: Sequence[Gathered], *, metric: str) -> None:
    """Draw a line for each different teacher.

    Args:
        figure: The figure; it is changed.
        runs: The runs.
        metric: What the y axis shows. Only of top1 is the teacher's value known; with any other
            metric nothing is drawn.
    """
    if metric != "top1":
        return
    teachers = {str(run.teacher.get("digest", run.label)): run.teacher for run in runs}
    for teacher in teachers.values():
        top1 = float(teacher["top1"])
        name = clean(str(teacher["name"]))
        figure.add_shape(
            type="line",
            xref="paper",
            x0=0,
            x1=1,
            y0=top1,
            y1=top1,
            line={"color": TEACHER, "dash": "dash", "width": 1.4},
            layer="below",
        )
        figure.add_annotation(
            xref="paper",
            x=0.005,
            y=top1,
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
            bgcolor=BACKDROP,
            font={"color": TEACHER, "size": 12},
            text=f"teacher {name}: {exact('top1', top1)}, {short(teacher['params'])} params",
        )
