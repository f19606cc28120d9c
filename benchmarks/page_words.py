"""How the pages of searches write figures and tables, in Markdown. No heavy imports."""

from collections.abc import Mapping, Sequence
from typing import Any

Interval = Mapping[str, float]
"""``value`` with the ends ``low`` and ``high``."""


def lines_of(summary: Mapping[str, Any], table: str) -> dict[str, Any]:
    """Take a table's lines out of a summary, by what stands behind its name."""
    begin = f"{table}/"
    return {key.removeprefix(begin): v for key, v in summary.items() if key.startswith(begin)}


def ratio(found: Interval) -> str:
    """Write a ratio with its interval."""
    return f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def points(found: Interval) -> str:
    """Write a difference of shares as points of per cent, with its interval."""
    value, low, high = (100 * found[key] for key in ("value", "low", "high"))
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def extremes(found: Mapping[str, float]) -> str:
    """Write a median of tables with the smallest and the largest."""
    return f"{found['median']:.2f} ({found['min']:.2f} to {found['max']:.2f})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], *, n_words: int = 1) -> list[str]:
    """Write a table whose first columns, ``n_words`` of them, are text, and the others numbers."""
    line = [*["---"] * n_words, *["---:"] * (len(head) - n_words)]
    return [f"| {' | '.join(fields)} |" for fields in (head, line, *rows)]
