"""What a proposal has to beat, and near which of the earlier points it is looked for."""

from collections.abc import Sequence

import numpy as np

from autokd.pareto import is_front
from autokd.pareto.arrays import Floats
from autokd.sampler.history import Seen
from autokd.sampler.model import Task

__all__ = ["found_reference", "parents"]

_MOST_PARENTS = 20


def parents(task: Task) -> Floats:
    """Choose the points near which to look: the front, of its members the latest.

    Args:
        task: What is known.

    Returns:
        Units of at most twenty points of the space, the latest first, ``(points, parameters)``;
        of infeasible ones where no feasible trial is complete.
    """
    final = _final(task.trials, task.top)
    if not final:
        return np.empty((0, len(task.encoding.names)))
    values = np.array([trial.results[task.top] for trial in final])
    front = [t.params for t, is_member in zip(final, is_front(values), strict=True) if is_member]
    return task.encoding.units(front[::-1][:_MOST_PARENTS])


def found_reference(trials: Sequence[Seen], top: float, n_objectives: int) -> Floats:
    """Find a reference point where the user gave none.

    Args:
        trials: What was tried.
        top: The top rung.
        n_objectives: Objectives, >= 1.

    Returns:
        The worst values on the front and a tenth of its span more, ``(objectives,)``. Where the
        front has no span, that of all final values counts, and where these have none either, the
        reference is 1 beyond. Infeasible trials count where no feasible one is complete; without
        any it is 1.
    """
    values = np.array([t.results[top] for t in _final(trials, top)]).reshape(-1, n_objectives)
    if not len(values):
        return np.ones(n_objectives)
    front = values[is_front(values)]
    span = np.ptp(front, axis=0)
    for wider in (np.ptp(values, axis=0), 10.0):
        span = np.where(span > 0, span, wider)
    return np.asarray(front.max(axis=0) + 0.1 * span)


def _final(trials: Sequence[Seen], top: float) -> list[Seen]:
    """Complete trials with finite values; the feasible ones alone where there are any."""
    final = [t for t in trials if t.is_complete and np.isfinite(t.results[top]).all()]
    return [trial for trial in final if trial.is_feasible] or final
