"""What the searches of `search_tables` say together: medians, ratios and paired differences.

Searches of two contenders with the same seed are a pair. Intervals are 95 % bootstrap intervals
over pairs (percentiles of 10,000 resamples): they say what other seeds would have given, and
nothing of other tables. A level that a search did not reach counts as reached when the whole
table's trainings to the end are paid; how many reached it is said.

The sampler to beat is chosen from Optuna's by the very figures that it is then compared on, which
flatters it. Where a sampler of Optuna's has fewer points to ask for than others, a second ratio
grants it what it might have found with more: a level that it did not reach counts as reached when
its points were used up. No search that went on could have been there earlier.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from table_contenders import CONTENDERS
from table_data import CELLS, STUDENTS, TABLES

from autokd.pareto.arrays import Floats

LEVELS = ("0.95", "0.99")
COUNTS = ("50", "100", "200")
OPTUNA = tuple(name for name in CONTENDERS if name.startswith("optuna"))
"""Of these the best one is the one to beat."""

_FEWER_POINTS = tuple(name for name in OPTUNA if CONTENDERS[name].most_asked)

_N_RESAMPLES = 10_000

_ENOUGH = 5
"""Searches before a sampler can be the one to beat, or is compared over all sub-tables, where
others have as many: a single one that was lucky is no median, and leaves one pair to compare."""

Unit = Mapping[str, Any]
Units = Mapping[Any, Unit]
"""Searches by table, contender and seed, a tuple of these."""

Found = dict[str, dict[int, float]]
"""One figure of a table: by contender and seed."""


def summarise(units: Units, budgets: Mapping[str, float]) -> dict[str, Any]:
    """Summarise all searches.

    Args:
        units: The searches.
        budgets: Seconds by table that a level counts for where it was not reached.

    Returns:
        A line for each table and contender, ``"kd_joint/autokd"``, and one for all sub-tables
        together, ``"kd_each/autokd"``.
    """
    lines: dict[str, Any] = {}
    for table in TABLES:
        mine = {(name, seed): u for (found, name, seed), u in units.items() if found == table}
        if mine:
            describe = _cells if table in CELLS else _students
            found = describe(mine, budgets[table])
            lines |= {f"{table}/{name}": line for name, line in found.items()}
    return lines | _over_students(lines)


def _students(units: Units, budget_s: float) -> dict[str, Any]:
    lines = {name: _described(units, name) for name in _present(units)}
    for level in LEVELS:
        times = _figures(units, lambda unit, level=level: unit["reached_s"][level] or budget_s)
        best = _best(times, np.argmin)
        for name, line in lines.items():
            reached = [u["reached_s"][level] is not None for u in _of(units, name)]
            line[level] = {**quartiles(times[name]), "reached": sum(reached)}
            if best is not None:
                ours, theirs = _pairs(times[name], times[best])
                line[level] |= {
                    "best": best,
                    "ratio": resampled(ours, theirs, ratio),
                    "difference_s": resampled(ours, theirs, difference),
                }
                line[level]["granted"] = _granted(units, level, times=times, name=name)
    return lines


def _granted(units: Units, level: str, *, times: Found, name: str) -> dict[str, Any]:
    """Compare with the best if one with fewer points had got there with its last, each in turn."""
    ends = _figures(units, lambda unit: unit["reached_s"][level] or unit.get("spent_s"))
    found = {}
    for fewer in filter(ends.__contains__, _FEWER_POINTS):
        granted = times | {fewer: ends[fewer]}
        best = _best(granted, np.argmin)
        assert best is not None
        found[fewer] = {"best": best, **resampled(*_pairs(granted[name], granted[best]), ratio)}
    return found


def _cells(units: Units, budget_s: float) -> dict[str, Any]:
    lines = {name: _described(units, name) for name in _present(units)}
    shares = {
        count: _figures(units, lambda unit, count=count: unit["after"][count]) for count in COUNTS
    }
    best = _best(shares[COUNTS[-1]], np.argmax)
    for name, line in lines.items():
        for count, found in shares.items():
            line[count] = {**quartiles(found[name]), "over": _over(found, name)}
        if best is not None:
            goal = float(np.median(list(shares[COUNTS[-1]][best].values())))
            line["best"] = best
            line["to_best"] = _evaluations(_of(units, name), goal, budget_s)
        tight = _figures(units, lambda unit: unit.get("tight_after", {}).get(COUNTS[-1]))
        if None not in tight[name].values():
            line["tight"] = quartiles(tight[name])
    return lines


def _over_students(lines: Mapping[str, Any]) -> dict[str, Any]:
    """Over the sub-tables: median and extremes of the ratios to the best Optuna sampler."""
    found: dict[str, Any] = {}
    counts = {key: line["n"] for key, line in lines.items() if key.partition("/")[0] in STUDENTS}
    enough = _enough(counts.values())
    for name in CONTENDERS:
        mine = [lines[f"{t}/{name}"] for t in STUDENTS if counts.get(f"{t}/{name}", 0) >= enough]
        for level in LEVELS:
            compared = [line[level] for line in mine if "best" in line.get(level, {})]
            if compared:
                line = found.setdefault(f"kd_each/{name}", {"n_tables": len(compared)})
                line[level] = {
                    **_extremes([each["ratio"]["value"] for each in compared]),
                    "granted": _granted_each([each["granted"] for each in compared]),
                    "reached": sum(each["reached"] for each in compared),
                    "n": sum(each["n"] for each in mine),
                }
    return found


def _granted_each(granted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe those who have fewer points in every sub-table."""
    return {
        fewer: _extremes([each[fewer]["value"] for each in granted])
        for fewer in _FEWER_POINTS
        if all(fewer in each for each in granted)
    }


