"""Results of all rungs on the scale of the top rung.

After a third of the epochs every student is worse than at the end, and students differ by more or
by less. The trials that have results at two neighbouring rungs show by how much: their means and
spreads there give the line that takes one rung's results to the next one's scale. These trials
were promoted for being good, on both sides of the comparison; a comparison of all results at one
rung with all at the next would take that selection for progress.
"""

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["aligned"]

_CONFIDENCE = 4.0
"""Pairs that weigh as much as the belief that spreads are equal."""


def aligned(results: Sequence[Mapping[float, float]]) -> list[dict[float, float]]:
    """Bring results of lower rungs to the scale of the top rung.

    Args:
        results: For each trial an outcome by rung, finite.

    Returns:
        The same trials and rungs. Where no trial has results at both of two neighbouring rungs,
        the lower one's mean is taken to that of all results above it and its spread is kept.
    """
    rungs = sorted({rung for trial in results for rung in trial}, reverse=True)
    scaled: list[dict[float, float]] = [{} for _ in results]
    for above, rung in zip([None, *rungs], rungs, strict=False):
        shift, middle, ratio = _line(results, scaled, rung=rung, above=above)
        for trial, mine in zip(results, scaled, strict=True):
            if rung in trial:
                mine[rung] = shift + ratio * (trial[rung] - middle)
    return [dict(sorted(trial.items())) for trial in scaled]


def _line(
    results: Sequence[Mapping[float, float]],
    scaled: Sequence[Mapping[float, float]],
    *,
    rung: float,
    above: float | None,
) -> tuple[float, float, float]:
    """Where the results at a rung come to lie: ``shift + ratio * (result - middle)``."""
    if above is None:
        return 0.0, 0.0, 1.0
    both = [
        (r[rung], s[above])
        for r, s in zip(results, scaled, strict=True)
        if rung in r and above in s
    ]
    if not both:
        here = [trial[rung] for trial in results if rung in trial]
        there = [trial[above] for trial in scaled if above in trial]
        return float(np.mean(there)), float(np.mean(here)), 1.0
    low, high = np.array(both).T
    n, ratio = len(both), 1.0
    if n > 1 and low.std() > 0 and high.std() > 0:
        ratio = float(np.exp(n / (n + _CONFIDENCE) * np.log(high.std() / low.std())))
    return float(high.mean()), float(low.mean()), ratio
