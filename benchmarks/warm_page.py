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
    return [*_table(_METHODS_HEAD, methods), "", *_table(_CELLS_HEAD, cells)]


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
    if is_cold:
        return median
    value, low, high = (100 * found["difference"][key] for key in ("value", "low", "high"))
    return f"{median}, {value:+.2f} ({low:+.2f} to {high:+.2f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    line = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(fields)} |" for fields in (head, line, *rows)]
