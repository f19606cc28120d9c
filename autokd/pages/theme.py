"""Colours and the empty figure that every figure starts from.

The palette is that of Okabe and Ito: its colours stay apart for people with any of the common
forms of colour blindness. A colour is never the only difference: markers, dashes and labels differ
too.
"""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

__all__ = [
    "BACKDROP",
    "DIMMED",
    "FAINT",
    "FRONT",
    "INK",
    "KNEE",
    "PALETTE",
    "SCALE",
    "TEACHER",
    "TEST",
    "clean",
    "log_axis",
    "new_figure",
    "run_style",
]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2002, without the yellow that vanishes on white."""

FRONT, KNEE, TEST = PALETTE[0], PALETTE[1], PALETTE[2]
INK, TEACHER, DIMMED, FAINT = "#24292f", "#57606a", "#8fa3b5", "#c3cdd6"
BACKDROP = "rgba(255,255,255,0.85)"

SCALE = ((0.0, "#d5dfe8"), (0.35, "#9dbcd6"), (0.7, "#3f85b8"), (1.0, "#08306b"))
"""Colours for quality, low to high: one hue that darkens, so that good trials stand out."""

_DASHES = ("solid", "dash", "dot", "dashdot")
_GRID = "#e7ebef"
_AXIS = {
    "gridcolor": _GRID,
    "linecolor": "#b4bec8",
    "showline": True,
    "ticks": "outside",
    "tickcolor": "#b4bec8",
    "zeroline": False,
    "automargin": True,
}


def clean(text: str) -> str:
    """Make a text harmless where plotly reads markup.

    Plotly draws ``<b>`` and ``<a>`` in titles, legends and hover texts, so a file name must not
    reach it as it is. Quotes
    stay: plotly would show their entities.

    Args:
        text: Plain text.

    Returns:
        The text with ``&``, ``<`` and ``>`` as entities.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def new_figure(
    *, height: int, x: Mapping[str, Any], y: Mapping[str, Any], **layout: Any
) -> go.Figure:
    """Make an empty figure in the report's style.

    Args:
        height: Height, pixels, > 0; the width follows the page.
        x: Settings of the x axis, above the common ones.
        y: Settings of the y axis, above the common ones.
        **layout: Settings of the layout, above the common ones.

    Returns:
        The figure.
    """
    common: dict[str, Any] = {
        "template": "none",
        "height": height,
        "margin": {"l": 56, "r": 40, "t": 16, "b": 48},
        "modebar": {
            "orientation": "v",
            "bgcolor": "rgba(0,0,0,0)",
            "color": DIMMED,
            "activecolor": INK,
        },
        "font": {
            "family": "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
            "size": 12,
            "color": INK,
        },
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "#ffffff",
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#ffffff", "font": {"size": 12, "color": INK}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12},
        },
        "xaxis": {**_AXIS, **x},
        "yaxis": {**_AXIS, **y},
    }
    return go.Figure(layout={**common, **layout})


def log_axis(low: float, high: float) -> dict[str, Any]:
    """Describe a logarithmic axis with ticks such as ``2k`` and ``50k``.

    Args:
        low: Smallest value shown, > 0.
        high: Largest value shown, > 0.

    Returns:
        Settings for `new_figure`: ticks at 1, 2 and 5 times powers of ten, over four decades and
        more at powers of ten alone.
    """
    return {
        "type": "log",
        "tickformat": "~s",
        "dtick": "D2" if high < 1e4 * low else 1,
        "tickangle": 0,
    }


def run_style(position: int) -> tuple[str, str]:
    """Choose how the lines of one of several runs look.

    Args:
        position: Position of the run in the report, >= 0.

    Returns:
        Colour and dash; together they differ for the first 28 runs.
    """
    n_colours = len(PALETTE)
    return PALETTE[position % n_colours], _DASHES[position // n_colours % len(_DASHES)]
