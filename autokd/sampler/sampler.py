"""autokd's own sampler: Bayesian optimisation that learns from every rung and knows sizes.

For each trial: draw many points, and change the best ones a little; ask the preview what they
would cost; leave out what is not feasible and what was tried before; predict the other objectives
with Gaussian processes; take the point whose expected improvement of the hypervolume is largest.

What it is not for: parameters that depend on more than one categorical parameter (they are taken
as always active), and tens of thousands of cheap trials (a proposal takes tenths of a second).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from autokd.sampler.choosing import best_of
from autokd.sampler.conditions import found_conditions
from autokd.sampler.encoding import Condition, Encoding
from autokd.sampler.goals import found_reference, parents
from autokd.sampler.history import PREVIEW, RUNGS, preview_attribute, read_history
from autokd.sampler.memory import remembered
from autokd.sampler.model import Task, parted
from autokd.sampler.pool import Candidates, draw_units, key_of, previewed
from autokd.sampler.preview import Previewer
from autokd.sampler.revisits import latest_of_each, tried_for_good
from autokd.sampler.threads import one_thread
from autokd.sampler.transfer import Earlier

__all__ = ["AutokdSampler", "Space"]


@dataclass(frozen=True, slots=True)
class Space:
    """A search space that is known beforehand.

    Attributes:
        distributions: Optuna's distribution of every parameter by name.
        conditions: When a parameter is active, by name, for those that are not always.
    """

    distributions: Mapping[str, BaseDistribution]
    conditions: Mapping[str, Condition] = field(default_factory=dict)


class AutokdSampler(BaseSampler):
    """An Optuna sampler for few, expensive trials with one or more objectives.

    Args:
        seed: Of everything random; None draws one.
        n_startup_trials: Trials with results, of any rung, before a model is used, >= 1.
        reference: Reference point of the hypervolume, in the study's directions; None takes a
            point a tenth beyond the worst values of the front so far.
        space: The search space; None learns from the trials which parameters there are.
        preview: What is known of a point before it is tried; None knows nothing.
        n_previews: Points that are previewed for a proposal, the most promising ones, >= 1; more,
            up to ten times as many, where some are refused. None previews all candidates, for a
            preview that is fast.
        n_candidates: Points drawn anywhere for a proposal, >= 1; half as many are drawn near good
            ones.
        memory: Finished trials that a model is fitted to, >= 2: the better half and the latest.
        all_rungs: Whether a model learns from the results of all rungs, or only from those of the
            highest rung that has enough of them.
        earlier: Earlier studies that say what to expect of a point, as far as results bear it out.
        revisits: Whether a point whose trial was stopped may be proposed again, for an objective
            that then goes on where it stopped, or trains to the end.

    Raises:
        ValueError: If a number is outside its interval, or, once there is a study, the reference
            has not one value for each of its objectives.

    Source: Jones et al. 1998, J. Global Optim. 13 (expected improvement); Yang et al. 2019, ibid.
        75 (of the hypervolume, some coordinates known). Learning from all rungs with a
        coordinate for the fidelity: Kandasamy et al. 2017, arXiv:1703.06240.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        n_startup_trials: int = 4,
        reference: Sequence[float] | None = None,
        space: Space | None = None,
        preview: Previewer | None = None,
        n_previews: int | None = None,
        n_candidates: int = 2000,
        memory: int = 300,
        all_rungs: bool = True,
        earlier: Sequence[Earlier] = (),
        revisits: bool = False,
    ) -> None:
        _check_least(1, n_startup_trials=n_startup_trials, n_candidates=n_candidates)
        _check_least(1, n_previews=1 if n_previews is None else n_previews)
        _check_least(2, memory=memory)
        self._rng = np.random.default_rng(seed)
        self._independent = RandomSampler(seed=seed)
        self._n_startup_trials = n_startup_trials
        self._reference = reference
        self._space = space
        self._preview = preview
        self._n_previews = n_previews
        self._n_candidates = n_candidates
        self._memory = memory
        self._all_rungs = all_rungs
        self._earlier = tuple(earlier)
        self._revisits = revisits

    def reseed_rng(self) -> None:
        """Draw a new seed, as Optuna asks of a sampler that is used by several threads."""
        self._rng = np.random.default_rng()
        self._independent.reseed_rng()

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """List the parameters that are proposed together.

        Args:
            study: The study.
            trial: The trial that a point is proposed for.

        Returns:
            Distributions by name: those of the space, or the latest of every parameter that a
            finished trial had; parameters with a single value are left out.
        """
        if self._space is not None:
            known = dict(self._space.distributions)
        else:
            states = (TrialState.COMPLETE, TrialState.PRUNED)
            finished = study.get_trials(deepcopy=False, states=states)
            known = {name: d for t in finished for name, d in t.distributions.items()}
        return {name: known[name] for name in sorted(known) if not known[name].single()}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Propose a point.

        Args:
            study: The study.
            trial: The trial that it is for.
            search_space: What `infer_relative_search_space` gave.

        Returns:
            Values of the active parameters by name.
        """
        if not search_space:
            return {}
        others = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
        encoding = self._encoding(others, search_space)
        held = trial.system_attrs.get("fixed_params", {})  # of an enqueued trial
        with one_thread():
            chosen = self._chosen(encoding, study, others, held=held)
        # The trial's attribute in the storage: a sampler may not change the trial it is given.
        point = encoding.point(chosen.units[0])
        if self._preview is not None:
            noted = preview_attribute(chosen.previews[0])
            study._storage.set_trial_user_attr(trial._trial_id, PREVIEW, noted)
        return point

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw a parameter that no trial had before, evenly.

        Args:
            study: The study.
            trial: The trial that it is for.
            param_name: Its name.
            param_distribution: Its distribution.

        Returns:
            Its value.
        """
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _encoding(
        self, trials: Sequence[FrozenTrial], search_space: Mapping[str, BaseDistribution]
    ) -> Encoding:
        if self._space is not None:
            conditions = {  # one of a single parameter, or on one, decides nothing
                name: condition
                for name, condition in self._space.conditions.items()
                if search_space.keys() >= {name, condition.parent}
            }
            return Encoding(search_space, conditions)
        points = [t.params for t in trials if _is_whole(t)]
        return Encoding(search_space, found_conditions(points, search_space))

    def _chosen(
        self,
        encoding: Encoding,
        study: optuna.Study,
        trials: Sequence[FrozenTrial],
        *,
        held: Mapping[str, Any],
    ) -> Candidates:
        """Choose one candidate."""
        tried = keys = [_key(trial, encoding) for trial in trials]
        if self._revisits:
            tried, trials = tried_for_good(trials, keys), latest_of_each(trials, keys)
        signs = [1.0 if d == StudyDirection.MINIMIZE else -1.0 for d in study.directions]
        task = self._task(encoding, study, self._remembered(trials, signs), signs)
        n, rng = self._n_candidates, self._rng
        is_startup = task.n_results < min(self._n_startup_trials, self._memory // 2)
        if is_startup:
            units = encoding.random(n, rng)
        else:
            units = draw_units(encoding, parents(task), n=n, n_near=n // 2, rng=rng)
        if held:
            units = encoding.holding(units, held, rng)
        preview, n_previews = self._preview, self._n_previews
        if is_startup:
            found = previewed(encoding, units, preview=preview, tried=keys, n=1)
        else:
            found = best_of(task, units, preview=preview, tried=tried, n_previews=n_previews)
        if not len(found):  # everything was tried, or nothing is feasible
            found = previewed(encoding, units[:n_previews], preview=preview, tried=(), n=1)
        if not len(found):
            found = previewed(encoding, units, preview=None, tried=(), n=1)
        return found

    def _remembered(
        self, trials: Sequence[FrozenTrial], signs: Sequence[float]
    ) -> list[FrozenTrial]:
        running = [t for t in trials if t.state == TrialState.RUNNING and t.params]
        # Without a parameter of the space, but with values, a trial may be on the front.
        finished = [t for t in trials if t.state.is_finished() and (t.params or t.values)]
        if len(finished) > self._memory:
            finished = remembered(finished, self._memory, signs=signs)
        return [*finished, *running]

    def _task(
        self,
        encoding: Encoding,
        study: optuna.Study,
        trials: Sequence[FrozenTrial],
        signs: Sequence[float],
    ) -> Task:
        seen, top = read_history(study, trials)
        seen = [trial for trial in seen if trial.teaches]
        if self._reference is not None:
            if len(self._reference) != len(signs):
                found = f"{len(self._reference)} values for {len(signs)} objectives"
                raise ValueError(f"the reference has {found}")
            reference = np.array(signs) * np.array(self._reference, dtype=float)
        else:
            reference = found_reference(seen, top, len(signs))
        # Where the space is found out from trials, one that came before a parameter did teaches.
        whole, others = (seen, []) if self._space is None else parted(encoding, seen)
        known = np.array(signs), reference, self._all_rungs
        return Task(encoding, whole, top, *known, others=others, earlier=self._earlier)


def _check_least(least: int, **numbers: int) -> None:
    for name, number in numbers.items():
        if number < least:
            raise ValueError(f"{name} must be at least {least}, found {number}")


def _is_whole(trial: FrozenTrial) -> bool:
    """Say whether a trial has had all of its parameters: one that showed something has."""
    if trial.state == TrialState.PRUNED:
        return RUNGS in trial.user_attrs or bool(trial.intermediate_values)
    return trial.state == TrialState.COMPLETE


def _key(trial: FrozenTrial, encoding: Encoding) -> str:
    point = {name: trial.params[name] for name in encoding.names if name in trial.params}
    return str(trial.user_attrs.get(PREVIEW, {}).get("key") or key_of(point))
