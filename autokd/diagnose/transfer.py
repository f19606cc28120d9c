"""How the risk of a student depends on how many images it was distilled on.

Source: Phuong and Lampert 2019, arXiv:2105.13093, strong monotonicity: for a linear student the
    expected risk falls with every image that is added to the transfer set. Their risk is how often
    student and teacher differ, here `Share.disagreements`; `Share.risks` are against the labels.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any

from torch import Tensor

__all__ = ["Curve", "Fall", "Share", "Transfer", "mean_and_std"]


@dataclass(frozen=True, slots=True)
class Share:
    """Students that were trained on one share of the images.

    Attributes:
        fraction: Of the training images, in (0, 1].
        n_images: Images of the part.
        risks: 1 - top1 on validation, by seed.
        disagreements: Share of validation images on which student and teacher differ, by seed.
    """

    fraction: float
    n_images: int
    risks: tuple[float, ...]
    disagreements: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fall:
    """Whether risk fell from one share to the next larger one.

    Attributes:
        mean: How far the mean risk fell; below 0 where it rose.
        n_fell: Seeds whose risk fell; equal risks did not fall.
        n_seeds: Seeds.
    """

    mean: float
    n_fell: int
    n_seeds: int

    @property
    def fell(self) -> bool:
        """Whether the mean risk fell."""
        return self.mean > 0


@dataclass(frozen=True, slots=True)
class Curve:
    """Risk over shares, for one way of training.

    Attributes:
        method: The distillation method; ``none`` for hard labels alone.
        shares: Smallest first; seed by seed each holds the images of the one before.
    """

    method: str
    shares: tuple[Share, ...]

    def falls(self) -> tuple[Fall, ...]:
        """Compare neighbouring shares, seed by seed.

        Returns:
            One fall for each share but the first.
        """
        return tuple(_fall(low.risks, high.risks) for low, high in pairwise(self.shares))


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """Risk over shares, with distillation and without.

    Attributes:
        curves: The trial's method, then hard labels alone unless that is the trial's method.
        epochs: Passes that training on all images makes; every training has as many steps.
        n_seeds: Trainings a share and method: each with its own weights and its own parts.
        agrees: Whether a student of the first curve's largest share says what the teacher says,
            bool, ``(n_seeds, n_validation)``.
    """

    curves: tuple[Curve, ...]
    epochs: int
    n_seeds: int
    agrees: Tensor = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Give the numbers as JSON can hold them.

        Returns:
            Curves with their falls, epochs and seeds.
        """
        curves = [
            {
                **asdict(curve),
                "falls": [{**asdict(fall), "fell": fall.fell} for fall in curve.falls()],
            }
            for curve in self.curves
        ]
        return {"epochs": self.epochs, "n_seeds": self.n_seeds, "curves": curves}


def mean_and_std(values: Sequence[float]) -> tuple[float, float | None]:
    """Average over seeds.

    Args:
        values: A value a seed, at least one.

    Returns:
        Mean, and standard deviation (n - 1); None for one seed.
    """
    return fmean(values), stdev(values) if len(values) > 1 else None


def _fall(before: Sequence[float], after: Sequence[float]) -> Fall:
    falls = [low - high for low, high in zip(before, after, strict=True)]
    return Fall(fmean(falls), sum(fall > 0 for fall in falls), len(falls))
