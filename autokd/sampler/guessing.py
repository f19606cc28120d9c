"""What a preview would say of a point, guessed from the previews of earlier trials.

A preview takes milliseconds, so of a few thousand candidates only some dozens are looked at. Which
ones promise most depends on what the preview would tell: size, and features that the outcomes
follow. Both are smooth in the point, far smoother than an outcome of training, so that some dozens
of trials say well enough where it is worth looking. What is chosen is decided by real previews.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Encoding
from autokd.sampler.history import Seen
from autokd.sampler.pool import Candidates
from autokd.sampler.preview import Preview
from autokd.sampler.surrogate import Surrogate, fitted

__all__ = ["Guess"]

_LEAST = 3
_N_FITTED = 100


@dataclass(frozen=True, slots=True)
class Guess:
    """A model of previews.

    Attributes:
        encoding: The space.
        surrogate: Of all numbers of a preview together, with the same lengths for all.
        middle: Their means, ``(numbers,)``.
        spread: Their deviations, > 0, ``(numbers,)``.
        known: Which objectives come first among the numbers; features follow.
        signs: For each objective 1 where it is minimised and -1 where it is maximised.
    """

    encoding: Encoding
    surrogate: Surrogate
    middle: Floats
    spread: Floats
    known: tuple[int, ...]
    signs: Floats

    @classmethod
    def of(cls, encoding: Encoding, trials: Sequence[Seen], signs: Floats) -> "Guess | None":
        """Learn from the trials that had a preview.

        Args:
            encoding: The space.
            trials: What was tried.
            signs: For each objective 1 where it is minimised and -1 where it is maximised.

        Returns:
            The model; None where fewer than three trials had a preview, or it told nothing.
        """
        told = [trial for trial in trials if trial.known or trial.features]
        if len(told) < _LEAST:
            return None
        known = tuple(sorted(told[-1].known))
        width = len(told[-1].features)
        told = [t for t in told if tuple(sorted(t.known)) == known and len(t.features) == width]
        numbers = np.array([[*(t.known[i] for i in known), *t.features] for t in told])
        middle, spread = numbers.mean(axis=0), numbers.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        columns = encoding.columns(encoding.units([trial.params for trial in told]))
        surrogate = fitted(columns, (numbers - middle) / spread, n_fitted=_N_FITTED)
        return cls(encoding, surrogate, middle, spread, known, signs)

    def candidates(self, units: Floats) -> Candidates:
        """Say of points what their previews are likely to say.

        Args:
            units: Points, ``(points, parameters)``.

        Returns:
            The points with such previews, which have no keys.
        """
        found = self.surrogate.mean(self.encoding.columns(units).values)
        numbers = found.reshape(len(units), -1) * self.spread + self.middle
        n = len(self.known)
        signs = self.signs[list(self.known)]
        previews = [
            Preview("", dict(zip(self.known, known, strict=True)), features=tuple(features))
            for known, features in zip(
                (numbers[:, :n] * signs).tolist(), numbers[:, n:].tolist(), strict=True
            )
        ]
        return Candidates(units, units, previews)
