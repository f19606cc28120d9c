"""What a figure says of a trial when the pointer rests on it.

Names stand once in a trace's template and values once a point, so that two thousand points stay
small.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from autokd.pages.theme import clean
from autokd.parameters import Value
from autokd.report.gathered import Gathered
from autokd.report.rounding import exact, parameter_title, value

__all__ = ["hover"]

_METRICS = (
    "top1",
    "test_top1",
    "agreement",
    "kl",
    "ece",
    "nll",
    "cev",
    "sde",
    "params",
    "macs",
    "peak_bytes",
    "latency_s",
)


def hover(run: Gathered, rows: pd.DataFrame) -> dict[str, Any]:
    """Describe each trial of a trace: its state and origin, its metrics, its point.

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
        "customdata": np.column_stack([*_columns(rows, metrics, parameters)]),
        "hovertemplate": "<br>".join([head, *names]) + "<extra></extra>",
    }


def _columns(
    rows: pd.DataFrame, metrics: Sequence[str], parameters: Sequence[str]
) -> Iterator[list[str]]:
    yield [str(slot) for slot in rows["trial"]]
    origins = rows["origin"] if "origin" in rows else [""] * len(rows)
    told = zip(rows["state"], origins, strict=True)
    yield [clean(f"{state} ({origin})" if origin else str(state)) for state, origin in told]
    yield [value(epochs) for epochs in rows["epochs"].tolist()]
    for name in metrics:
        yield [exact(name, number) for number in rows[name].tolist()]
    for name in parameters:
        yield [_cell(found) for found in rows[name].tolist()]


def _cell(found: Value) -> str:
    return clean(found) if isinstance(found, str) else value(found)  # numbers hold no markup
