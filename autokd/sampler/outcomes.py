"""Models of everything that only a trial can tell: objectives and constraints.

Each outcome has a surrogate of its own over points (and features), at the top rung. Results of
lower rungs count as results of the same function at another fidelity, a further coordinate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from optuna.trial import TrialState
from scipy.special import ndtr

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Columns
from autokd.sampler.history import Seen
from autokd.sampler.improvement import Predicted
from autokd.sampler.rungs import aligned
from autokd.sampler.surrogate import Surrogate, fitted
from autokd.sampler.transfer import Trend
from autokd.sampler.warp import Warp

__all__ = ["Outcome", "model_constraint", "model_objective"]

N_FITTED = 100
"""Results that decide the lengths of a model; the time of the fit grows with their cube."""

N_RESULTS = 400
"""Results that a model predicts from, if no more trials than that have any."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fitted model of one outcome at the top rung.

    Attributes:
        surrogate: Over points and fidelity, on the warped scale.
        warp: From outcomes to that scale.
        has_rungs: Whether the last column of the surrogate is the fidelity.
        trend: What follows from earlier studies; the surrogate is of the rest.
    """

    surrogate: Surrogate
    warp: Warp
    has_rungs: bool
    trend: Trend

    def predict(self, points: Columns, opinions: Floats | None = None) -> Predicted:
        """Predict points at the top rung.

        Args:
            points: As those that the model was fitted to.
            opinions: What earlier studies say of them, ``(points, studies)``; None where the
                model was fitted without.

        Returns:
            The prediction.
        """
        mean, deviation = self.surrogate.predict(self._columns(points))
        return Predicted(mean + self.trend(_given(opinions, points)), deviation, self.warp)

    def believing(self, points: Columns) -> "Outcome":
        """Take predictions for results.

        Args:
            points: Points whose results are awaited.

        Returns:
            A model that is certain there.
        """
        surrogate = self.surrogate.believing(self._columns(points))
        return replace(self, surrogate=surrogate)

    def _columns(self, points: Columns) -> Floats:
        return (
            _at_rung(points, np.ones(len(points.values))).values
            if self.has_rungs
            else points.values
        )


def model_objective(
    trials: Sequence[Seen],
    points: Columns,
    index: int,
    *,
    top: float,
    all_rungs: bool,
    opinions: Floats | None = None,
) -> Outcome:
    """Fit a model of an objective.

    Args:
        trials: What has been tried, with at least one finite result.
        points: The same trials, in the same order.
        index: Which objective.
        top: The top rung.
        all_rungs: Whether results of lower rungs count; else only those of the highest rung that
            has more results than the points have groups of columns, or of the lowest rung with
            any.
        opinions: What earlier studies say of the points, ``(trials, studies)``; None without any.

    Returns:
        The model. A failed trial and an infinite value count as the worst result at the top.
    """
    finite = [_finite(trial, index) for trial in trials]
    found = aligned(finite)
    if not all_rungs:
        found = _of_one_rung(found, least=len(points.groups) + 1)
    worst = max(value for trial in found for value in trial.values())
    for row, trial in enumerate(trials):
        if trial.state == TrialState.FAIL or (trial.is_complete and top not in finite[row]):
            found[row] = {top: worst}
    taken = _chosen(found)
    rows = [row for row, _ in taken]
    rungs = np.array([rung for _, rung in taken])
    values = np.array([found[row][rung] for row, rung in taken])
    warp = Warp.of(values)
    has_rungs = all_rungs and len(set(rungs.tolist())) > 1
    seen = Columns(points.values[rows], points.groups)
    if has_rungs:
        seen = _at_rung(seen, _positions(rungs, top))
    warped, told = warp.forward(values), _given(opinions, points)[rows]
    trend = Trend.of(told, warped)
    surrogate = fitted(seen, warped - trend(told), n_fitted=N_FITTED)
    return Outcome(surrogate, warp, has_rungs, trend)


def model_constraint(
    trials: Sequence[Seen], points: Columns, name: str
) -> Callable[[Columns], Floats]:
    """Fit a model of a constraint.

    Args:
        trials: What has been tried, at least one with this constraint.
        points: The same trials, in the same order.
        name: Optuna's name of the constraint; an infinite value counts as the largest finite one.

    Returns:
        From points to the probability that they are feasible, ``(points,)``.
    """
    rows = [row for row, trial in enumerate(trials) if name in trial.violations]
    values = np.array([trials[row].violations[name] for row in rows])
    most = float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0
    values = np.nan_to_num(values, posinf=most, neginf=-most)
    # Not the deviation: what counts is on which side of 0 a value is, and how far.
    scale = float(np.sqrt(np.mean(values**2))) or 1.0
    surrogate = fitted(
        Columns(points.values[rows], points.groups), values / scale, n_fitted=N_FITTED
    )

    def probability(candidates: Columns) -> Floats:
        mean, deviation = surrogate.predict(candidates.values)
        return np.asarray(ndtr(-mean / deviation))

    return probability


def _given(opinions: Floats | None, points: Columns) -> Floats:
    return np.empty((len(points.values), 0)) if opinions is None else opinions


def _finite(trial: Seen, index: int) -> dict[float, float]:
    values = {rung: float(values[index]) for rung, values in trial.results.items()}
    return {rung: value for rung, value in values.items() if np.isfinite(value)}


def _of_one_rung(found: list[dict[float, float]], *, least: int) -> list[dict[float, float]]:
    rungs = sorted({rung for trial in found for rung in trial}, reverse=True)
    counts = {rung: sum(rung in trial for trial in found) for rung in rungs}
    chosen = next((rung for rung in rungs if counts[rung] >= least), rungs[-1])
    return [{chosen: trial[chosen]} if chosen in trial else {} for trial in found]


def _chosen(found: list[dict[float, float]]) -> list[tuple[int, float]]:
    """Row and rung of the results to learn from: the highest of all, others of the latest."""
    highest = {(row, max(results)) for row, results in enumerate(found) if results}
    others = [(row, rung) for row, results in enumerate(found) for rung in results]
    others = [each for each in others if each not in highest]
    n_left_out = max(0, len(highest) + len(others) - N_RESULTS)
    return sorted([*highest, *others[n_left_out:]])


def _positions(rungs: Floats, top: float) -> Floats:
    """Fidelities on a logarithmic axis: the lowest 0, the top 1."""
    low = rungs.min()
    return np.asarray(np.log(rungs / low) / np.log(top / low))


def _at_rung(points: Columns, positions: Floats) -> Columns:
    return points.with_features(positions[:, np.newaxis])
