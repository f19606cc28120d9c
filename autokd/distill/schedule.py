"""How the learning rate goes up and down: once on every rung.

A score taken in the middle of a long decay says little about its end, so each rung's segment has a
warm-up and a full decay of its own: every score that is raced stands at the end of a decay, and
scores of a rung compare.
"""

import math
from collections.abc import Sequence

from autokd.study import Training

__all__ = ["learning_rates", "segments", "steps_per_epoch"]


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Count the steps of one view.

    The last batch may be smaller, but a single image left over is not trained on: batch norm
    cannot normalise it where maps are one pixel small. Other views leave out other images.

    Args:
        n: Training images, >= 1.
        batch_size: Images a step, >= 1.

    Returns:
        Steps, >= 0.
    """
    whole, rest = divmod(n, batch_size)
    return whole + (rest > 1)


def segments(rungs: Sequence[int]) -> list[int]:
    """Split a ladder into the epochs between its rungs.

    Args:
        rungs: Epochs, ascending.

    Returns:
        Epochs that each rung adds to the one before.
    """
    return [rung - before for before, rung in zip([0, *rungs], rungs, strict=False)]


def learning_rates(n_steps: int, training: Training) -> list[float]:
    """Work out the learning rate of every step of one segment.

    A step has the rate of its middle: at the share t of the segment it is peak * t / w up to the
    warm-up fraction w, and peak / 2 * (1 + cos(pi * (t - w) / (1 - w))) after it. So no step is
    wasted on a rate of 0.

    Args:
        n_steps: Steps of the segment, >= 0.
        training: Peak and warm-up fraction.

    Returns:
        One rate a step, > 0.

    Source: Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, with a linear warm-up before
    it.
    """
    return [_rate((step + 0.5) / n_steps, training) for step in range(n_steps)]


def _rate(share: float, training: Training) -> float:
    warmup = training.warmup_fraction
    if share < warmup:
        return training.learning_rate * share / warmup
    decay = (share - warmup) / (1.0 - warmup)
    return training.learning_rate * 0.5 * (1.0 + math.cos(math.pi * decay))
