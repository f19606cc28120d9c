"""README's table of what autokd finds, next to the best of Optuna's samplers. No heavy imports.

The figures are those of the summaries of `search_live` and `search_tables`, which say more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from page_words import extremes, lines_of, markdown, ratio

_OURS, _PLAIN = "autokd", "autokd, point and size only"
_JOINT, _EACH = "kd_joint", "kd_each"
_CELLS = ("cells_cifar10", "cells_cifar100", "cells_imagenet16")
_LEVEL, _HALF = "0.99", "0.5"
_NAMES = {"gp": "GP", "nsga2": "NSGA-II", "tpe": "TPE"}
_LIVE = {"digits": "the digits", "fashion_mnist": "5,000 images of FashionMNIST"}

Result = Mapping[str, Any]
Row = list[str]


def compared(tables: Result, lived: Result) -> list[str]:
    """Write a row for each comparison.

    Args:
        tables: What is in ``search_tables.json``.
        lived: What is in ``search_live.json``.
    """
    head = ["the same budget for everyone", "autokd", "the best of Optuna's samplers"]
    rows = [row for data, title in _LIVE.items() for row in _live(lived, data, title)]
    return markdown(head, [*rows, _joint(tables), _each(tables), _cells(tables)])


def _live(result: Result, data: str, title: str) -> list[Row]:
    """Compare at the end, and half-way where that is known."""
    lines, seconds = lines_of(result["summary"], data), result["seconds"][data]
    rows = [_after(lines, f"after {seconds:g} s of real training, {title}")]
    halves = {name: line["on_the_way"].get(_HALF) for name, line in lines.items()}
    if all(halves.values()):
        rows.append(_after(halves, f"half-way, after {float(_HALF) * seconds:g} s, {title}"))
    return rows


def _after(lines: Mapping[str, Any], when: str) -> Row:
    theirs = {name: line["median"] for name, line in lines.items() if name.startswith("optuna ")}
    best = max(theirs, key=lambda name: theirs[name])
    ours = lines[_OURS]
    return _row(
        f"hypervolume {when}", ours["n"], f"{ours['median']:.3f}", f"{theirs[best]:.3f}", best
    )


def _joint(result: Result) -> Row:
    ours = result["summary"][f"{_JOINT}/{_OURS}"]
    found = ours[_LEVEL]
    theirs = result["summary"][f"{_JOINT}/{found['best']}"][_LEVEL]
    what = (
        "seconds of training to 99 % of what a table of 1,000 trainings holds, student and method"
    )
    mine = f"{found['median']:,.0f}; {ratio(found['ratio'])} of the best's"
    return _row(what, ours["n"], mine, f"{theirs['median']:,.0f}", found["best"])


def _each(result: Result) -> Row:
    ours = result["summary"][f"{_EACH}/{_OURS}"]
    what = f"the same with the method fixed, {ours['n_tables']} tables"
    return [f"{what}: median (min to max)", f"{extremes(ours[_LEVEL])} of the best's", "1"]


def _cells(result: Result) -> Row:
    summary = result["summary"]
    lines = [summary[f"{table}/{_OURS}"] for table in _CELLS]
    counts = _counts(lines)
    if all(f"{table}/{_PLAIN}" in summary for table in _CELLS):
        shown_less = _counts([summary[f"{table}/{_PLAIN}"] for table in _CELLS])
        counts += f"; shown no more than they are: {shown_less}"
    what = "trainings to what the best has after 200, NAS-Bench-201, three data sets"
    names = " / ".join(dict.fromkeys(_short(line["best"]) for line in lines))
    return [f"{what} (medians of {lines[0]['n']})", counts, f"200 ({names})"]


def _row(what: str, n: int, ours: str, theirs: str, best: str) -> Row:
    return [f"{what} (median of {n})", ours, f"{theirs} ({_short(best)})"]


def _counts(lines: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{line['to_best']['median']:g}" for line in lines)


def _short(name: str) -> str:
    kind, comma, how = name.removeprefix("optuna ").partition(",")
    return f"{_NAMES.get(kind, kind)}{comma}{how}"
