"""The tables of `search_warm` in Markdown, from the summary in its JSON. No heavy imports."""

from collections.abc import Mapping
from typing import Any

_LEVELS = ("0.95", "0.99")
_COUNTS = ("10", "20", "50", "100")
_CELLS = {"cells_cifar100": "CIFAR-100", "cells_imagenet16": "ImageNet16-120"}
_COLD = "cold"
_METHODS_HEAD = (
    "| from the run without distillation | methods | of the time from cold: 95 % | 99 % |"
)
_CELLS_HEAD = f"| from the run on CIFAR-10 | n | {' | '.join(f'% after {n}' for n in _COUNTS)} |"


def warm(result: Mapping[str, Any]) -> list[str]:
    """Write what each way to begin brings under another method, and on other data."""
    summary = result["summary"]
    each = {name.partition("/")[2]: line for name, line in _of(summary, "kd_each").items()}
    lines = [
        "| from the run without distillation | methods | of the time from cold: 95 % | 99 % |"
    ]
    lines += ["| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {way} | {line['n_tables']} | {' | '.join(_extremes(line[lv]) for lv in _LEVELS)} |"
        for way, line in each.items()
        if way != _COLD
    ]
    lines += [
        "",
        f"| from the run on CIFAR-10 | n | {' | '.join(f'% after {n}' for n in _COUNTS)} |",
    ]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
    for table, title in _CELLS.items():
        for name, line in _of(summary, table).items():
            way = name.partition("/")[2]
            shown = " | ".join(_share(line[count], is_cold=way == _COLD) for count in _COUNTS)
            lines.append(f"| {title}: {way} | {line['n']} | {shown} |")
    return lines


def _of(summary: Mapping[str, Any], table: str) -> dict[str, Any]:
    return {name: line for name, line in summary.items() if name.startswith(f"{table}/")}


def _extremes(found: Mapping[str, float]) -> str:
    return f"{found['median']:.2f} ({found['min']:.2f} to {found['max']:.2f})"


def _share(found: Mapping[str, Any], *, is_cold: bool) -> str:
    median = f"{100 * found['median']:.2f}"
    if is_cold:
        return median
    value, low, high = (100 * found["difference"][key] for key in ("value", "low", "high"))
    return f"{median}, {value:+.2f} ({low:+.2f} to {high:+.2f})"
