"""Writes the report's files: the page, a CSV of every trial, a PNG of the front.

A file is written whole or not at all. What goes wrong outside, a full disk or a missing browser,
becomes a `ReportError`.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from autokd.errors import ReportError
from autokd.pages.theme import clean
from autokd.pages.writing import write_whole
from autokd.report.front import front_figure
from autokd.report.gathered import gather
from autokd.report.page import page
from autokd.report.readable import ReadableRun

__all__ = ["write_csv", "write_png", "write_report"]

_PNG_WIDTH, _PNG_HEIGHT, _PNG_SCALE = 960, 600, 2


def write_report(runs: Sequence[ReadableRun], path: Path) -> Path:
    """Write the report of one run, or of several laid over each other.

    Args:
        runs: The runs, at least one.
        path: The HTML file.

    Returns:
        The path.

    Raises:
        ReportError: If there is no run, or the file cannot be written.
        RunError: If a run cannot be read.
    """
    _need_a_run(runs)
    return write_whole(path, page(gather(runs)).encode("utf-8"))


def write_csv(runs: Sequence[ReadableRun], path: Path) -> Path:
    """Write every trial of every run as a row.

    Args:
        runs: The runs, at least one.
        path: The CSV file.

    Returns:
        The path. The columns are those of ``trials()``, with ``run`` and ``is_front`` before and
        ``test_top1`` after them; what was not measured or is not active is empty.

    Raises:
        ReportError: If there is no run, or the file cannot be written.
        RunError: If a run cannot be read.
    """
    _need_a_run(runs)
    tables = []
    for run in gather(runs, with_graphs=False):
        tests = run.front.set_index("trial")["test_top1"]
        table = run.trials.assign(test_top1=run.trials["trial"].map(tests))
        table.insert(0, "is_front", table["trial"].isin(run.front["trial"]))
        table.insert(0, "run", run.label)
        tables.append(table)
    return write_whole(
        path, pd.concat(tables, ignore_index=True).to_csv(index=False).encode("utf-8")
    )


def write_png(runs: Sequence[ReadableRun], path: Path) -> Path:
    """Write the front as a picture.

    Args:
        runs: The runs, at least one.
        path: The PNG file.

    Returns:
        The path.

    Raises:
        ReportError: If there is no run or nothing to draw, the extra ``png`` or a browser is
            missing, or the file cannot be written.
        RunError: If a run cannot be read.
    """
    _need_a_run(runs)
    gathered = gather(runs, with_graphs=False)
    figure = front_figure(gathered)
    if figure is None:
        raise ReportError(
            f"{path}: there is nothing to draw, no feasible trial has finished the top rung"
        )
    figure.update_layout(
        title={"text": clean(gathered[0].spec.title), "x": 0.02},
        margin={"t": 84, "b": 64},
        paper_bgcolor="#ffffff",
    )
    figure.layout.updatemenus = ()  # nobody can press a button on a picture
    size = {"width": _PNG_WIDTH, "height": _PNG_HEIGHT, "scale": _PNG_SCALE}
    try:
        image: bytes = figure.to_image(format="png", **size)
    except (ValueError, RuntimeError, ImportError, OSError) as error:
        needs = 'a PNG needs pip install "autokd[png]" and Chrome or Chromium'
        raise ReportError(f"{path}: {needs} ({error})") from error
    return write_whole(path, image)


def _need_a_run(runs: Sequence[ReadableRun]) -> None:
    if not runs:
        raise ReportError("a report needs at least one run")