def _extremes(values: Sequence[float]) -> dict[str, float]:
    return {"median": _digits(np.median(values)), "min": min(values), "max": max(values)}


def _described(units: Units, name: str) -> dict[str, Any]:
    mine = _of(units, name)
    counted = ("asked", "paid", "repeats", "stopped", "asking_ms", "share", "cpu_s")
    wrong = {
        key: sum(unit[key] for unit in mine)
        for key in ("off_table", "trained_twice")
        if key in mine[0]
    }
    medians = {
        key: _digits(np.median([unit[key] for unit in mine])) for key in counted if key in mine[0]
    }
    return {"n": len(mine), **medians, **wrong}


def _over(found: Found, name: str) -> dict[str, Any]:
    """Paired differences to every one of Optuna's samplers."""
    return {
        other: resampled(*_pairs(found[name], found[other]), difference)
        for other in OPTUNA
        if other in found and other != name and found[name].keys() & found[other].keys()
    }


def _evaluations(units: Sequence[Unit], goal: float, most: float) -> dict[str, Any]:
    counts = [next((n for n, share in u["changes"] if share >= goal), None) for u in units]
    found = quartiles({i: most if n is None else n for i, n in enumerate(counts)})
    return {**found, "reached": sum(n is not None for n in counts)}


def _best(found: Found, choose: Callable[[Sequence[float]], Any]) -> str | None:
    enough = _enough([len(found[name]) for name in OPTUNA if name in found])
    names = [name for name in OPTUNA if len(found.get(name, {})) >= enough]
    medians = [float(np.median(list(found[name].values()))) for name in names]
    return names[int(choose(medians))] if names else None


def _enough(counts: Collection[int]) -> int:
    return min(_ENOUGH, max(counts, default=1))


def _present(units: Units) -> list[str]:
    return [name for name in CONTENDERS if any(key[0] == name for key in units)]


def _of(units: Units, name: str) -> list[Unit]:
    return [unit for key, unit in sorted(units.items()) if key[0] == name]


def _figures(units: Units, read: Callable[[Unit], Any]) -> Found:
    found: Found = {}
    for (name, seed), unit in sorted(units.items()):
        found.setdefault(name, {})[seed] = read(unit)
    return found


def _pairs(ours: Mapping[int, float], theirs: Mapping[int, float]) -> tuple[Floats, Floats]:
    """Values of the seeds that both have, each ``(seeds,)``."""
    seeds = sorted(ours.keys() & theirs.keys())
    return np.array([ours[s] for s in seeds], float), np.array([theirs[s] for s in seeds], float)


def ratio(ours: Floats, theirs: Floats) -> Any:
    """Divide medians, each over the last axis."""
    return np.median(ours, axis=-1) / np.median(theirs, axis=-1)


def difference(ours: Floats, theirs: Floats) -> Any:
    """Give the mean paired difference over the last axis."""
    return (ours - theirs).mean(axis=-1)


def resampled(
    ours: Floats, theirs: Floats, statistic: Callable[[Floats, Floats], Any]
) -> dict[str, Any]:
    """Compare the values of pairs.

    Args:
        ours: One value of each pair, ``(pairs,)``.
        theirs: The other ones.
        statistic: What is asked of both, over the last axis.

    Returns:
        Its value, the ends of its interval, and the number of pairs.
    """
    n = len(ours)
    if not n:
        return {"value": None, "low": None, "high": None, "n": 0}
    chosen = np.random.default_rng(0).integers(n, size=(_N_RESAMPLES, n))
    low, high = np.percentile(statistic(ours[chosen], theirs[chosen]), [2.5, 97.5])
    value = _digits(statistic(ours, theirs))
    return {"value": value, "low": _digits(low), "high": _digits(high), "n": n}


def quartiles(values: Mapping[int, float]) -> dict[str, float]:
    """Give the median and both quartiles of searches' values by seed."""
    low, middle, high = np.percentile(list(values.values()), [25, 50, 75])
    return {"median": _digits(middle), "q1": _digits(low), "q3": _digits(high)}


def _digits(value: Any) -> float:
    return float(f"{float(value):.5g}")
