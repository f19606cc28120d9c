"""What a model of the study is fitted to when there is more than it can bear.

The time that TPE or a Gaussian process takes for one proposal grows with the trials it reads, and
what it learns does not: only the best and the neighbourhood in which the search moves now tell it
where to look. So beyond `SamplerSpec.memory` trials it sees the best half and the latest.
"""

from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from autokd.pareto import ranks

__all__ = ["remembered"]


def remembered(
    trials: Sequence[FrozenTrial], n: int, *, signs: Sequence[float] | None = None
) -> list[FrozenTrial]:
    """Choose the finished trials that a model keeps seeing.

    Args:
        trials: Finished trials in the order of their numbers.
        n: How many to keep, >= 2.
        signs: For each objective 1 where it is minimised and -1 where it is maximised; None where
            all are minimised.

    Returns:
        At most n trials in the order of their numbers: the better half by Pareto rank, feasible
        before infeasible and later ones first within a rank, and the latest of the others. Failed
        ones teach nothing and go.
    """
    useful = [trial for trial in trials if trial.state != TrialState.FAIL]
    complete = [trial for trial in useful if trial.state == TrialState.COMPLETE]
    best = {trial.number for trial in _best_first(complete, signs)[: n // 2]}
    others = [trial.number for trial in useful if trial.number not in best]
    kept = best.union(others[max(0, len(others) + len(best) - n) :])
    return [trial for trial in useful if trial.number in kept]


def _best_first(
    complete: Sequence[FrozenTrial], signs: Sequence[float] | None
) -> list[FrozenTrial]:
    if not complete:
        return []
    values = np.array([trial.values for trial in complete], dtype=float)
    values = np.nan_to_num(values if signs is None else values * signs)  # inf: the largest number
    rank = ranks(values)
    is_infeasible = np.array([any(v > 0 for v in t.constraints.values()) for t in complete])
    order = np.lexsort((-np.arange(len(complete)), rank, is_infeasible))
    return [complete[int(i)] for i in order]
