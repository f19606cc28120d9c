"""The copy of a study that a sampler reads: Optuna's, in memory, that takes trials as they are.

Optuna copies every trial that goes into a study in memory, and every trial that ends, with all of
the trial's distributions, to be safe from whoever changes them later. Nobody does here, and
hundreds go in at a time whenever the copy is cut back, thousands when a search is resumed.
"""

import copy
from collections.abc import Iterable, Sequence

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

__all__ = ["add_trial", "copied_study", "end_trial"]


def copied_study(n_objectives: int, trials: Iterable[FrozenTrial] = ()) -> optuna.Study:
    """Make a study in memory.

    Args:
        n_objectives: Objectives, all minimised, >= 1.
        trials: What it begins with, as for `add_trial`.

    Returns:
        The study.
    """
    study = optuna.create_study(directions=["minimize"] * n_objectives, storage=_Storage())
    for trial in trials:
        add_trial(study, trial)
    return study


def add_trial(study: optuna.Study, trial: FrozenTrial) -> int:
    """Put a trial into a study.

    Args:
        study: What `copied_study` made.
        trial: The trial, which is not checked; its distributions are shared.

    Returns:
        Its number in the study, the next one.
    """
    trial_id = study._storage.create_new_trial(study._study_id, trial)
    return study._storage.get_trial_number_from_id(trial_id)


def end_trial(
    study: optuna.Study, number: int, state: TrialState, *, values: Sequence[float] | None = None
) -> None:
    """End a running trial, as `Study.tell` does for samplers that need not hear of it.

    Args:
        study: What `copied_study` made.
        number: The trial's.
        state: A finished one.
        values: What is minimised, of a complete trial only.
    """
    storage = study._storage
    trial_id = storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
    storage.set_trial_state_values(trial_id, state, values)


class _Storage(InMemoryStorage):
    """Optuna's, except that it copies no distribution of a trial that it is given."""

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        trial_id = super().create_new_trial(study_id)
        if template_trial is not None:
            trial = _copied(template_trial)
            trial._trial_id, trial.number = trial_id, self.get_trial_number_from_id(trial_id)
            self._set_trial(trial_id, trial)
            self._update_cache(trial_id, study_id)
        return trial_id


def _copied(trial: FrozenTrial) -> FrozenTrial:
    copied = copy.copy(trial)
    copied.params, copied.distributions = dict(trial.params), dict(trial.distributions)
    copied.user_attrs, copied.system_attrs = dict(trial.user_attrs), dict(trial.system_attrs)
    return copied
