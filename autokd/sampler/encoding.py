"""Points as arrays: in units for drawing and changing them, in columns for a model.

In *units* every parameter is one number: a position in [0, 1] on the (logarithmic) axis of a
number, the index of a category, NaN where the parameter is not active. In *columns*, which a
kernel measures distances in, a category becomes one column a choice, so that all choices are
equally far apart, and a parameter that is not active stands in the middle: whether it is active
follows from the category that it depends on, and that has columns of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autokd.pareto.arrays import Floats, Mask

__all__ = ["Columns", "Condition", "Encoding"]

_MIDDLE = 0.5


@dataclass(frozen=True, slots=True)
class Condition:
    """When a parameter is active: where a categorical one has one of some values.

    Attributes:
        parent: Name of the categorical parameter; it has no condition of its own.
        indices: Indices of its choices for which the parameter is active.
    """

    parent: str
    indices: frozenset[int]


@dataclass(frozen=True, slots=True)
class Columns:
    """What a kernel reads.

    Attributes:
        values: Numbers of about unit range, ``(points, columns)``.
        groups: First and last-but-one column of each group; distances are scaled by group.
    """

    values: Floats
    groups: tuple[tuple[int, int], ...]

    def with_features(self, features: Floats) -> "Columns":
        """Put more columns behind, each a group of its own.

        Args:
            features: Numbers of about unit range, ``(points, features)``.

        Returns:
            Wider columns.
        """
        n_before, n_more = self.values.shape[1], features.shape[1]
        more = tuple((n_before + i, n_before + i + 1) for i in range(n_more))
        return Columns(np.column_stack([self.values, features]), (*self.groups, *more))


class Encoding:
    """How the points of one space are written as arrays.

    Args:
        distributions: Optuna's distribution of every parameter, by name.
        conditions: For parameters that are not always active, by name.

    Attributes:
        distributions: The same, by name.
        names: Their names.
    """

    def __init__(
        self,
        distributions: Mapping[str, BaseDistribution],
        conditions: Mapping[str, Condition] | None = None,
    ) -> None:
        self.distributions = dict(distributions)
        self.names = tuple(distributions)
        self._axes = [_Axis.of(distribution) for distribution in distributions.values()]
        place = {name: i for i, name in enumerate(self.names)}
        self._conditions = {
            place[name]: (place[condition.parent], sorted(condition.indices))
            for name, condition in (conditions or {}).items()
        }

    def units(self, points: Sequence[Mapping[str, Any]]) -> Floats:
        """Write points in units.

        Args:
            points: Values by name; others than this space's are ignored.

        Returns:
            Units, ``(points, parameters)``; NaN where a point lacks a parameter.
        """
        result = np.full((len(points), len(self.names)), np.nan)
        for row, point in zip(result, points, strict=True):
            for i, (name, axis) in enumerate(zip(self.names, self._axes, strict=True)):
                if name in point:
                    row[i] = axis.unit(point[name])
        return result

    def is_whole(self, units: Floats) -> Mask:
        """Say which points have all parameters that are active in them.

        Args:
            units: Units, ``(points, parameters)``.

        Returns:
            True for each point that lacks none, ``(points,)``.
        """
        lacks = np.isnan(units)
        for i, (parent, indices) in self._conditions.items():
            lacks[:, i] &= np.isin(units[:, parent], indices)
        return np.asarray(~lacks.any(axis=1))

    def point(self, units: Floats) -> dict[str, Any]:
        """Read one point.

        Args:
            units: Units of one point, ``(parameters,)``.

        Returns:
            Values of the active parameters by name.
        """
        return {
            name: axis.value(unit)
            for name, axis, unit in zip(self.names, self._axes, units.tolist(), strict=True)
            if unit == unit  # NaN: not active
        }

    def random(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw points evenly.

        Args:
            n: How many, >= 0.
            rng: Source of random numbers.

        Returns:
            Units, ``(n, parameters)``.
        """
        return self._settled(self._drawn(n, rng))

    def changed(self, units: Floats, rng: np.random.Generator) -> Floats:
        """Change points a little: one parameter, often a second and seldom more.

        A number moves by a step whose size is itself random, from a thousandth of its axis to
        half of it; a category is drawn anew. A parameter that becomes active is drawn.

        Args:
            units: Units, ``(points, parameters)``.
            rng: Source of random numbers.

        Returns:
            Units, ``(points, parameters)``.
        """
        n, d = units.shape
        fresh = self._drawn(n, rng)
        scale = 0.5 * 10 ** rng.uniform(-2.7, 0, size=(n, 1))
        step = rng.normal(size=(n, d)) * scale
        is_category = np.array([axis.n_choices > 0 for axis in self._axes])
        moved = np.where(is_category, fresh, np.clip(units + step, 0, 1))
        is_moved = self._chosen(~np.isnan(units), rng)
        result = np.where(is_moved, moved, np.where(np.isnan(units), fresh, units))
        return self._settled(result)

    def holding(self, units: Floats, point: Mapping[str, Any], rng: np.random.Generator) -> Floats:
        """Give points some values, whatever they had there.

        Args:
            units: Units, ``(points, parameters)``.
            point: The values by name; others than this space's are ignored.
            rng: Source of random numbers, for parameters that become active.

        Returns:
            Units, ``(points, parameters)``.
        """
        given = self.units([point])
        held = np.where(np.isnan(units), self._drawn(len(units), rng), units)
        return self._settled(np.where(np.isnan(given), held, given))

    def columns(self, units: Floats) -> Columns:
        """Write units as columns.

        Args:
            units: Units, ``(points, parameters)``.

        Returns:
            Columns; a group for each parameter.
        """
        blocks, groups, n_columns = [], [], 0
        for i, axis in enumerate(self._axes):
            block = axis.columns(units[:, i])
            blocks.append(block)
            groups.append((n_columns, n_columns + block.shape[1]))
            n_columns += block.shape[1]
        return Columns(np.column_stack([np.empty((len(units), 0)), *blocks]), tuple(groups))

    def _drawn(self, n: int, rng: np.random.Generator) -> Floats:
        uniform = rng.random((n, len(self.names)))
        for i, axis in enumerate(self._axes):
            if axis.n_choices:
                uniform[:, i] = np.floor(uniform[:, i] * axis.n_choices)
        return uniform

    def _settled(self, units: Floats) -> Floats:
        """Bring units to legal values, and mark what is not active."""
        result = np.column_stack(
            [
                np.empty((len(units), 0)),
                *(a.settled(units[:, i]) for i, a in enumerate(self._axes)),
            ]
        )
        for i, (parent, indices) in self._conditions.items():
            result[~np.isin(result[:, parent], indices), i] = np.nan
        return result

    @staticmethod
    def _chosen(is_active: Mask, rng: np.random.Generator) -> Mask:
        """Choose among the active parameters of each point: 1, and more with falling odds."""
        keys = np.where(is_active, rng.random(is_active.shape), np.inf)
        n_chosen = rng.geometric(0.5, size=len(keys))
        ranks = keys.argsort(axis=1).argsort(axis=1)
        return np.asarray((ranks < n_chosen[:, np.newaxis]) & is_active)


