"""Tables from records: trials, front, curves, hypervolume, changes of recall.

Plain functions from records or tables to tables; where the records come from is
`autokd.runs.ledger`'s business.
"""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from autokd.pareto import Axis, hypervolume_history, is_front, minimised, reference_point
from autokd.runs.record import Record

__all__ = [
    "below_table",
    "curves_table",
    "front_table",
    "hypervolume_table",
    "recall_table",
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


def trials_table(records: Sequence[Record], metrics: Collection[str] = ()) -> pd.DataFrame:
    """Tabulate records.

    Args:
        records: Records, one a slot.
        metrics: Metrics that have a column even if no record has them, as the study's objectives.

    Returns:
        A row a record; see `autokd.runs.run.Run.trials` for the columns. What a record does not
        have is NaN.
    """
    rows = [_row(record) for record in records]
    present = {name for row in rows for name in row}
    shown = [name for name in METRICS if name in present | {"top1", "params", *metrics}]
    spreads = [f"{name}_std" for name in METRICS if f"{name}_std" in present]
    parameters = sorted({name for record in records for name in record.point})
    origin = ["origin"] if any(record.origin for record in records) else []
    costs = ["epochs", "seconds", "elapsed_s"]
    columns = [*_HEAD, *origin, *shown, *spreads, *costs, *parameters]
    return pd.DataFrame(rows, columns=columns)


def front_table(
    trials: pd.DataFrame,
    axes: Sequence[Axis],
    size_metric: str,
    *,
    min_top1: float | None = None,
) -> pd.DataFrame:
    """Keep the Pareto front.

    Args:
        trials: What `trials_table` gave.
        axes: The study's objectives.
        size_metric: Column to sort by.
        min_top1: Top1 below which a trial is no member; None bounds nothing.

    Returns:
        Complete rows that no other member dominates, smallest first.
    """
    members = _complete(trials)
    members = members[~_is_below(members, min_top1)]
    if members.empty:
        return members
    on_front = is_front(minimised(_values(members, axes), axes))
    return members[on_front].sort_values([size_metric, "trial"])


def below_table(trials: pd.DataFrame, min_top1: float | None) -> pd.DataFrame:
    """Keep the trials that finished and are no members of the front whatever their size.

    Args:
        trials: What `trials_table` gave.
        min_top1: The study's bound on top1; None bounds nothing.

    Returns:
        Complete rows below it, in their order.
    """
    complete = _complete(trials)
    return complete[_is_below(complete, min_top1)]


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


def hypervolume_table(
    trials: pd.DataFrame, axes: Sequence[Axis], *, min_top1: float | None = None
) -> pd.DataFrame:
    """Follow the hypervolume through the complete trials.

    Args:
        trials: What `trials_table` gave.
        axes: The study's objectives.
        min_top1: Top1 below which a trial adds nothing; None bounds nothing.

    Returns:
        Columns ``trial``, ``elapsed_s``, ``hypervolume``, in the order of completion.
    """
    complete = _complete(trials).sort_values(["elapsed_s", "trial"])
    table = complete[["trial", "elapsed_s"]].reset_index(drop=True)
    if complete.empty:
        return table.assign(hypervolume=pd.Series(dtype=float))
    values, reference = minimised(_values(complete, axes), axes), reference_point(axes)
    values[_is_below(complete, min_top1).to_numpy()] = reference
    return table.assign(hypervolume=hypervolume_history(values, reference))


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


def _row(record: Record) -> dict[str, object]:
    spread = record.rungs[-1].spread if record.rungs else {}
    return {
        "trial": record.slot,
        "state": record.outcome,
        "reason": record.reason,
        "origin": record.origin,
        **record.cost,
        **record.metrics,
        **{f"{name}_std": value for name, value in spread.items()},
        "epochs": record.epochs,
        "seconds": record.seconds,
        "elapsed_s": record.ended_s,
        **record.point,
    }


def _complete(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[trials["state"] == "complete"]


def _is_below(trials: pd.DataFrame, min_top1: float | None) -> "pd.Series[bool]":
    return trials["top1"] < (min_top1 or 0.0)


def _values(trials: pd.DataFrame, axes: Sequence[Axis]) -> np.ndarray:
    return trials[[axis.metric for axis in axes]].to_numpy(dtype=float)
