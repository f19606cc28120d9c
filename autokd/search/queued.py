"""Points that are tried before the sampler is asked: slots 0, 1, 2 and so on, in their order.

A queued point is an ordinary trial in an ordinary slot. Its students are drawn with the slot's
seed, so they are fresh members of the family that the point names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autokd.graphs import GENERATORS
from autokd.parameters import GENERATOR, Value
from autokd.search.translate import distillation, middle
from autokd.space import METHOD, SearchSpace, contains
from autokd.start import Start

__all__ = ["Queued", "baselines"]

_CHAIN, _USUAL = "chain", "kd"


@dataclass(frozen=True, slots=True)
class Queued:
    """One point.

    Attributes:
        point: Value of every active parameter by full name; that of a baseline names its generator
            too.
        origin: Where it comes from, for the trial's record.
    """

    point: dict[str, Value]
    origin: str

    @property
    def is_baseline(self) -> bool:
        """Whether another generator than the search space's draws its students."""
        return GENERATOR in self.point

    def searched(self, names: Mapping[str, Any]) -> dict[str, Value]:
        """Take what a sampler would have proposed.

        Args:
            names: Parameters that are searched, by full name.

        Returns:
            Their values; those of a baseline's architecture are none of the search space's.
        """
        return {
            name: value
            for name, value in self.point.items()
            if name in names and not (self.is_baseline and name.startswith("architecture."))
        }


def baselines(start: Start, space: SearchSpace) -> list[Queued]:
    """Write out a study's baselines.

    Args:
        start: What the study tries first.
        space: Its search space.

    Returns:
        Plain chains in the order in which the study names their budgets. They are distilled by
        ``kd``, or by the first of the space's methods if that is none of them, with the method's
        defaults; where the space does not contain one, with its fixed value or the middle of its
        domain.
    """
    return [
        Queued(
            {GENERATOR: _CHAIN, **_chain(budget), **_usual_distillation(space)},
            f"chain baseline of {budget:,.0f} params",
        )
        for budget in start.chain
    ]


def _chain(budget: float) -> dict[str, Value]:
    defaults = {p.name: p.default for p in GENERATORS[_CHAIN].parameters if p.default is not None}
    values: dict[str, Value] = {"params_budget": budget, **defaults}
    return {f"architecture.{name}": value for name, value in values.items()}


def _usual_distillation(space: SearchSpace) -> dict[str, Value]:
    values: dict[str, Value] = {METHOD: _USUAL if _USUAL in space.methods else space.methods[0]}
    defaults = distillation(space, values)
    for dimension in space.active(values):
        if dimension.name in defaults:
            default = defaults[dimension.name]
            is_legal = contains(dimension.domain, default)
            values[dimension.name] = default if is_legal else middle(dimension.domain)
    return values
