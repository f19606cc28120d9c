"""Looking at promising points: who is refused tells where not to look next.

A preview takes milliseconds, so only some dozens of a few thousand candidates are looked at, the
most promising first. Where a bound is tight, all of these may be refused, for what promises most
is often just beyond it. Then a model of the refusals says how likely the others are to be
feasible, and after some rounds in vain only that counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Columns, Encoding
from autokd.sampler.pool import Candidates, previewed
from autokd.sampler.preview import Preview, Previewer
from autokd.sampler.surrogate import fitted

__all__ = ["looked_at"]

_MOST_ROUNDS = 10
_N_FITTED = 100


def looked_at(
    encoding: Encoding,
    units: Floats,
    worth: Floats,
    *,
    trained: Floats,
    preview: Previewer,
    tried: Iterable[str],
    n: int,
) -> Candidates:
    """Look at points until enough of them are feasible and new.

    Args:
        encoding: The space.
        units: Points, ``(points, parameters)``.
        worth: How much each of them promises, >= 0, ``(points,)``.
        trained: Units of trials with results, which were feasible then, ``(trials, parameters)``.
        preview: Who knows.
        tried: Keys of earlier trials.
        n: How many are enough, >= 1; that many are looked at in each of at most ten rounds.

    Returns:
        Candidates with different keys: n or some more of them, or fewer if the rounds or the
        points are at their end.
    """
    columns, n_trained = encoding.columns(np.concatenate([trained, units])), len(trained)
    order, looked = np.argsort(-worth, kind="stable"), np.arange(n_trained)
    verdicts, seen = [True] * n_trained, set(tried)
    is_informed, found = False, list[Candidates]()
    for done in range(1, _MOST_ROUNDS + 1):
        batch, order = order[:n], order[n:]
        looked = np.concatenate([looked, batch + n_trained])
        noted = _noting(preview, verdicts)
        found.append(previewed(encoding, units[batch], preview=noted, tried=seen))
        seen.update(each.key for each in found[-1].previews)
        is_enough = sum(map(len, found)) >= n and (is_informed or all(verdicts))
        if is_enough or not len(order):
            break
        if not all(verdicts):
            is_informed = any(verdicts)  # else the model flees from the refusals, too far
            told = Columns(columns.values[looked], columns.groups)
            chance = _chance(told, verdicts, columns.values[order + n_trained])
            is_late = done >= _MOST_ROUNDS // 2 and not any(map(len, found))
            hope = chance if is_late else worth[order] * chance
            order = order[np.lexsort((-chance, -hope))]
    return Candidates.joined(found)


def _noting(preview: Previewer, verdicts: list[bool]) -> Previewer:
    def noted(point: Mapping[str, Any]) -> Preview:
        known = preview(point)
        verdicts.append(known.is_feasible)
        return known

    return noted


def _chance(looked: Columns, verdicts: Sequence[bool], others: Floats) -> Floats:
    """Probability that other points are feasible, ``(others,)``."""
    refusals = fitted(looked, np.where(verdicts, -1.0, 1.0), n_fitted=_N_FITTED)
    mean, deviation = refusals.predict(others)
    return np.asarray(ndtr(-mean / deviation))
