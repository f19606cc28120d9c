"""What the trainings of `methods` say together: means, spreads and paired differences.

A *cell* is a data set and a student. A difference pairs trainings of the same cell and seed; over
the cells it is the mean of their means, so that each cell counts once. Its interval treats the
cells as given and the seeds as drawn (Student's t, degrees of freedom after Welch and
Satterthwaite): it says what other seeds would have given, and nothing of other images.

Source of the interval: Satterthwaite 1946, Biometrics Bulletin 2(6), equation 17.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from scipy import stats

METRICS = ("top1", "ece", "nll", "agreement")
SPLITS = ("validation", "test")
REFERENCES = ("none", "kd")
N_BEST = 8

Unit = Mapping[str, Any]
Units = Mapping[Any, Unit]
"""Trainings by data set, student, row and seed, a tuple of these."""

_LEVEL = 0.95


def summarise(units: Units, rows: Sequence[str]) -> dict[str, Any]:
    """Summarise the rows that were trained at all."""
    return {row: _row(units, row) for row in rows if any(key[2] == row for key in units)}


def best_rows(units: Units, rows: Sequence[str], *, seeds: Sequence[int]) -> list[str]:
    """Choose the rows that gain most over ``none``, on validation and on these seeds alone.

    Nothing else is looked at, so that seeds which are added later do not change the choice. A row
    that failed throughout in some cell is not chosen.
    """
    chosen = {key: unit for key, unit in units.items() if key[3] in seeds}
    gains = {
        row: differences(chosen, row, "none", split="validation", metric="top1") for row in rows
    }
    n_cells = max(map(len, gains.values()))
    means = {row: _mean_of_cells(found) for row, found in gains.items() if len(found) == n_cells}
    return sorted(means, key=lambda row: -means[row])[:N_BEST]


def differences(
    units: Units, row: str, reference: str, *, split: str, metric: str
) -> dict[tuple[str, str], list[float]]:
    """List a row's differences to another one, seed by seed, by cell."""
    found: dict[tuple[str, str], list[float]] = {}
    for (data, student, name, seed), unit in sorted(units.items()):
        other = units.get((data, student, reference, seed), {})
        if name == row and split in unit and split in other:
            difference = unit[split][metric] - other[split][metric]
            found.setdefault((data, student), []).append(difference)
    return found


def interval(cells: Mapping[Any, Sequence[float]]) -> dict[str, float | int | None]:
    """Estimate the mean of the cells' means with its 95 % interval, None where n is 1."""
    found: dict[str, float | int | None] = {
        "mean": _digits(_mean_of_cells(cells)),
        "low": None,
        "high": None,
        "n": min(len(values) for values in cells.values()),
        "n_cells": len(cells),
    }
    if all(len(values) > 1 for values in cells.values()):
        errors = [statistics.variance(values) / len(values) for values in cells.values()]
        freedom = [len(values) - 1 for values in cells.values()]
        half = _half_width(errors, freedom) / len(cells)
        mean = _mean_of_cells(cells)
        found |= {"low": _digits(mean - half), "high": _digits(mean + half)}
    return found


def _half_width(errors: Sequence[float], freedom: Sequence[int]) -> float:
    """Half the interval of a sum, from the squared standard errors of its terms."""
    total = sum(errors)
    if not total:
        return 0.0
    parts = sum(error**2 / n for error, n in zip(errors, freedom, strict=True))
    return float(stats.t.ppf((1 + _LEVEL) / 2, total**2 / parts)) * math.sqrt(total)


def _row(units: Units, row: str) -> dict[str, Any]:
    cells = sorted({key[:2] for key in units if key[2] == row})
    return {
        "cells": {
            "/".join(cell): _cell(
                [u for key, u in sorted(units.items()) if key[:3] == (*cell, row)]
            )
            for cell in cells
        },
        **{f"over_{name}": _compared(units, row, name) for name in REFERENCES if name != row},
    }


def _cell(units: Sequence[Unit]) -> dict[str, Any]:
    finished = [unit for unit in units if "test" in unit]
    found: dict[str, Any] = {"n": len(finished), "n_failed": len(units) - len(finished)}
    if finished:
        found["seconds"] = _digits(statistics.median(unit["seconds"] for unit in finished))
        for split in SPLITS:
            found[split] = {
                metric: _described([unit[split][metric] for unit in finished])
                for metric in METRICS
            }
    return found


def _compared(units: Units, row: str, reference: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for split in SPLITS:
        for metric in ("top1", "ece"):
            cells = differences(units, row, reference, split=split, metric=metric)
            if cells:
                found.setdefault(split, {})[metric] = interval(cells)
    return found


def _described(values: Sequence[float]) -> dict[str, float | None]:
    return {
        "mean": _digits(statistics.mean(values)),
        "sd": _digits(statistics.stdev(values)) if len(values) > 1 else None,
        "median": _digits(statistics.median(values)),
        "min": _digits(min(values)),
        "max": _digits(max(values)),
    }


def _mean_of_cells(cells: Mapping[Any, Sequence[float]]) -> float:
    return statistics.mean(statistics.mean(values) for values in cells.values())


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
