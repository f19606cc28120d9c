"""What `search_live` says of its searches: each contender, and how it compares with autokd.

Hypervolumes are on validation, on the study's own definition, by moocore.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import moocore
import numpy as np
import pandas as pd
from describing import rounded, spread

import autokd
from autokd.pareto import Axis, minimised, reference_point

__all__ = ["hypervolume", "summarised"]

_OURS = "autokd"
_SHARES = (0.25, 0.5, 0.75)
"""Of the seconds, at which what was found so far is looked at."""

Unit = Mapping[str, Any]


def hypervolume(complete: pd.DataFrame, axes: tuple[Axis, ...]) -> float:
    """Measure what is dominated.

    Args:
        complete: The trials, with a column for each axis.
        axes: The objectives.
    """
    if complete.empty:
        return 0.0
    values = minimised(complete[[axis.metric for axis in axes]].to_numpy(), axes)
    return rounded(float(moocore.hypervolume(values, ref=reference_point(axes))))


def summarised(units: Mapping[str, Unit], seconds: Mapping[str, float]) -> dict[str, Any]:
    """Describe every contender, and compare it with autokd seed by seed.

    Args:
        units: What each search found, by data/contender/seed.
        seconds: How long a search lasts, by data.
    """
    summary: dict[str, Any] = {}
    for data in seconds:
        found: dict[str, dict[int, Unit]] = {}
        for key, unit in units.items():
            where, name, seed = key.split("/")
            if where == data:
                found.setdefault(name, {})[int(seed)] = unit
        ends = {name: _ends(theirs) for name, theirs in found.items()}
        ways = {name: dict(_on_the_way(t, data, seconds[data])) for name, t in found.items()}
        for name, theirs in found.items():
            summary[f"{data}/{name}"] = {
                **spread(list(ends[name].values())),
                "autokd_is_larger_by": _compared(name, ends),
                "on_the_way": {
                    share: {
                        **spread(list(values.values())),
                        "autokd_is_larger_by": _compared(name, {n: ways[n][share] for n in ways}),
                    }
                    for share, values in ways[name].items()
                    if values
                },
                **_medians(list(theirs.values())),
            }
    return summary


def _ends(units: Mapping[int, Unit]) -> dict[int, float]:
    return {seed: unit["hypervolume"] for seed, unit in units.items()}


def _on_the_way(
    units: Mapping[int, Unit], data: str, seconds: float
) -> Iterator[tuple[str, dict[int, float]]]:
    """Measure what seeds had found at each share of the seconds, if complete trials are kept."""
    axes = autokd.load_study(data).axes
    names = ["elapsed_s", *(axis.metric for axis in axes)]
    kept = {
        seed: pd.DataFrame(unit["complete"], columns=names)
        for seed, unit in units.items()
        if "complete" in unit
    }
    for share in _SHARES:
        until = share * seconds
        yield (
            f"{share:g}",
            {
                seed: hypervolume(trials[trials["elapsed_s"] <= until], axes)
                for seed, trials in kept.items()
            },
        )


def _compared(name: str, values: Mapping[str, Mapping[int, float]]) -> dict[str, Any]:
    """Compare autokd's with a contender's, seed by seed."""
    ours = values.get(_OURS, {})
    if name == _OURS:
        return {}
    return _paired([ours[seed] - value for seed, value in values[name].items() if seed in ours])


def _medians(units: Sequence[Unit]) -> dict[str, float]:
    """Say how many trials there were, and what a proposal took, in the median over seeds."""
    columns = {
        **{s: [unit["states"].get(s, 0) for unit in units] for s in ("complete", "stopped")},
        "asking_s": [unit["asking_s"] for unit in units],
        "asking_over_trial": [unit["asking_s"] / unit["trial_s"] for unit in units],
    }
    return {name: rounded(statistics.median(values)) for name, values in columns.items()}


def _paired(differences: Sequence[float]) -> dict[str, Any]:
    if len(differences) < 2:
        return {}
    rng = np.random.default_rng(0)
    drawn = rng.choice(differences, size=(10_000, len(differences)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return {
        "median": rounded(statistics.median(differences)),
        "interval": [rounded(float(low)), rounded(float(high))],
        "n": len(differences),
        "n_larger": sum(difference > 0 for difference in differences),
    }
