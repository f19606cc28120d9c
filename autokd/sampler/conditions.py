"""Which parameters are active when, found out from the trials of a study.

Optuna's spaces are defined by the program that runs: nobody says beforehand that ``beta`` exists
only where ``method`` is ``dkd``. The trials show it: a categorical parameter that every trial has,
of which the trials with ``beta`` have some values and the trials without it others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from autokd.sampler.encoding import Condition

__all__ = ["found_conditions"]


def found_conditions(
    points: Sequence[Mapping[str, Any]], distributions: Mapping[str, BaseDistribution]
) -> dict[str, Condition]:
    """Find the conditions that explain which points have which parameters.

    Args:
        points: Values by name.
        distributions: Optuna's distribution of every parameter, by name.

    Returns:
        Conditions by name; none for a parameter that every point has, or whose absence no
        categorical parameter explains. The first one that explains it is taken.
    """
    parents = {
        name: distribution
        for name, distribution in distributions.items()
        if isinstance(distribution, CategoricalDistribution)
        and all(name in point for point in points)
    }
    found = {}
    for name in distributions:
        if any(name not in point for point in points):
            condition = _condition(name, points, parents)
            if condition is not None:
                found[name] = condition
    return found


def _condition(
    name: str,
    points: Sequence[Mapping[str, Any]],
    parents: Mapping[str, CategoricalDistribution],
) -> Condition | None:
    for parent, distribution in parents.items():
        index = distribution.to_internal_repr
        present = {int(index(point[parent])) for point in points if name in point}
        absent = {int(index(point[parent])) for point in points if name not in point}
        if not present & absent:
            return Condition(parent, frozenset(present))
    return None
