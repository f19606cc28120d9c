"""Optuna's samplers by the names that a study uses.

A sampler's random state is not part of any storage, so a sampler is made anew for each slot, from
a seed that follows from the study's seed and the slot: a resumed search then draws what an
uninterrupted one would have drawn.
"""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler

from autokd.search.tpe import Rows, Tpe
from autokd.study import SamplerSpec

__all__ = ["make_sampler"]


def make_sampler(spec: SamplerSpec, *, seed: int, rows: Rows | None = None) -> BaseSampler:
    """Make a sampler.

    Args:
        spec: Which one of Optuna's.
        seed: Seed of its random numbers, in [0, 2**31).
        rows: What earlier samplers of the same Optuna study have converted; None for the
            first one.

    Returns:
        The sampler. ``tpe`` is multivariate and grouped, since Optuna's default silently draws
        conditional parameters at random when several objectives are searched.
    """
    match spec.name:
        case "tpe":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)  # for `group`
                return Tpe(
                    {} if rows is None else rows,
                    n_startup_trials=spec.n_startup,
                    multivariate=True,
                    group=True,
                    constant_liar=True,
                    seed=seed,
                )
        case "nsga2":
            return NSGAIISampler(population_size=max(spec.n_startup, 2), seed=seed)
        case "gp":
            return GPSampler(n_startup_trials=spec.n_startup, seed=seed)
        case "random":
            return RandomSampler(seed=seed)
        case "autokd":
            raise AssertionError("autokd's own sampler needs to know the study")
