"""Tables from records: trials, front, curves, hypervolume, and how well the rungs ranked.

Plain functions from records or tables to tables; where the records come from is
`autokd.runs.ledger`'s business.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from autokd.pareto import Axis, hypervolume_history, is_front, minimised, reference_point
from autokd.runs.record import Record

__all__ = [
    "curves_table",
    "front_table",
    "hypervolume_table",
    "recall_table",
    "rung_correlation",
    "trials_table",
]

METRICS = (
    "top1",
    "ece",
    "nll",
    "agreement",
    "kl",
    "cev",
    "sde",
    "params",
    "macs",
    "peak_bytes",
    "latency_s",
)
_HEAD = ("trial", "state", "reason")


def trials_table(records: Sequence[Record]) -> pd.DataFrame:
    """Tabulate records.

    Args:
        records: Records, one a slot.

    Returns:
        A row a record; see `autokd.runs.run.Run.trials` for the columns.
    """
    rows = [_row(record) for record in records]
    present = {name for row in rows for name in row}
    metrics = [name for name in METRICS if name in present or name in ("top1", "params")]
    spreads = [f"{name}_std" for name in METRICS if f"{name}_std" in present]
    parameters = sorted({name for record in records for name in record.point})
    columns = [*_HEAD, *metrics, *spreads, "epochs", "seconds", "elapsed_s", *parameters]
    return pd.DataFrame(rows, columns=columns)


def front_table(trials: pd.DataFrame, axes: Sequence[Axis], size_metric: str) -> pd.DataFrame:
    """Keep the Pareto front.

    Args:
        trials: What `trials_table` gave.
        axes: The study's objectives.
        size_metric: Column to sort by.

    Returns:
        Complete, non-dominated rows, smallest first.
    """
    complete = trials[trials["state"] == "complete"]
    if complete.empty:
        return complete
    on_front = is_front(minimised(_values(complete, axes), axes))
    return complete[on_front].sort_values([size_metric, "trial"])


def curves_table(records: Sequence[Record]) -> pd.DataFrame:
    """Tabulate every rung.

    Args:
        records: Records, one a slot.

    Returns:
        A row a rung; see `autokd.runs.run.Run.curves` for the columns.
    """
    rows = [
        {
            "trial": record.slot,
            "epochs": rung.epochs,
            "seconds": rung.seconds,
            "goes_on": rung.goes_on,
            "verdict": rung.verdict,
            **rung.metrics,
        }
        for record in records
        for rung in record.rungs
    ]
    head = ["trial", "epochs", "seconds", "goes_on", "verdict"]
    present = {name for row in rows for name in row}
    return pd.DataFrame(rows, columns=[*head, *(name for name in METRICS if name in present)])


def hypervolume_table(trials: pd.DataFrame, axes: Sequence[Axis]) -> pd.DataFrame:
    """Follow the hypervolume through the complete trials.

    Args:
        trials: What `trials_table` gave.
        axes: The study's objectives.

    Returns:
        Columns ``trial``, ``elapsed_s``, ``hypervolume``, in the order of completion.
    """
    complete = trials[trials["state"] == "complete"].sort_values(["elapsed_s", "trial"])
    table = complete[["trial", "elapsed_s"]].reset_index(drop=True)
    if complete.empty:
        return table.assign(hypervolume=pd.Series(dtype=float))
    values = minimised(_values(complete, axes), axes)
    return table.assign(hypervolume=hypervolume_history(values, reference_point(axes)))


def recall_table(records: Sequence[Record]) -> pd.DataFrame:
    """Tabulate how each class has changed against the teacher.

    Args:
        records: Records, one a slot.

    Returns:
        A row for each complete trial that has it; see `autokd.runs.run.Run.recall_changes`.
    """
    changes = {
        record.slot: record.rungs[-1].recall_changes
        for record in records
        if record.outcome == "complete" and record.rungs[-1].recall_changes
    }
    index = pd.Index(changes, name="trial", dtype=int)
    return pd.DataFrame(list(changes.values()), index=index, dtype=float)


def rung_correlation(curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Compare each rung's score with the top rung's.

    Args:
        curves: What `curves_table` gave.
        metric: The score.

    Returns:
        Columns ``epochs``, ``n``, ``tau``; a row for each rung below the top; tau is NaN below
        three trials or without any difference among them. Only trials that reached the top rung
        enter, so the race has already removed the weakest.

    Source: Kendall's tau-b as SciPy computes it.
    """
    if curves.empty or metric not in curves:
        return pd.DataFrame({"epochs": [], "n": [], "tau": []})
    scores = curves.pivot(index="trial", columns="epochs", values=metric)
    top = scores.columns.max()
    finished = scores[scores[top].notna()]
    rows = [
        {"epochs": rung, "n": len(finished), "tau": _tau(finished[rung], finished[top])}
        for rung in scores.columns[:-1]
    ]
    return pd.DataFrame(rows, columns=["epochs", "n", "tau"])


def _row(record: Record) -> dict[str, object]:
    spread = record.rungs[-1].spread if record.rungs else {}
    return {
        "trial": record.slot,
        "state": record.outcome,
        "reason": record.reason,
        **record.cost,
        **record.metrics,
        **{f"{name}_std": value for name, value in spread.items()},
        "epochs": record.epochs,
        "seconds": record.seconds,
        "elapsed_s": record.ended_s,
        **record.point,
    }


def _values(trials: pd.DataFrame, axes: Sequence[Axis]) -> np.ndarray:
    return trials[[axis.metric for axis in axes]].to_numpy(dtype=float)


def _tau(left: pd.Series, right: pd.Series) -> float:
    if len(left) < 3:
        return float("nan")
    return float(kendalltau(left, right).statistic)
