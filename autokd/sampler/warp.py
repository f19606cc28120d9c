"""Outcomes on a scale on which a Gaussian process is a sensible model of them.

Near the best, differences of an outcome mean what they say; far from it one failure is as good as
another, yet in the outcome's own unit the failures would decide all lengths of the model. So what
is above the best is taken in the logarithm beyond the spread of the better half.
"""

from dataclasses import dataclass

import numpy as np

from autokd.pareto.arrays import Floats

__all__ = ["Warp"]


@dataclass(frozen=True, slots=True)
class Warp:
    """``z = (log(1 + max(y - best, -spread / 2) / spread) - shift) / scale``, and back.

    Attributes:
        best: The smallest outcome.
        spread: What counts as a small difference, > 0.
        shift: Mean after the logarithm.
        scale: Standard deviation after the logarithm, > 0.
    """

    best: float
    spread: float
    shift: float
    scale: float

    @classmethod
    def of(cls, values: Floats) -> "Warp":
        """Find the scale for some outcomes.

        Args:
            values: Finite outcomes to minimise, ``(points,)``, at least one.

        Returns:
            The warp under which they have zero mean and unit variance. The spread is the distance
            from the best to the median; equal outcomes get a spread of 1.
        """
        best = float(values.min())
        spread = float(np.median(values)) - best or float(np.ptp(values)) or 1.0
        z = np.log1p((values - best) / spread)
        return cls(best, spread, float(z.mean()), float(z.std()) or 1.0)

    def forward(self, values: Floats) -> Floats:
        """Warp outcomes.

        Args:
            values: Outcomes, any shape.

        Returns:
            The same, warped.
        """
        above = np.maximum((values - self.best) / self.spread, -0.5)
        return np.asarray((np.log1p(above) - self.shift) / self.scale)

    def back(self, warped: Floats) -> Floats:
        """Undo `forward`.

        Args:
            warped: Warped outcomes, any shape.

        Returns:
            Outcomes; none is better than the best by more than the spread.
        """
        return np.asarray(self.best + self.spread * np.expm1(warped * self.scale + self.shift))
