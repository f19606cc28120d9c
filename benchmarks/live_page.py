"""The table of `search_live` in Markdown, from the summary in its JSON. No heavy imports."""

from collections.abc import Mapping
from typing import Any

from page_words import lines_of

_TITLES = {"digits": "digits", "fashion_mnist": "FashionMNIST, 5,000 images"}
_HEAD = (
    *("data", "contender", "n", "hypervolume", "autokd's is larger by"),
    *("complete", "stopped early", "s a proposal", "of a trial's time"),
)


def live(result: Mapping[str, Any]) -> list[str]:
    """Write a row for each contender on each data set, the largest hypervolume first."""
    rows = []
    for data, title in _TITLES.items():
        lines = lines_of(result["summary"], data)
        title += f" ({result['seconds'][data]:g} s)"
        for name, line in sorted(lines.items(), key=lambda item: -item[1]["median"]):
            rows.append([title, name, *_shown(line)])
    return [f"| {' | '.join(fields)} |" for fields in (_HEAD, _aligned(), *rows)]


def _shown(line: Mapping[str, Any]) -> list[str]:
    found = line["autokd_is_larger_by"]
    larger = "" if not found else f"{found['median']:+.3f} ({_from_to(found['interval'], '+.3f')})"
    return [
        str(line["n"]),
        f"{line['median']:.3f} ({_from_to((line['min'], line['max']), '.3f')})",
        larger,
        f"{line['complete']:g}",
        f"{line['stopped']:g}",
        f"{line['asking_s']:.2g}",
        f"{100 * line['asking_over_trial']:.2g} %",
    ]


def _from_to(ends: tuple[float, float] | list[float], form: str) -> str:
    low, high = ends
    return f"{low:{form}} to {high:{form}}"


def _aligned() -> list[str]:
    return ["---", "---", *["---:"] * (len(_HEAD) - 2)]