@dataclass(frozen=True, slots=True)
class _Axis:
    """One parameter: ``n_choices`` is 0 for numbers; ``step`` 0 for those without a grid."""

    distribution: BaseDistribution
    low: float
    high: float
    step: float
    is_log: bool
    n_choices: int

    @classmethod
    def of(cls, distribution: BaseDistribution) -> "_Axis":
        match distribution:
            case CategoricalDistribution():
                return cls(distribution, 0, 0, 0, False, len(distribution.choices))
            case IntDistribution():
                step, is_log = float(distribution.step), distribution.log
            case FloatDistribution():
                step, is_log = distribution.step or 0.0, distribution.log
            case _:
                raise TypeError(f"{type(distribution).__name__} is none of Optuna's distributions")
        return cls(
            distribution, float(distribution.low), float(distribution.high), step, is_log, 0
        )

    def unit(self, value: Any) -> float:
        internal = self.distribution.to_internal_repr(value)
        if self.n_choices:
            return internal
        low, high = self._ends()
        span = high - low
        at = (np.log(max(internal, 1e-300)) if self.is_log else internal) - low
        return float(np.clip(at / span, 0, 1)) if span else _MIDDLE

    def value(self, unit: float) -> Any:
        if self.n_choices:
            return self.distribution.to_external_repr(float(unit))
        low, high = self._ends()
        at = low + unit * (high - low)
        number = float(np.exp(at)) if self.is_log else at
        if self.step:
            number = self.low + round((number - self.low) / self.step) * self.step
        return self.distribution.to_external_repr(min(max(number, self.low), self.high))

    def settled(self, units: Floats) -> Floats:
        if self.n_choices or not self.step:
            return units
        low, high = self._ends()
        at = low + units * (high - low)
        numbers = np.exp(at) if self.is_log else at
        numbers = self.low + np.round((numbers - self.low) / self.step) * self.step
        numbers = np.clip(numbers, self.low, self.high)
        span = (high - low) or 1.0
        return np.asarray(((np.log(numbers) if self.is_log else numbers) - low) / span)

    def columns(self, units: Floats) -> Floats:
        if not self.n_choices:
            return np.nan_to_num(units, nan=_MIDDLE)[:, np.newaxis]
        # Two different choices are then at distance 1.
        return np.asarray((units[:, np.newaxis] == np.arange(self.n_choices)) / np.sqrt(2))

    def _ends(self) -> tuple[float, float]:
        """Ends of the axis; each number of a grid gets a piece of the same length."""
        low, high = self.low - self.step / 2, self.high + self.step / 2
        return (float(np.log(low)), float(np.log(high))) if self.is_log else (low, high)
