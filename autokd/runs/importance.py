"""How much each searched parameter mattered.

Optuna's PED-ANOVA handles conditional parameters and, with several objectives, scores how well a
parameter separates the trials that came near the front from the rest. It reads the objectives as
the hypervolume does, (1 - top1, log10 params) and so on. With few trials the shares are noise;
below `MIN_TRIALS` none are given, and none for a parameter that fewer trials have, as those of a
distillation method that was seldom drawn. Nor are there any where fewer trials are ahead of the
rest than the evaluator looks for, as with a ``min_top1`` that hardly any trial reaches: it would
fill up with trials of equal value in the order in which they came. Of more than `MAX_TRIALS` so
many are taken, spread evenly over the search, so that a report need not wait.
"""

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from autokd.pareto import minimised
from autokd.runs.record import Record
from autokd.space import CategoricalDomain, Domain, FixedDomain, FloatDomain, IntDomain
from autokd.study import StudySpec

__all__ = ["MAX_TRIALS", "MIN_TRIALS", "importances", "optuna_distribution"]

MIN_TRIALS = 10
"""Complete trials below which no importance is reported."""

MAX_TRIALS = 4000
"""Complete trials that are looked at, at most."""

_TARGET = 0.1
"""Share of the trials, the best of them, that the evaluator sets apart: Optuna's own choice."""


def importances(records: Sequence[Record], spec: StudySpec) -> dict[str, float]:
    """Score the searched parameters.

    Args:
        records: Records, one a slot; the complete ones count, baselines apart.
        spec: The study.

    Returns:
        Share by parameter, largest first, summing to one; only of those that at least `MIN_TRIALS`
        complete records have. Empty below `MIN_TRIALS` complete records, and where less than a
        tenth of them is better in any objective than the worst: all below ``min_top1`` count as
        equally bad, and who of equal ones is nearest to the front cannot be told.

    Source: Watanabe, Bansal, Hutter 2023, arXiv:2304.10255, as Optuna implements it.
    """
    complete = _thinned(
        [record for record in records if record.outcome == "complete" and not record.is_baseline]
    )
    if len(complete) < MIN_TRIALS:
        return {}
    trials = _trials(complete, spec)
    if _n_ahead(trials) < math.ceil(_TARGET * len(trials)):
        return {}
    study = cast(optuna.Study, _Trials(trials))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=_TARGET)
    with warnings.catch_warnings():
        # Of the trials near the front fewer than two may have a parameter; its share says so.
        warnings.filterwarnings("ignore", "Some regimes for parameter", UserWarning)
        return dict(get_param_importances(study, evaluator=evaluator))


def optuna_distribution(domain: Domain) -> BaseDistribution | None:
    """Give Optuna's distribution of a domain.

    Args:
        domain: The values that a parameter may have.

    Returns:
        The distribution; None for a parameter that is not searched.
    """
    match domain:
        case FloatDomain(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case IntDomain(low=low, high=high, log=log):
            return IntDistribution(low, high, log=log)
        case CategoricalDomain(choices=choices):
            return CategoricalDistribution(choices)
        case FixedDomain():
            return None


class _Trials:
    """What the evaluator asks of a study, without a storage, which would copy every trial."""

    def __init__(self, trials: list[FrozenTrial]) -> None:
        self._trials = trials
        self.directions = [StudyDirection.MINIMIZE] * len(trials[0].values)

    def get_trials(self, **_: Any) -> list[FrozenTrial]:
        return self._trials

    def _is_multi_objective(self) -> bool:
        return len(self.directions) > 1


def _thinned(records: Sequence[Record]) -> list[Record]:
    n = min(len(records), MAX_TRIALS)
    places = np.linspace(0, len(records) - 1, n).round().astype(np.int64)
    return [records[place] for place in places]


def _n_ahead(trials: Sequence[FrozenTrial]) -> int:
    """Count the trials that are better in any objective than the worst of all."""
    values = np.array([trial.values for trial in trials])
    return int((values < values.max(axis=0)).any(axis=1).sum())


def _trials(records: Sequence[Record], spec: StudySpec) -> list[FrozenTrial]:
    dimensions = spec.search_space.dimensions()
    had = Counter(name for record in records for name in record.point)
    searched = {
        d.name: found
        for d in dimensions
        if had[d.name] >= MIN_TRIALS and (found := optuna_distribution(d.domain))
    }
    raw = [[record.metrics[axis.metric] for axis in spec.axes] for record in records]
    values = minimised(np.array(raw), spec.axes)
    is_below = [not spec.constraints.admits(record.metrics) for record in records]
    values[is_below] = values.max(axis=0)  # as far from the front as any, whatever its size
    return [
        _trial(record, row, searched) for record, row in zip(records, values.tolist(), strict=True)
    ]


def _trial(
    record: Record, values: Sequence[float], searched: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    params = {name: value for name, value in record.point.items() if name in searched}
    distributions = {name: searched[name] for name in params}
    return FrozenTrial(
        number=record.slot,
        trial_id=record.slot,  # the evaluator tells trials apart by it
        state=TrialState.COMPLETE,
        value=None,
        values=values,
        datetime_start=None,
        datetime_complete=None,
        params=params,
        distributions=distributions,
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )
