"""Which student to take: one of the front by rule, or any trial by number.

Only validation is looked at. The test set was measured to be reported, not to be chosen by.
"""

from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from autokd.checking import nearest
from autokd.errors import ExportError
from autokd.export.facts import data_facts
from autokd.export.origin import why_no_student
from autokd.graphs import count_params
from autokd.pareto import knee

if TYPE_CHECKING:
    import pandas as pd

    from autokd.runs import Run

__all__ = ["BEST", "choose"]

BEST = ("knee", "top1")
"""Legal rules: the front's knee in (log10 params, top1), or its highest top1."""


def choose(
    run: "Run",
    *,
    best: str | None = None,
    trial: int | None = None,
    max_params: int | None = None,
) -> int:
    """Choose a student.

    Args:
        run: The run.
        best: ``knee`` or ``top1``; ties go to fewer params, then to the earlier trial. None is the
            knee of the whole front, and top1 under ``max_params``: who has a bound has chosen a
            size, and wants the most accurate student that keeps it.
        trial: Slot to take whatever its rank; None applies the rule to the front.
        max_params: Largest student that the rule may take, weights, >= 1; None takes any.

    Returns:
        The slot.

    Raises:
        ExportError: If the rule is unknown, no front member is small enough (or there is none), or
            the trial has no student.
        RunError: If the run has no such trial, or cannot be read.
    """
    if trial is not None:
        return _named(run, trial, max_params=max_params)
    best = best or ("knee" if max_params is None else "top1")
    if best not in BEST:
        raise ExportError(
            f"--best must be one of {list(BEST)}, found {best!r}{nearest(best, BEST)}"
        )
    front = _small_enough(run, max_params)
    if best == "top1":
        return min(front, key=lambda student: (-student.top1, student.params, student.slot)).slot
    chosen = knee([student.top1 for student in front], [student.mean_params for student in front])
    return front[chosen].slot


def _named(run: "Run", slot: int, *, max_params: int | None) -> int:
    if max_params is not None:
        raise ExportError(
            "--trial names one student; --max-params chooses among the front: give one"
        )
    reason = why_no_student(run.record(slot))
    if reason:
        raise ExportError(f"trial {slot} has no student: {reason}")
    return slot


class _Student(NamedTuple):
    slot: int
    top1: float
    params: int
    mean_params: float


def _small_enough(run: "Run", max_params: int | None) -> list[_Student]:
    front = run.front()
    if front.empty:
        raise _no_front(run)
    # A family's params are a mean, which places it on the front; the bound holds for the student
    # that is exported, its first.
    shape = data_facts(run).shape
    students = [
        _Student(int(slot), float(top1), count_params(run.graph(int(slot)), shape), float(mean))
        for slot, top1, mean in zip(front["trial"], front["top1"], front["params"], strict=True)
    ]
    kept = [s for s in students if max_params is None or s.params <= max_params]
    if not kept:
        smallest = min(students, key=lambda student: student.params)
        raise ExportError(
            f"no student of the front has at most {max_params:,} params; the smallest, "
            f"trial {smallest.slot}, has {smallest.params:,}{_beside(run, max_params or 0)}"
        )
    return kept


def _no_front(run: "Run") -> ExportError:
    below = run.below()
    if below.empty:
        why = f"no trial has finished the top rung, {run.spec.fidelity.max_epochs} epochs"
        return ExportError(f"{run.folder} has no front yet: {why}")
    told = run.spec.constraints.tell_below(len(below), len(below))
    return ExportError(
        f"{run.folder} has no front: {told}; the best of them is {_best(run, below)}"
    )


def _beside(run: "Run", max_params: int) -> str:
    """Name the best small student, where no objective has brought it onto the front."""
    trials = run.trials()
    small = trials[(trials["state"] == "complete") & (trials["params"] <= max_params)]
    return "" if small.empty else f"; beside the front there is {_best(run, small)}"


def _best(run: "Run", trials: "pd.DataFrame") -> str:
    row = trials.iloc[int(trials["top1"].to_numpy(dtype=float).argmax())]
    return (
        f"trial {row['trial']} with {row['params']:,.0f} params, top1 {row['top1']:.4f}: "
        f"`autokd retrain {quote(str(run.folder))} --trial {row['trial']}`"
    )
