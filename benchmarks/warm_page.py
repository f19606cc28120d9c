"""The tables of `search_warm` in Markdown, from the summary in its JSON. No heavy imports."""

from collections.abc import Mapping, Sequence
from typing import Any

_LEVELS = ("0.95", "0.99")
_COUNTS = ("10", "20", "50", "100")
_CELLS = {"cells_cifar100": "CIFAR-100", "cells_imagenet16": "ImageNet16-120"}
_COLD = "cold"
_METHODS_HEAD = (
    "from the run without distillation",
    "methods",
    "n",
    "of cold's time to 95 %",
    "99 %",
)
_CELLS_HEAD = ("from the run on CIFAR-10", "n", *(f"% after {count}" for count in _COUNTS))
_AGAINST_HEAD = (
    "front and trials, against",
    "another method: of its time to 95 %",
    "99 %",
    *(f"{title}: more after {count}" for title in _CELLS.values() for count in _COUNTS[-2:]),
)


def warm(result: Mapping[str, Any]) -> list[str]:
    """Write what each way to begin brings under another method, and on other data."""
    summary = result["summary"]
    methods = [
        [way, str(line["n_tables"]), str(line["n"]), *(_extremes(line[lv]) for lv in _LEVELS)]
        for way, line in _of(summary, "kd_each").items()
        if way != _COLD
    ]
    cells = [
        [
            f"{title}: {way}",
            str(line["n"]),
            *(_share(line[count], is_cold=way == _COLD) for count in _COUNTS),
        ]
        for table, title in _CELLS.items()
        for way, line in _of(summary, table).items()
    ]
    against = [
        [
            other,
            *(_ratio(line[level]) for level in _LEVELS),
            *(_points(line[f"{table}/{count}"]) for table in _CELLS for count in _COUNTS[-2:]),
        ]
        for other, line in _of(summary, "against").items()
    ]
    tables = [(_METHODS_HEAD, methods), (_CELLS_HEAD, cells), (_AGAINST_HEAD, against)]
    return [line for head, rows in tables if rows for line in ("", *_table(head, rows))][1:]


def _of(summary: Mapping[str, Any], table: str) -> dict[str, Any]:
    return {
        name.partition("/")[2]: line
        for name, line in summary.items()
        if name.startswith(f"{table}/")
    }


def _extremes(found: Mapping[str, float]) -> str:
    return f"{found['median']:.2f} ({found['min']:.2f} to {found['max']:.2f})"


def _share(found: Mapping[str, Any], *, is_cold: bool) -> str:
    median = f"{100 * found['median']:.2f}"
    return median if is_cold else f"{median}, {_points(found['difference'])}"


def _points(found: Mapping[str, float]) -> str:
    value, low, high = (100 * found[key] for key in ("value", "low", "high"))
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def _ratio(found: Mapping[str, float]) -> str:
    return f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    line = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(fields)} |" for fields in (head, line, *rows)]
