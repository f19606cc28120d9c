"""The tables of `search_tables` in Markdown, from the summary in its JSON. No heavy imports."""

from collections.abc import Mapping
from typing import Any

from page_words import extremes, lines_of, markdown, points, ratio

_JOINT, _EACH = "kd_joint", "kd_each"
_LEVELS = ("0.95", "0.99")
_COUNTS = ("50", "100", "200")
_PLAIN = "autokd, point and size only"
_SHOWN = ("autokd", "autokd, no race", "moasha, by rank")
"""Beside the best of Optuna's, for each method; all others are in the table of all ten."""

_CELLS = {
    "cells_cifar10": "CIFAR-10",
    "cells_cifar100": "CIFAR-100",
    "cells_imagenet16": "ImageNet16-120",
}

Line = Mapping[str, Any]
Lines = Mapping[str, Line]


def tables(result: Mapping[str, Any]) -> list[str]:
    """Write all tables, each with a title."""
    parts = {
        "Student and method together": joint(result),
        "The student alone, one table a method": students(result),
        "The ten tables together": together(result),
        "Were Optuna's Gaussian process there with its last point": granted(result),
        "NAS-Bench-201": cells(result),
        "autokd less each of Optuna's samplers": differences(result),
        "The same, shown no more than point and size": plain(result),
    }
    return [line for title, lines in parts.items() for line in ("", f"### {title}", "", *lines)]


def joint(result: Mapping[str, Any]) -> list[str]:
    """Write a row for each contender on the table of students and methods."""
    lines = _lines(result, _JOINT)
    head = ["contender", "n", "seconds to 95 %", "to 99 %", "of the best of Optuna's, 95 %"]
    head += ["99 %", "asked / paid / repeats", "ms a proposal"]
    rows = [
        [
            name,
            str(line["n"]),
            *(_time(line, level) for level in _LEVELS),
            *(_ratio(line, level) for level in _LEVELS),
            _counts(line),
            f"{line['asking_ms']:.3g}",
        ]
        for name, line in lines.items()
    ]
    return markdown(head, rows)


def students(result: Mapping[str, Any]) -> list[str]:
    """Write a row for each method's table: the best of Optuna's, and who is compared with it."""
    head = ["table", "best of Optuna's, 95 %", "99 %"]
    head += [f"{name}, of its time: 95 %, 99 %" for name in _SHOWN]
    rows = []
    for table in _tables(result, "kd_"):
        lines = _lines(result, table)
        best = [_best(lines, level) for level in _LEVELS]
        ours = [", ".join(_ratio(lines.get(name, {}), lv) for lv in _LEVELS) for name in _SHOWN]
        rows.append([table.removeprefix("kd_"), *best, *ours])
    each = _lines(result, _EACH)
    medians = [", ".join(_median(each.get(name, {}), lv) for lv in _LEVELS) for name in _SHOWN]
    return markdown(head, [*rows, ["**median of the tables**", "", "", *medians]])


def together(result: Mapping[str, Any]) -> list[str]:
    """Write a row for each contender: its times over the best of Optuna's, over the ten tables."""
    head = ["contender", "tables", "of the best of Optuna's, 95 %: median (min to max)", "99 %"]
    head += ["searches that came to 95 %", "to 99 %"]
    rows = [
        [
            name,
            str(line["n_tables"]),
            *(_extremes(line.get(level)) for level in _LEVELS),
            *(f"{line[level]['reached']} of {line[level]['n']}" for level in _LEVELS),
        ]
        for name, line in _lines(result, _EACH).items()
    ]
    return markdown(head, rows)


def granted(result: Mapping[str, Any]) -> list[str]:
    """Write how autokd compares if those with few points had got there with the last of them."""
    head = ["contender", "granted to", "student and method: 95 %", "99 %"]
    head += ["ten tables of the student, 95 %: median (min to max)", "99 %"]
    each = _lines(result, _EACH)
    rows = []
    for name, line in _lines(result, _JOINT).items():
        if name in each and name.startswith("autokd"):
            for fewer in line[_LEVELS[0]]["granted"]:
                one = [line[level]["granted"][fewer] for level in _LEVELS]
                all_ten = [each[name][level]["granted"].get(fewer) for level in _LEVELS]
                shown = [_extremes(found) if found else "not among them" for found in all_ten]
                rows.append([name, fewer, *map(ratio, one), *shown])
    return markdown(head, rows, n_words=2)


