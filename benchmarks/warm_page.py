"""The tables of `search_warm` in Markdown, from the summary in its JSON. No heavy imports."""

from collections.abc import Mapping
from typing import Any

from page_words import extremes, lines_of, markdown, points, ratio

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
        [way, str(line["n_tables"]), str(line["n"]), *(extremes(line[lv]) for lv in _LEVELS)]
        for way, line in lines_of(summary, "kd_each").items()
        if way != _COLD
    ]
    cells = [
        [
            f"{title}: {way}",
            str(line["n"]),
            *(_share(line[count], is_cold=way == _COLD) for count in _COUNTS),
        ]
        for table, title in _CELLS.items()
        for way, line in lines_of(summary, table).items()
    ]
    against = [
        [
            other,
            *(ratio(line[level]) for level in _LEVELS),
            *(points(line[f"{table}/{count}"]) for table in _CELLS for count in _COUNTS[-2:]),
        ]
        for other, line in lines_of(summary, "against").items()
    ]
    tables = [(_METHODS_HEAD, methods), (_CELLS_HEAD, cells), (_AGAINST_HEAD, against)]
    return [line for head, rows in tables if rows for line in ("", *markdown(head, rows))][1:]


def _share(found: Mapping[str, Any], *, is_cold: bool) -> str:
    median = f"{100 * found['median']:.2f}"
    return median if is_cold else f"{median}, {points(found['difference'])}"
