"""The table of `methods` in Markdown, from the summary in its JSON. Imports nothing heavy."""

from collections.abc import Mapping, Sequence
from typing import Any

_NOTES = {"mixed": " (mixed views)", "tuned": " (tuning split)"}
_TITLES = {"digits": "digits", "fashion_mnist": "FashionMNIST"}


def table(result: Mapping[str, Any]) -> list[str]:
    """Write one row for each row of the summary, the largest gain over ``none`` first."""
    summary = result.get("summary", {})
    cells = [
        cell
        for cell in result.get("cells", ())
        if any(cell in r["cells"] for r in summary.values())
    ]
    head = ["row", *map(_title, cells), "gain over none", "over kd", "ece over none", "n"]
    lines = [_line(head), _line(["---", *["---:"] * (len(head) - 1)])]
    for name in sorted(summary, key=lambda name: -_gain(name, summary[name])):
        lines.append(_line(_row(name, summary[name], cells, result)))
    return lines


def _row(
    name: str, found: Mapping[str, Any], cells: Sequence[str], result: Mapping[str, Any]
) -> list[str]:
    about = result["rows"][name]
    style = {"baseline": "**{}**", "option": "*{}*", "reference": "*{}*"}.get(about["kind"], "{}")
    note = _NOTES.get(about["variant"], "") if about["kind"] == "method" else ""
    counts = sorted({cell["n"] for cell in found["cells"].values()})
    failed = sum(cell["n_failed"] for cell in found["cells"].values())
    n = " to ".join(map(str, (counts[0], counts[-1]) if len(counts) > 1 else counts))
    return [
        style.format(name) + note,
        *(_cell(found["cells"].get(cell)) for cell in cells),
        *(
            _difference(found.get(key, {}).get("test", {}).get(metric), n_cells=len(cells))
            for key, metric in (("over_none", "top1"), ("over_kd", "top1"), ("over_none", "ece"))
        ),
        n + (f", {failed} failed" if failed else ""),
    ]


def _gain(name: str, found: Mapping[str, Any]) -> float:
    if name == "none":
        return 0.0
    gain = found["over_none"].get("test", {}).get("top1", {}).get("mean")
    return float("-inf") if gain is None else float(gain)


def _title(cell: str) -> str:
    data, _, student = cell.partition("/")
    return f"{_TITLES[data]}, {student}"


def _cell(found: Mapping[str, Any] | None) -> str:
    if found is None or "test" not in found:
        return "" if found is None else "failed"
    return " / ".join(_percent(found["test"][metric]) for metric in ("top1", "ece"))


def _percent(found: Mapping[str, float | None]) -> str:
    mean, sd = found["mean"], found["sd"]
    assert mean is not None
    return f"{100 * mean:.1f}" if sd is None else f"{100 * mean:.1f} ± {100 * sd:.1f}"


def _difference(found: Mapping[str, Any] | None, *, n_cells: int) -> str:
    if found is None:
        return ""
    shown = f"{100 * found['mean']:+.2f}"
    if found["low"] is not None:
        shown += f" ({100 * found['low']:+.2f} to {100 * found['high']:+.2f})"
    return shown if found["n_cells"] == n_cells else f"{shown} in {found['n_cells']} cells"


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"
