"""How much each searched parameter mattered.

Optuna's PED-ANOVA handles conditional parameters and, with several objectives, scores how well a
parameter separates the trials that came near the front from the rest. With few trials the shares
are noise; below `MIN_TRIALS` none are given.
"""

import warnings

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

__all__ = ["MIN_TRIALS", "importances"]

MIN_TRIALS = 10
"""Complete trials below which no importance is reported."""


def importances(study: optuna.Study) -> dict[str, float]:
    """Score the searched parameters.

    Args:
        study: The study; its complete trials count.

    Returns:
        Share by parameter, largest first, summing to one; empty when there are fewer than
        `MIN_TRIALS` complete trials.

    Source: Watanabe, Bansal, Hutter 2023, arXiv:2304.10255, as Optuna implements it.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < MIN_TRIALS:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return dict(shares)
