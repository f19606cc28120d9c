"""What distillation did, as tables: a row for each method, and a row for each harmed class.

Metrics are those of students that finished the top rung. Medians, since a search tries poor
students too. Between methods baselines are left out: all of them have one method, which would then
be judged by hand-made students.
"""

from collections.abc import Iterator, Mapping
from math import isnan

import pandas as pd

from autokd.pages.table import Table
from autokd.report.gains import BASELINE, Gain
from autokd.report.gathered import Gathered
from autokd.report.origins import searched
from autokd.report.rounding import MISSING, exact

__all__ = [
    "CLASS_LIMIT",
    "at_first_rung",
    "class_names",
    "finished",
    "harm_table",
    "method_table",
    "student_table",
]

CLASS_LIMIT = 10
"""Classes that are shown at most, the most harmed first."""

_MEDIANS = ("ece", "nll", "agreement", "kl", "cev", "sde")


def finished(run: Gathered) -> pd.DataFrame:
    """Select the students that finished the top rung.

    Args:
        run: The run.

    Returns:
        Their rows.
    """
    return run.trials[run.trials["state"] == "complete"]


def at_first_rung(run: Gathered) -> pd.DataFrame:
    """Select all students at the first rung.

    Args:
        run: The run.

    Returns:
        ``trial``, ``top1`` there, ``params`` and ``kd.method``. A trial that repeats or continues
        another one is left out: what it shows there is that one's.
    """
    is_lowest = run.curves["epochs"] == run.spec.fidelity.ladder.rungs[0]
    is_own = run.curves["seconds"] > 0  # what was taken from another trial took no time again
    shown = run.curves.loc[is_lowest & is_own, ["trial", "top1"]]
    return shown.merge(run.trials[["trial", "params", "kd.method"]], on="trial")


def method_table(run: Gathered, found: Mapping[int, Mapping[str, Gain]]) -> Table:
    """Compare the methods of a study that searches among several.

    Args:
        run: The run.
        found: Gain by method at each rung where there are any, by epochs, the top rung first.

    Returns:
        A row a method, the largest gain on top and methods without one below, by median top1.
        Baselines do not count, and metrics that no student has are left out.
    """
    complete = searched(run, finished(run))
    tried = searched(run, run.trials)["kd.method"].value_counts()
    on_front = searched(run, run.front)["kd.method"].value_counts()
    rows = []
    for method in sorted(tried.index, key=lambda method: _place(method, complete, found)):
        students = complete[complete["kd.method"] == method]
        rows.append(
            {
                "method": str(method),
                "trials": str(tried[method]),
                "finished": str(len(students)),
                "on the front": str(on_front.get(method, 0)),
                **_top1(students),
                **{f"gain at {rung}": _gain(method, gains) for rung, gains in found.items()},
                **_medians(students, complete),
            }
        )
    return _table(rows)


def student_table(run: Gathered) -> Table:
    """Sum up the students of a study with a single method.

    Args:
        run: The run.

    Returns:
        A row for all that finished and one for the front; none before any has.
    """
    complete = finished(run)
    groups = {"all finished": complete, "on the front": run.front}
    rows = [
        {
            "students": name,
            "n": str(len(group)),
            **_top1(group),
            **_medians(group, complete),
        }
        for name, group in groups.items()
        if len(group)
    ]
    return _table(rows)


def harm_table(run: Gathered) -> Table:
    """Say which classes lost most against the teacher.

    Args:
        run: The run.

    Returns:
        A row for all classes together and one for each of up to `CLASS_LIMIT`, the largest loss
        among the front's students first: mean change of recall in percentage points, of the front
        and of each method, without baselines. No rows where the change was not recorded.
    """
    changes = run.recall_changes
    means = {
        f"{name} (n = {len(rows)})": rows.mean()
        for name, rows in _groups(run, changes)
        if len(rows)
    }
    if not means:
        return Table((), ())
    names = class_names(run, changes.shape[1])
    worst = next(iter(means.values())).sort_values(kind="stable").index[:CLASS_LIMIT]
    rows = [
        ("all classes", *(_points(mean.mean()) for mean in means.values())),
        *((names[at], *(_points(mean[at]) for mean in means.values())) for at in worst),
    ]
    return Table(("class", *means), tuple(rows))


def class_names(run: Gathered, n_classes: int) -> list[str]:
    """Name the classes.

    Args:
        run: The run.
        n_classes: Classes, >= 1.

    Returns:
        The names that the run noted, else numbers.
    """
    noted = run.info.get("data", {}).get("class_names", ())
    if len(noted) == n_classes:
        return [str(name) for name in noted]
    return [f"class {at}" for at in range(n_classes)]


def _groups(run: Gathered, changes: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "front", changes[changes.index.isin(run.front["trial"])]
    if "kd.method" not in run.parameters:
        yield "all finished", changes
        return
    for method, rows in searched(run, finished(run)).groupby("kd.method"):
        yield str(method), changes[changes.index.isin(rows["trial"])]


def _top1(rows: pd.DataFrame) -> dict[str, str]:
    top1 = rows["top1"].astype(float)
    return {"best top1": exact("top1", top1.max()), "median top1": exact("top1", top1.median())}


def _medians(rows: pd.DataFrame, complete: pd.DataFrame) -> dict[str, str]:
    shown = [name for name in _MEDIANS if name in complete and complete[name].notna().any()]
    return {name: exact(name, float(rows[name].astype(float).median())) for name in shown}


def _place(
    method: str, complete: pd.DataFrame, found: Mapping[int, Mapping[str, Gain]]
) -> tuple[float, ...]:
    """Order methods by the gain at the highest rung that tells one, the largest first."""
    for at, gains in enumerate(found.values()):
        if method in gains:
            return at, -gains[method].value
    median = complete.loc[complete["kd.method"] == method, "top1"].median()
    return len(found), 0.0 if isnan(median) else -median


def _gain(method: str, gains: Mapping[str, Gain]) -> str:
    if method not in gains:
        return MISSING
    gain = gains[method]
    if method == BASELINE:
        return f"baseline, n = {gain.n}"
    return f"{gain.value:+.3f} ± {gain.margin:.3f}, n = {gain.n}"


def _points(change: float) -> str:
    return f"{100 * change:+.1f}"


def _table(rows: list[dict[str, str]]) -> Table:
    return Table(tuple(rows[0]) if rows else (), tuple(tuple(row.values()) for row in rows))
