"""The figures of a diagnosis."""

import plotly.graph_objects as go

from autokd.diagnose.angles import CLOSE_DEGREES, Angles
from autokd.diagnose.geometry import Separation
from autokd.diagnose.tables import curve_title
from autokd.diagnose.transfer import Transfer, mean_and_std
from autokd.pages.theme import FAINT, FRONT, KNEE, clean, new_figure, run_style

__all__ = [
    "SHOWN_CLASSES",
    "agreement_figure",
    "angles_figure",
    "margins_figure",
    "tail_figure",
    "transfer_figure",
]

SHOWN_CLASSES = 40
"""Classes that the figure of margins shows; the table has all."""

_HEIGHT = 340
_N_BARS = 30
_DEGREES = range(91)


def transfer_figure(transfer: Transfer) -> go.Figure:
    """Draw risk over images: mean with spread, and each seed.

    Args:
        transfer: The curves.

    Returns:
        A line for each way of training.
    """
    shares = transfer.curves[0].shares
    ticks = [share.n_images for share in shares]
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": "training images"}, "type": "log", "tickvals": ticks}
        | {"ticktext": [f"{tick:,}" for tick in ticks]},
        y={"title": {"text": "risk (1 - top1)"}, "rangemode": "tozero"},
    )
    for position, curve in enumerate(transfer.curves):
        colour, dash = run_style(position)
        means, stds = zip(*(mean_and_std(share.risks) for share in curve.shares), strict=True)
        figure.add_scatter(
            x=ticks,
            y=means,
            error_y={"array": [std or 0.0 for std in stds], "visible": transfer.n_seeds > 1},
            name=clean(f"{curve_title(curve)}, mean of {transfer.n_seeds}"),
            mode="lines+markers",
            line={"color": colour, "dash": dash},
        )
        figure.add_scatter(
            x=[share.n_images for share in curve.shares for _ in share.risks],
            y=[risk for share in curve.shares for risk in share.risks],
            mode="markers",
            marker={"color": colour, "symbol": "circle-open", "size": 5},
            showlegend=False,
            hoverinfo="y",
        )
    return figure


def margins_figure(separation: Separation, class_names: tuple[str, ...]) -> go.Figure:
    """Draw the margins of the classes that are separated least.

    Args:
        separation: The separation.
        class_names: Names by class index.

    Returns:
        A bar a class, the smallest margin on top.
    """
    known = [each for each in separation.classes if each.margin == each.margin]  # not NaN
    shown = sorted(known, key=lambda each: each.margin)[:SHOWN_CLASSES]
    figure = new_figure(
        height=max(120 + 20 * len(shown), _HEIGHT),
        x={"title": {"text": "margin"}},
        y={"autorange": "reversed", "type": "category"},
    )
    figure.add_bar(
        x=[each.margin for each in shown],
        y=[_bar_name(each.label, class_names) for each in shown],
        orientation="h",
        marker={"color": FRONT},
    )
    return figure


def angles_figure(angles: Angles) -> go.Figure:
    """Draw how the angles to the decision are distributed.

    Args:
        angles: The angles.

    Returns:
        Bars of equal width up to the largest angle, those that begin below `CLOSE_DEGREES` in
        another colour.
    """
    width = max(max(angles.angles), CLOSE_DEGREES) / _N_BARS
    counts = [0] * _N_BARS
    for angle in angles.angles:
        counts[min(int(angle / width), _N_BARS - 1)] += 1
    starts = [width * bar for bar in range(_N_BARS)]
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": "degrees to the decision"}},
        y={"title": {"text": "share of images"}},
        bargap=0.05,
    )
    figure.add_bar(
        x=[start + width / 2 for start in starts],
        y=[count / len(angles.angles) for count in counts],
        marker={"color": [KNEE if start < CLOSE_DEGREES else FRONT for start in starts]},
    )
    return figure


def tail_figure(angles: Angles) -> go.Figure:
    """Draw p(theta): how many images are at least theta away from the decision's normal.

    Args:
        angles: The angles.

    Returns:
        A falling line.
    """
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": "theta: degrees to the normal"}, "range": [0, 90], "dtick": 15},
        y={"title": {"text": "p(theta): share of images"}, "range": [0, 1.02]},
    )
    close = 90 - CLOSE_DEGREES
    figure.add_scatter(
        x=list(_DEGREES), y=angles.tail(_DEGREES), mode="lines", line={"color": FRONT}
    )
    figure.add_vline(x=close, line={"color": FAINT, "dash": "dot"})
    return figure


def agreement_figure(angles: Angles) -> go.Figure:
    """Draw agreement with the teacher by angle.

    Args:
        angles: The angles, with bins.

    Returns:
        A bar a bin with the spread over students.
    """
    means, stds = zip(*(mean_and_std(each.agreements) for each in angles.bins), strict=True)
    figure = new_figure(
        height=_HEIGHT,
        x={"title": {"text": "degrees to the decision"}, "type": "category"},
        y={"title": {"text": "agreement with the teacher"}, "rangemode": "tozero"},
    )
    figure.add_bar(
        # Numbered, since bins of tied angles would share a name and a bar.
        x=[f"{at}: {each.low:.1f} to {each.high:.1f}" for at, each in enumerate(angles.bins, 1)],
        y=means,
        error_y={"array": [std or 0.0 for std in stds], "visible": None not in stds},
        marker={"color": FRONT},
    )
    return figure


def _bar_name(label: int, class_names: tuple[str, ...]) -> str:
    """Name a class so that classes of the same name have bars of their own."""
    name = clean(class_names[label])
    return name if class_names.count(class_names[label]) == 1 else f"{name} ({label})"
