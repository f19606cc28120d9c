"""How well the rungs of a run ranked its students.

The race decides at the lower rungs who trains on. It decides well where a rung's order is that of
the top rung, and a finished run can say whether it was: by Kendall's tau among the trials that
finished. With few of them tau is uncertain, so an interval stands beside it.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import kendalltau

__all__ = ["INTERVAL_LEAST", "rung_correlation", "tau_interval"]

INTERVAL_LEAST = 10
"""Finished trials below which no interval is given: resampling so few says nothing reliable."""

_LEAST = 3
_CONFIDENCE = 0.95
_RESAMPLES = 999
_MOST = 1000
"""Trials that are resampled at most: effort grows with their square."""

_COLUMNS = ("epochs", "n", "tau", "tau_low", "tau_high")

_Array = npt.NDArray[np.float64]


def rung_correlation(curves: pd.DataFrame, metric: str, *, top: int) -> pd.DataFrame:
    """Compare each rung's score with the top rung's.

    Args:
        curves: What `autokd.runs.analysis.curves_table` gave, without repeated trials, which
            would count one result twice.
        metric: The score.
        top: The top rung, epochs.

    Returns:
        Columns ``epochs``, ``n``, ``tau``, ``tau_low``, ``tau_high``; a row for each rung below
        the top, none before a trial has reached that. Only trials that reached the top rung enter,
        so the race has already removed the weakest. Tau is NaN below three trials or without any
        difference among them; its 95 % interval is what `tau_interval` says.

    Source: Kendall's tau-b as SciPy computes it.
    """
    if metric not in curves or not (curves["epochs"] == top).any():
        return pd.DataFrame(columns=_COLUMNS, dtype=float)
    scores = curves.pivot(index="trial", columns="epochs", values=metric)
    finished = scores[scores[top].notna()].astype(float)
    rows = []
    for rung in sorted({int(epochs) for epochs in curves["epochs"] if epochs < top}):
        early, final = finished[rung].to_numpy(), finished[top].to_numpy()
        tau = float(kendalltau(early, final).statistic) if len(final) >= _LEAST else np.nan
        rows.append((rung, len(final), tau, *tau_interval(early, final)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def tau_interval(early: _Array, final: _Array) -> tuple[float, float]:
    """Say how sure Kendall's tau is: its 95 % interval by the percentile bootstrap.

    Trials are drawn anew with replacement, 999 times, with a fixed seed. Of more than 1,000 trials
    1,000 are resampled, spread evenly, which makes the interval a little wider than need be.

    Args:
        early: Scores at a rung, ``(trials,)``.
        final: Scores of the same trials at the top rung, ``(trials,)``.

    Returns:
        Both ends, in [-1, 1]; NaN below `INTERVAL_LEAST` trials, and where all pairs agree or all
        disagree or do not differ, since resampling cannot vary that.

    Source: Efron 1979, Ann. Statist. 7(1).
    """
    kept = np.linspace(0, len(early) - 1, min(len(early), _MOST)).round().astype(np.int64)
    if len(kept) < INTERVAL_LEAST:
        return np.nan, np.nan
    taus = _resampled(early[kept], final[kept])
    tail = 50 * (1 - _CONFIDENCE)
    if not len(taus) or np.ptp(taus) == 0:
        return np.nan, np.nan
    low, high = np.percentile(taus, [tail, 100 - tail])
    return float(low), float(high)


def _resampled(early: _Array, final: _Array) -> _Array:
    """Tau-b of each resample that has any difference, ``(resamples,)``."""
    n = len(early)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    weights = counts.astype(np.float64)
    ones, others = (np.sign(each[:, np.newaxis] - each) for each in (early, final))
    both = _pair_sums(weights, ones * others)
    differ = np.sqrt(_pair_sums(weights, ones**2) * _pair_sums(weights, others**2))
    return np.asarray(both[differ > 0] / differ[differ > 0])


def _pair_sums(weights: _Array, signs: _Array) -> _Array:
    """Sum signs, ``(trials, trials)``, over all pairs of each resample, ``(resamples,)``."""
    return np.asarray(((weights @ signs) * weights).sum(axis=1))
