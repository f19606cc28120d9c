"""How Optuna's samplers get into autokd's loop where a study cannot name them.

They are put in the place of the study's sampler for the length of a search: one sampler for the
whole search, as whoever uses Optuna has it, and not one for each slot, as autokd makes them so
that a search resumes alike.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import FrozenTrial
from table_data import Table

from autokd.parameters import part
from autokd.search.previews import sampler_space
from autokd.study import StudySpec

Maker = Callable[[int], BaseSampler]
"""From a seed to a sampler."""


def tpe(seed: int) -> BaseSampler:
    """Make TPE as Optuna ships it."""
    return TPESampler(seed=seed)


def tpe_multivariate(seed: int) -> BaseSampler:
    """Make TPE that draws all parameters together."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # for `group`
        return TPESampler(seed=seed, multivariate=True, group=True)


def gp(seed: int) -> BaseSampler:
    """Make the Gaussian process as Optuna ships it."""
    return GPSampler(seed=seed)


@contextmanager
def put_in_place(
    maker: Maker, table: Table, spec: StudySpec, *, is_told_rows: bool
) -> Iterator[None]:
    """Let a loop sample with an Optuna sampler.

    Args:
        maker: Makes the sampler, from the study's seed.
        table: The table.
        spec: The study.
        is_told_rows: Whether the sampler is told rows in the place of its proposals.
    """
    sampler = maker(spec.seed)
    if is_told_rows:
        sampler = ToldRows(sampler, table, sampler_space(spec.search_space).distributions)
    with patch("autokd.search.proposer.make_sampler", lambda *_, **__: sampler):
        yield


class ToldRows(BaseSampler):
    """Proposes a row of the table itself: the one that another sampler's proposal comes to.

    Args:
        inner: The other sampler.
        table: The table.
        space: Distribution of every parameter by full name.
    """

    def __init__(
        self, inner: BaseSampler, table: Table, space: Mapping[str, BaseDistribution]
    ) -> None:
        self._inner, self._table, self._space = inner, table, dict(space)

    def reseed_rng(self) -> None:
        """Draw a new seed."""
        self._inner.reseed_rng()

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Ask for all parameters at once, since a row has them all."""
        return self._space

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Let the other sampler propose, together or one by one as it does, and snap that."""
        related = self._inner.infer_relative_search_space(study, trial)
        point = dict(self._inner.sample_relative(study, trial, related))
        for name, distribution in search_space.items():
            if name not in point:
                point[name] = self._inner.sample_independent(study, trial, name, distribution)
        row = self._table.points[self._table.row(part(point, "architecture"))]
        return {f"architecture.{name}": value for name, value in row.items()}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Refuse, since every parameter has been proposed."""
        raise AssertionError(param_name)
