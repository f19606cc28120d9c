"""The door: metrics in their own units become values to minimise, and direction is settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from autokd.errors import DefinitionError, ShapeError
from autokd.pareto.arrays import Floats, as_points

__all__ = ["Axis", "minimised", "reference_point"]


@dataclass(frozen=True, slots=True)
class Axis:
    """How one objective becomes a value to minimise.

    ==========  ========  ==============  ==================================================
    direction   scale     value           metrics
    ==========  ========  ==============  ==================================================
    maximize    linear    ``1 - v``       top1, agreement: fractions in [0, 1]
    minimize    linear    ``v``           ece
    minimize    log10     ``log10(v)``    params, macs, latency_s, peak_bytes: numbers > 0
    ==========  ========  ==============  ==================================================

    Attributes:
        metric: Name of the metric, for messages.
        direction: ``minimize`` or ``maximize``; only fractions in [0, 1] can be maximised.
        scale: ``linear`` or ``log10``; a metric that is maximised is linear.
        reference: Value at and beyond which a result does not count, in the metric's own unit; in
            [0, 1) if the metric is maximised, > 0 on a log10 scale.

    Raises:
        DefinitionError: If scale or reference do not fit the direction.
    """

    metric: str
    direction: Literal["minimize", "maximize"]
    scale: Literal["linear", "log10"]
    reference: float

    def __post_init__(self) -> None:
        if self.direction == "maximize" and self.scale == "log10":
            raise DefinitionError(f"{self.metric}: maximize needs scale 'linear', not 'log10'")
        if self.direction == "maximize":
            is_legal, legal = 0 <= self.reference < 1, "a number in [0, 1)"
        elif self.scale == "log10":
            is_legal, legal = isfinite(self.reference) and self.reference > 0, "a number > 0"
        else:
            is_legal, legal = isfinite(self.reference), "a finite number"
        if not is_legal:
            raise DefinitionError(f"{self.metric}: reference {self.reference} is not {legal}")


def minimised(values: ArrayLike, axes: Sequence[Axis]) -> Floats:
    """Turn metrics into values to minimise; the table of `Axis` says how.

    Args:
        values: Metrics in their own units, ``(points, objectives)``.
        axes: One axis for each column.

    Returns:
        Values to minimise, ``(points, objectives)``; equal where 1 - v or log10 round to the same.

    Raises:
        ShapeError: If values is not two-dimensional with one column for each axis.
        ValueError: If a value is not finite, or is none that its axis can turn.
    """
    points = as_points(values)
    if points.shape[1] != len(axes):
        raise ShapeError(f"values have shape {points.shape}, not (points, {len(axes)})")
    columns = [_turned(points[:, i], axis) for i, axis in enumerate(axes)]
    return np.stack(columns, axis=1)


def reference_point(axes: Sequence[Axis]) -> Floats:
    """Turn the references of the axes as `minimised` turns values.

    Args:
        axes: The objectives, at least one.

    Returns:
        Reference point on minimised values, ``(objectives,)``.

    Raises:
        ShapeError: If there is no axis.
    """
    return minimised([[axis.reference for axis in axes]], axes).reshape(-1)


def _turned(values: Floats, axis: Axis) -> Floats:
    if axis.direction == "maximize":
        _refuse(values[(values < 0) | (values > 1)], axis, legal="in [0, 1]")
        return 1 - values
    if axis.scale == "linear":
        return values
    _refuse(values[values <= 0], axis, legal="> 0, as log10 needs it")
    return np.asarray(np.log10(values))


def _refuse(illegal: Floats, axis: Axis, *, legal: str) -> None:
    if illegal.size:
        raise ValueError(f"{axis.metric}: {illegal[0]} is not {legal}")