def cells(result: Mapping[str, Any]) -> list[str]:
    """Write a row for each contender on each data set of NAS-Bench-201."""
    head = ["data set", "contender", "n", *(f"% after {count}" for count in _COUNTS)]
    head += ["trainings to the best of Optuna's at 200", "asked / paid / repeats"]
    head += ["ms a proposal"]
    rows = [
        [
            title,
            name,
            str(line["n"]),
            *(_share(line[count]) for count in _COUNTS),
            _evaluations(line),
            _counts(line),
            f"{line['asking_ms']:.3g}",
        ]
        for table, title in _CELLS.items()
        for name, line in _lines(result, table).items()
    ]
    return markdown(head, rows)


def differences(result: Mapping[str, Any], ours: str = "autokd") -> list[str]:
    """Write autokd's paired differences to Optuna's samplers on NAS-Bench-201."""
    found = {table: _lines(result, table).get(ours, {}) for table in _CELLS}
    columns = [(table, count) for table in _CELLS for count in _COUNTS[1:]]
    names = {name: 0 for line in found.values() for name in line.get("100", {}).get("over", {})}
    head = [f"{ours} less", *(f"{_CELLS[table]}, {count}" for table, count in columns)]
    rows = [
        [
            name,
            *(
                _points(found[table].get(count, {}).get("over", {}).get(name))
                for table, count in columns
            ),
        ]
        for name in names
    ]
    return markdown(head, rows)


def plain(result: Mapping[str, Any]) -> list[str]:
    """Write the differences of autokd where it is shown no more than point and size."""
    return differences(result, _PLAIN)


def tight(result: Mapping[str, Any]) -> list[str]:
    """Write the shares of CIFAR-10 up to the reference point near the front, after 200."""
    rows = [
        [name, _share(line["tight"])]
        for name, line in _lines(result, "cells_cifar10").items()
        if "tight" in line
    ]
    return markdown(["contender", "% after 200, reference near the front"], rows)


def _tables(result: Mapping[str, Any], start: str) -> list[str]:
    names = dict.fromkeys(key.partition("/")[0] for key in result.get("summary", {}))
    return [name for name in names if name.startswith(start) and name not in (_JOINT, _EACH)]


def _lines(result: Mapping[str, Any], table: str) -> Lines:
    return lines_of(result.get("summary", {}), table)


def _time(line: Line, level: str) -> str:
    found, n = line[level], line["n"]
    if 2 * found["reached"] <= n:
        return f"not reached ({found['reached']} of {n})"
    shown = f"{found['median']:,.0f} ({found['q1']:,.0f} to {found['q3']:,.0f})"
    return shown if found["reached"] == n else f"{shown}, {found['reached']} of {n}"


def _ratio(line: Line, level: str) -> str:
    found = line.get(level, {}).get("ratio", {})
    if found.get("value") is None:
        return ""
    return ratio(found)


def _best(lines: Lines, level: str) -> str:
    name = next((line[level]["best"] for line in lines.values() if "best" in line[level]), None)
    if name is None:
        return ""
    return f"{name.removeprefix('optuna ')}: {lines[name][level]['median']:,.0f} s"


def _median(line: Line, level: str) -> str:
    return f"**{line[level]['median']:.2f}**" if level in line else ""


def _extremes(found: Mapping[str, float] | None) -> str:
    return extremes(found) if found else ""


def _counts(line: Line) -> str:
    return " / ".join(f"{line[key]:g}" for key in ("asked", "paid", "repeats"))


def _share(found: Mapping[str, float]) -> str:
    median, q1, q3 = (100 * found[key] for key in ("median", "q1", "q3"))
    return f"{median:.2f} ({q1:.2f} to {q3:.2f})"


def _evaluations(line: Line) -> str:
    found = line.get("to_best")
    if found is None:
        return ""
    if 2 * found["reached"] <= line["n"]:
        return f"not reached ({found['reached']} of {line['n']})"
    return f"{found['median']:g} ({found['q1']:g} to {found['q3']:g})"


def _points(found: Mapping[str, float] | None) -> str:
    return points(found) if found else ""
