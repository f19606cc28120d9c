"""Which points were tried for good, where a stopped trial may be trained on."""

from collections.abc import Sequence, Sized

from optuna.trial import FrozenTrial, TrialState

from autokd.sampler.history import RUNGS

__all__ = ["latest_of_each", "tried_for_good"]


def tried_for_good(trials: Sequence[FrozenTrial], keys: Sequence[str]) -> list[str]:
    """List the points that need not be proposed again.

    Args:
        trials: Trials.
        keys: What names each one's point.

    Returns:
        Keys of all but those whose every trial was stopped after it had shown something.
    """
    return [key for trial, key in zip(trials, keys, strict=True) if not _was_stopped(trial)]


def latest_of_each(trials: Sequence[FrozenTrial], keys: Sequence[str]) -> list[FrozenTrial]:
    """Leave out stopped trials that a later one of the same point has trained on.

    Args:
        trials: Trials, in the order of their numbers.
        keys: What names each one's point.

    Returns:
        The others, in the same order: results that both have count once.
    """
    longest: dict[str, int] = {}
    kept = []
    for trial, key in zip(reversed(trials), reversed(keys), strict=True):
        n_rungs = len(_shown(trial))
        if not _was_stopped(trial) or n_rungs > longest.get(key, 0):
            kept.append(trial)
        longest[key] = max(n_rungs, longest.get(key, 0))
    return kept[::-1]


def _was_stopped(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.PRUNED and bool(_shown(trial))


def _shown(trial: FrozenTrial) -> Sized:
    """Give what a trial noted by rung, or reported to Optuna."""
    noted: Sized = trial.user_attrs.get(RUNGS, {})
    return noted or trial.intermediate_values
