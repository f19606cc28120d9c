"""From what was tried to the expected improvement of what could be tried next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import TrialState

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Columns, Encoding
from autokd.sampler.history import Seen
from autokd.sampler.improvement import expected_improvement
from autokd.sampler.outcomes import model_constraint, model_objective
from autokd.sampler.pool import Candidates
from autokd.sampler.preview import Preview
from autokd.sampler.transfer import Earlier, opinions_of

__all__ = ["Model", "Task", "parted"]


@dataclass(frozen=True, slots=True)
class Task:
    """What is known before any model.

    Attributes:
        encoding: The space.
        trials: What was tried or is being tried, as far as a model can learn from it.
        top: The top rung.
        signs: For each objective 1 where it is minimised and -1 where it is maximised.
        reference: Reference point to minimised values, ``(objectives,)``.
        all_rungs: Whether results of all rungs are learned from.
        others: Trials that are no points of the space; they count on the front alone.
        earlier: What is known from earlier studies.
    """

    encoding: Encoding
    trials: Sequence[Seen]
    top: float
    signs: Floats
    reference: Floats
    all_rungs: bool
    others: Sequence[Seen] = ()
    earlier: Sequence[Earlier] = ()

    @property
    def n_results(self) -> int:
        """Trials that have shown something finite."""
        return sum(any(np.isfinite(v).all() for v in t.results.values()) for t in self.trials)

    @property
    def front(self) -> Floats:
        """Values of the feasible, complete trials, ``(trials, objectives)``."""
        tried = [*self.trials, *self.others]
        rows = [t.results[self.top] for t in tried if t.is_complete and t.is_feasible]
        values = np.array(rows).reshape(-1, len(self.signs))
        return values[np.isfinite(values).all(axis=1)]


class Model:
    """Models of all outcomes, and the points that are being tried as if their models were right.

    Args:
        task: What is known.
        known: Indices of the objectives that a candidate's preview knows; the others, and these
            too where nothing was previewed, are modelled.
        has_features: Whether the preview's features are used; every trial must have them.
    """

    def __init__(self, task: Task, *, known: Sequence[int], has_features: bool) -> None:
        self._task = task
        self._known = frozenset(known)
        trials = task.trials
        self._scale = _Scale.of(trials) if has_features else None
        units = task.encoding.units([trial.params for trial in trials])
        points = self._columns(units, _features(trials) if has_features else np.empty((0, 0)))
        self._outcomes = {
            index: model_objective(
                trials,
                points,
                index,
                top=task.top,
                all_rungs=task.all_rungs,
                opinions=self._opinions(units, index),
            )
            for index in range(len(task.signs))
            if index not in self._known
        }
        names = sorted({name for trial in trials for name in trial.violations})
        self._constraints = [model_constraint(trials, points, name) for name in names]
        self._front = task.front
        rows = [i for i, trial in enumerate(trials) if trial.state == TrialState.RUNNING]
        if rows:
            awaited = Columns(points.values[rows], points.groups)
            self._believe([trials[i] for i in rows], awaited, units[rows])

    def improvement(self, candidates: Candidates) -> Floats:
        """Say what candidates are worth.

        Args:
            candidates: Points, with previews if this model uses what they know.

        Returns:
            Expected improvement of the hypervolume times the probability of being feasible,
            ``(candidates,)``.
        """
        points = self._columns(candidates.effective, _features(candidates.previews))
        coordinates = [
            sign * candidates.known(index)
            if index in self._known
            else self._outcomes[index].predict(points, self._opinions(candidates.effective, index))
            for index, sign in enumerate(self._task.signs.tolist())
        ]
        worth = expected_improvement(coordinates, self._front, self._task.reference)
        for probability in self._constraints:
            worth = worth * probability(points)
        return worth

    def _believe(self, running: Sequence[Seen], points: Columns, units: Floats) -> None:
        """Take predictions for the results of what is running."""
        values = np.full((len(running), len(self._task.signs)), np.nan)
        for index, outcome in self._outcomes.items():
            predicted = outcome.predict(points, self._opinions(units, index))
            values[:, index] = predicted.warp.back(predicted.mean)
            self._outcomes[index] = outcome.believing(points)
        for row, trial in zip(values, running, strict=True):
            for index, value in trial.known.items():
                row[index] = value
        # Of a trial without preview nobody knows what is known of the others.
        self._front = np.concatenate([self._front, values[np.isfinite(values).all(axis=1)]])

    def _opinions(self, units: Floats, index: int) -> Floats:
        return opinions_of(self._task.earlier, self._task.encoding, units, index)

    def _columns(self, units: Floats, features: Floats) -> Columns:
        points = self._task.encoding.columns(units)
        return points if self._scale is None else points.with_features(self._scale(features))


def parted(encoding: Encoding, trials: Sequence[Seen]) -> tuple[list[Seen], list[Seen]]:
    """Part trials that are points of a space from those that lack one of its parameters.

    Args:
        encoding: The space.
        trials: The trials.

    Returns:
        Those that a model over the space can learn from, and the others, in their order.
    """
    is_whole = encoding.is_whole(encoding.units([trial.params for trial in trials])).tolist()
    pairs = list(zip(trials, is_whole, strict=True))
    return [trial for trial, whole in pairs if whole], [t for t, whole in pairs if not whole]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Brings features to about unit range, by those of the trials."""

    low: Floats
    span: Floats

    @classmethod
    def of(cls, trials: Sequence[Seen]) -> "_Scale":
        features = _features(trials)
        span = np.ptp(features, axis=0)
        return cls(features.min(axis=0), np.where(span > 0, span, 1.0))

    def __call__(self, features: Floats) -> Floats:
        return np.asarray((features - self.low) / self.span)


def _features(those: Sequence[Seen] | Sequence[Preview]) -> Floats:
    """Features, ``(those, features)``; all have the same ones."""
    return np.array([each.features for each in those], dtype=float)
