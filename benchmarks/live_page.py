"""The tables of `search_live` in Markdown, from the summary in its JSON. No heavy imports."""

from collections.abc import Mapping
from typing import Any

from page_words import lines_of, markdown

_TITLES = {"digits": "digits", "fashion_mnist": "FashionMNIST, 5,000 images"}
_HEAD = (
    *("data", "contender", "n", "hypervolume", "autokd's is larger by"),
    *("complete", "stopped early", "s a proposal", "of a trial's time"),
)
_HALF = "0.5"


def live(result: Mapping[str, Any]) -> list[str]:
    """Write a row for each contender on each data set, the largest hypervolume first."""
    rows = []
    for data, title in _TITLES.items():
        title += f" ({result['seconds'][data]:g} s)"
        for name, line in _by_median(result, data):
            rows.append([title, name, *_shown(line)])
    return markdown(_HEAD, rows, n_words=2)


def on_the_way(result: Mapping[str, Any]) -> list[str]:
    """Write what each contender had found before the end, a table for each data set.

    Data sets are left out whose complete trials were not kept.
    """
    lines = []
    for data, title in _TITLES.items():
        found = [(name, line) for name, line in _by_median(result, data) if line["on_the_way"]]
        if found:
            seconds = result["seconds"][data]
            shares = list(found[0][1]["on_the_way"])
            times = [f"{float(share) * seconds:g} s" for share in shares]
            half = f"{float(_HALF) * seconds:g} s"
            head = [
                *(title, "n", *(f"after {time}" for time in times)),
                *(f"autokd's is larger by, after {half}", f"in pairs, after {half}"),
                f"in pairs, after {seconds:g} s",
            ]
            rows = [[name, str(line["n"]), *_earlier(line, shares)] for name, line in found]
            lines += ["", *markdown(head, rows)]
    return lines


def _by_median(result: Mapping[str, Any], data: str) -> list[tuple[str, Any]]:
    lines = lines_of(result["summary"], data)
    return sorted(lines.items(), key=lambda item: -item[1]["median"])


def _shown(line: Mapping[str, Any]) -> list[str]:
    return [
        *(str(line["n"]), _spread(line), _larger(line)),
        f"{line['complete']:g}",
        f"{line['stopped']:g}",
        f"{line['asking_s']:.2g}",
        f"{100 * line['asking_over_trial']:.2g} %",
    ]


def _earlier(line: Mapping[str, Any], shares: list[str]) -> list[str]:
    found = line["on_the_way"]
    half = found[_HALF]
    return [
        *(_spread(found[share]) for share in shares),
        _larger(half),
        _pairs(half),
        _pairs(line),
    ]


def _spread(line: Mapping[str, Any]) -> str:
    return f"{line['median']:.3f} ({_from_to((line['min'], line['max']), '.3f')})"


def _larger(line: Mapping[str, Any]) -> str:
    found = line["autokd_is_larger_by"]
    return f"{found['median']:+.3f} ({_from_to(found['interval'], '+.3f')})" if found else ""


def _pairs(line: Mapping[str, Any]) -> str:
    found = line["autokd_is_larger_by"]
    return f"{found['n_larger']} of {found['n']}" if found else ""


def _from_to(ends: tuple[float, float] | list[float], form: str) -> str:
    low, high = ends
    return f"{low:{form}} to {high:{form}}"
