"""How the learning rate goes up and down on the way up the ladder, and where a score is taken.

A score taken in the middle of a long learning-rate decay says little about its end. Four schedules
answer that in their own ways; all begin with the same warm-up, that of the lowest rung, and look
at the same images in the same epoch:

- ``restart``: every rung's segment has a warm-up and a decay of its own.
- ``long``: one warm-up and one decay over all epochs; lower rungs are scored on the way.
- ``branch``: after the warm-up the rate stays. A rung's last epochs are trained with a rate that
  falls to zero; after the score they are undone, and training goes on from before them.
- ``average``: after the warm-up the rate stays. A rung scores the mean of the weights of its last
  steps, which is undone after the score.

A rung of r epochs always means r epochs on the path from the start to the score, on the views 0 to
r - 1: a branch leaves the trunk before its rung and ends at it. So no schedule reads views beyond
the top rung's, and scores of one rung have seen equally much in all. What a branch costs is that
the epochs of lower branches are trained twice, once as a branch and once on the way further up
(`paid_epochs`).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autokd.study import Schedule, Training

__all__ = [
    "AVERAGED_FRACTION",
    "BRANCH_FRACTION",
    "Stretch",
    "learning_rates",
    "paid_epochs",
    "plan",
    "steps_per_epoch",
]

BRANCH_FRACTION = 0.2
"""Share of a rung's epochs in which a branch's rate falls, rounded, at least one epoch. A decay of
a fifth comes near the one over all epochs in Hägele et al. 2024, arXiv:2405.18392, section 3."""

AVERAGED_FRACTION = 0.2
"""Share of a rung's steps whose weights are averaged, at most those since the rung below; ours."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Epochs that are trained one after another.

    Attributes:
        first: Epochs on the path before it, >= 0; also the number of its first epoch.
        rates: Learning rate of every step, epoch by epoch.
        ends_rung: Whether it ends in a score.
        is_undone: Whether training goes on from before what the score was taken of: the stretch
            itself, or the averaging at its end.
        n_averaged: Last steps whose weights are averaged for the score; 0 scores the weights.
    """

    first: int
    rates: tuple[tuple[float, ...], ...]
    ends_rung: bool = True
    is_undone: bool = False
    n_averaged: int = 0

    @property
    def last(self) -> int:
        """Epochs on the path at its end."""
        return self.first + len(self.rates)


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


def plan(rungs: Sequence[int], *, steps: int, training: Training) -> tuple[Stretch, ...]:
    """Lay out a training.

    On a ladder of one rung ``long`` is ``restart``.

    Args:
        rungs: Epochs, ascending, each >= 1.
        steps: Steps of an epoch, >= 0.
        training: Schedule, peak and warm-up fraction.

    Returns:
        What is trained, in order; the last stretch ends in the top rung and is not undone.
    """
    return tuple(_PLANS[training.schedule](rungs, steps, training))


def paid_epochs(rungs: Sequence[int], training: Training) -> list[int]:
    """Count the epochs that are trained until each rung has its score, undone ones included.

    Averaging also looks at the images of one epoch for each rung, forward only, to work out the
    statistics of batch norms: about a third of an epoch, which is not counted here.

    Args:
        rungs: Epochs, ascending, each >= 1.
        training: The schedule.

    Returns:
        Epochs, for each rung.
    """
    paid, counts = 0, []
    for stretch in plan(rungs, steps=1, training=training):
        paid += len(stretch.rates)
        if stretch.ends_rung:
            counts.append(paid)
    return counts


def learning_rates(
    n_steps: int, training: Training, *, warmup_fraction: float | None = None
) -> list[float]:
    """Work out the learning rate of every step of one rise and fall.

    A step has the rate of its middle: at the share t of the steps it is peak * t / w up to the
    warm-up fraction w, and peak / 2 * (1 + cos(pi * (t - w) / (1 - w))) after it. So no step is
    wasted on a rate of 0.

    Args:
        n_steps: Steps, >= 0.
        training: Peak and warm-up fraction.
        warmup_fraction: Another warm-up fraction, in [0, 1); None takes that of the training.

    Returns:
        One rate a step, > 0.

    Source: Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, with a linear warm-up before
    it.
    """
    warmup = training.warmup_fraction if warmup_fraction is None else warmup_fraction
    peak = training.learning_rate
    return [_rate((step + 0.5) / n_steps, peak=peak, warmup=warmup) for step in range(n_steps)]


def _rate(share: float, *, peak: float, warmup: float) -> float:
    if share < warmup:
        return peak * share / warmup
    decay = (share - warmup) / (1.0 - warmup)
    return peak * 0.5 * (1.0 + math.cos(math.pi * decay))


def _restart(rungs: Sequence[int], steps: int, training: Training) -> Iterator[Stretch]:
    for below, rung in _segments(rungs):
        rates = learning_rates((rung - below) * steps, training)
        yield Stretch(below, _by_epoch(rates, steps, rung - below))


def _long(rungs: Sequence[int], steps: int, training: Training) -> Iterator[Stretch]:
    # No longer than that of the other schedules: the lowest rung would be scored before its end.
    warmup = training.warmup_fraction * (rungs[0] / rungs[-1])
    whole = learning_rates(rungs[-1] * steps, training, warmup_fraction=warmup)
    rates = _by_epoch(whole, steps, rungs[-1])
    for below, rung in _segments(rungs):
        yield Stretch(below, rates[below:rung])


def _branch(rungs: Sequence[int], steps: int, training: Training) -> Iterator[Stretch]:
    trunk = _by_epoch(_kept(rungs, steps, training), steps, rungs[-1])
    reached = 0
    for rung in rungs:
        n_epochs = max(round(BRANCH_FRACTION * rung), 1)
        fork = rung - n_epochs
        if fork > reached:
            yield Stretch(reached, trunk[reached:fork], ends_rung=False)
        yield Stretch(fork, _falling(trunk[fork:rung], steps), is_undone=rung != rungs[-1])
        reached = fork


def _average(rungs: Sequence[int], steps: int, training: Training) -> Iterator[Stretch]:
    rates = _by_epoch(_kept(rungs, steps, training), steps, rungs[-1])
    for below, rung in _segments(rungs):
        n_averaged = max(round(AVERAGED_FRACTION * rung * steps), 1)
        yield Stretch(
            below,
            rates[below:rung],
            is_undone=rung != rungs[-1],
            n_averaged=min(n_averaged, (rung - below) * steps),
        )


_PLANS: Mapping[Schedule, Callable[[Sequence[int], int, Training], Iterator[Stretch]]] = {
    "restart": _restart,
    "long": _long,
    "branch": _branch,
    "average": _average,
}


def _segments(rungs: Sequence[int]) -> Iterator[tuple[int, int]]:
    yield from zip([0, *rungs], rungs, strict=False)


def _kept(rungs: Sequence[int], steps: int, training: Training) -> list[float]:
    """Rise over the warm-up of the lowest rung, and stay."""
    n_warm = training.warmup_fraction * rungs[0] * steps
    shares = (
        (step + 0.5) / n_warm if step + 0.5 < n_warm else 1.0 for step in range(rungs[-1] * steps)
    )
    return [training.learning_rate * share for share in shares]


def _falling(rates: tuple[tuple[float, ...], ...], steps: int) -> tuple[tuple[float, ...], ...]:
    """Let rates fall to zero by half a cosine, from whatever they are."""
    flat = [rate for epoch in rates for rate in epoch]
    falls = (_rate((step + 0.5) / len(flat), peak=1.0, warmup=0.0) for step in range(len(flat)))
    return _by_epoch(
        [rate * fall for rate, fall in zip(flat, falls, strict=True)], steps, len(rates)
    )


def _by_epoch(rates: Sequence[float], steps: int, n_epochs: int) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(rates[steps * epoch : steps * (epoch + 1)]) for epoch in range(n_epochs))
