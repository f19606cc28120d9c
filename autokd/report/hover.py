"""What a figure says of a trial when the pointer rests on it.

Names stand once in a trace's template and values once a point, so that two thousand points stay
small.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from autokd.report.gathered import Gathered
from autokd.report.rounding import exact, parameter_title, value
from autokd.report.theme import clean

__all__ = ["hover"]

_METRICS = ("top1", "test_top1", "agreement", "ece", "params", "macs", "peak_bytes", "latency_s")


def hover(run: Gathered, rows: pd.DataFrame) -> dict[str, Any]:
    """Describe each trial of a trace: its state, its metrics, its point.

    Args:
        run: The run that the trials belong to.
        rows: Rows of its trials or of its front.

    Returns:
        Settings of the trace, ``customdata`` and ``hovertemplate``, everything from definitions
        and file names escaped. A dash stands for a metric that was not measured and for a
        parameter that is not active; what no trial has is left out.
    """
    metrics = [name for name in _METRICS if name in rows and rows[name].notna().any()]
    parameters = [name for name in run.parameters if rows[name].notna().any()]
    names = [
        f"{clean(name)}  <b>%{{customdata[{at}]}}</b>" for at, name in enumerate(metrics, start=3)
    ]
    first = 3 + len(metrics)
    names += [
        f"{clean(parameter_title(name))}  %{{customdata[{at}]}}"
        for at, name in enumerate(parameters, start=first)
    ]
    head = "<b>trial %{customdata[0]}</b>  %{customdata[1]} at %{customdata[2]} epochs"
    return {
        "customdata": [_values(row, metrics, parameters) for row in rows.to_dict("records")],
        "hovertemplate": "<br>".join([head, *names]) + "<extra></extra>",
    }


def _values(row: Mapping[Any, Any], metrics: list[str], parameters: list[str]) -> list[str]:
    cells = [str(row["trial"]), str(row["state"]), value(row["epochs"])]
    cells += [exact(name, row[name]) for name in metrics]
    cells += [value(row[name]) for name in parameters]
    return [clean(cell) for cell in cells]
