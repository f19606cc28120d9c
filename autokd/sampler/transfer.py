"""What earlier studies say of a point, and how far they are believed.

Other images, another teacher or a longer training change every result; which students are better
than others changes less. So nothing of an earlier study counts as a result of this one. A model of
its outcomes gives an *opinion* of any point, in units of that study's own spread, and what is
modelled here is what the opinions leave over. How much of an opinion is taken is a regression of
this study's results on it, which begins with belief: studies that disagree lose their weight with
every trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Encoding
from autokd.sampler.history import read_history
from autokd.sampler.rungs import aligned
from autokd.sampler.surrogate import Surrogate, fitted
from autokd.sampler.warp import Warp

__all__ = ["Earlier", "Trend", "opinions_of"]

_MOST = 150
"""Trials that the model of an earlier study is fitted to; it is fitted once, and asked often."""


class Earlier:
    """An earlier study, as far as another one can learn from it.

    Its models are fitted when they are first needed, and kept: one object serves all samplers.

    Args:
        points: Values by name, of each trial; others than the later study's parameters are
            ignored, and a parameter that a point lacks, or whose value the later study does not
            have, stands in the middle.
        results: For each trial its objectives by rung, in the later study's order, to minimise;
            NaN stands for what the earlier study did not measure.
    """

    def __init__(
        self,
        points: Sequence[Mapping[str, Any]],
        results: Sequence[Mapping[float, Sequence[float]]],
    ) -> None:
        self._points = tuple(points)
        self._results = tuple(results)
        self._models: dict[str, Surrogate | None] = {}

    @classmethod
    def of(cls, study: optuna.Study) -> "Earlier":
        """Take over an Optuna study with the same objectives.

        Args:
            study: The study; its complete and pruned trials are read now.

        Returns:
            What can be learned from it.
        """
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        seen, _ = read_history(study, study.get_trials(deepcopy=False, states=states))
        return cls(
            [trial.params for trial in seen],
            [{rung: v.tolist() for rung, v in trial.results.items()} for trial in seen],
        )

    def opinion(self, encoding: Encoding, units: Floats, index: int) -> Floats:
        """Predict an objective as the earlier study would have had it.

        Args:
            encoding: The later study's space.
            units: Points in its units, ``(points, parameters)``.
            index: Which objective.

        Returns:
            Predictions, ``(points,)``, in standard deviations from the mean of the earlier
            study's own trials; 0 where it did not measure the objective.
        """
        model = self._model(encoding, index)
        if model is None:
            return np.zeros(len(units))
        return model.mean(encoding.columns(units).values)

    def _model(self, encoding: Encoding, index: int) -> Surrogate | None:
        key = f"{index} {encoding.distributions}"
        if key not in self._models:
            self._models[key] = self._fitted(encoding, index)
        return self._models[key]

    def _fitted(self, encoding: Encoding, index: int) -> Surrogate | None:
        """Fit a model of what each trial showed at its highest rung, on the scale of the top."""
        found = [
            {rung: float(values[index]) for rung, values in sorted(trial.items())}
            for trial in self._results
        ]
        known = aligned([{r: v for r, v in trial.items() if np.isfinite(v)} for trial in found])
        rows = sorted(
            (row for row, trial in enumerate(known) if trial),
            key=lambda row: (max(known[row]), row),
        )[-_MOST:]
        if not rows:
            return None
        values = np.array([known[row][max(known[row])] for row in rows])
        points = [_known(self._points[row], encoding) for row in rows]
        columns = encoding.columns(encoding.units(points))
        return fitted(columns, Warp.of(values).forward(values), n_fitted=_MOST)


def _known(point: Mapping[str, Any], encoding: Encoding) -> dict[str, Any]:
    """Leave out the values that the later study's parameters cannot take."""
    return {
        name: point[name]
        for name, distribution in encoding.distributions.items()
        if name in point and _takes(distribution, point[name])
    }


def _takes(distribution: BaseDistribution, value: Any) -> bool:
    try:
        distribution.to_internal_repr(value)
    except (TypeError, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Trend:
    """The part of an outcome that follows the opinions of earlier studies.

    Attributes:
        weights: How much is taken of each opinion, >= 0, ``(studies,)``.
        middle: Opinions that stand for no difference, ``(studies,)``.
    """

    weights: Floats
    middle: Floats

    @classmethod
    def of(cls, opinions: Floats, values: Floats) -> "Trend":
        """Find out how far opinions are right.

        Args:
            opinions: Of the points that were tried, at least one, ``(results, studies)``.
            values: Their results, of zero mean and about unit variance, ``(results,)``.

        Returns:
            The trend: ``weights = (O'O + I)^-1 (O'y + 1 / studies)`` for opinions O less their
            mean. Before there is anything to compare, all studies together weigh 1. A study whose
            opinion runs against the results is not believed, rather than believed in reverse.

        Source: Bishop 2006, "Pattern Recognition and Machine Learning", equation 3.50 (posterior
            mean of a linear model; here with unit variance of the noise and of each weight, whose
            prior mean is 1 / studies). Opinions as the mean of a process: Golovin et al. 2017,
            "Google Vizier" (KDD), section 3.3, where they keep their full weight.
        """
        n_studies = opinions.shape[1]
        middle = opinions.mean(axis=0)
        centred = opinions - middle
        right = centred.T @ values + 1 / max(n_studies, 1)
        weights = np.linalg.solve(centred.T @ centred + np.eye(n_studies), right)
        return cls(np.maximum(weights, 0.0), middle)

    def __call__(self, opinions: Floats) -> Floats:
        """Apply the trend.

        Args:
            opinions: Of any points, ``(points, studies)``.

        Returns:
            What follows from them, ``(points,)``; 0 where there are no studies.
        """
        return np.asarray((opinions - self.middle) @ self.weights)


def opinions_of(
    earlier: Sequence[Earlier], encoding: Encoding, units: Floats, index: int
) -> Floats:
    """Ask all earlier studies.

    Args:
        earlier: The studies, any number.
        encoding: The space.
        units: Points, ``(points, parameters)``.
        index: Which objective.

    Returns:
        Opinions, ``(points, studies)``.
    """
    columns = [study.opinion(encoding, units, index) for study in earlier]
    return np.column_stack([np.empty((len(units), 0)), *columns])
