"""What the other modules accept as points, checked in one place."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autokd.errors import ShapeError

__all__ = ["Floats", "Integers", "Mask", "as_point", "as_points"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


def as_points(values: ArrayLike) -> Floats:
    """Check an array of points.

    Args:
        values: Finite numbers, ``(points, objectives)``, at least one objective.

    Returns:
        The same numbers in double precision, ``(points, objectives)``.

    Raises:
        ShapeError: If the shape is another.
        ValueError: If a value is NaN or infinite.
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] == 0:
        raise ShapeError(f"values have shape {points.shape}, not (points, objectives)")
    if not np.isfinite(points).all():
        raise ValueError("values hold NaN or infinity")
    return points


def as_point(values: ArrayLike, *, n_objectives: int | None = None) -> Floats:
    """Check one point.

    Args:
        values: Finite numbers, ``(objectives,)``.
        n_objectives: How many there must be, >= 0; None accepts any number.

    Returns:
        The same numbers in double precision, ``(objectives,)``.

    Raises:
        ShapeError: If the shape is another.
        ValueError: If a value is NaN or infinite.
    """
    point = np.asarray(values, dtype=np.float64)
    if point.ndim != 1 or n_objectives not in (None, len(point)):
        legal = "objectives" if n_objectives is None else n_objectives
        raise ShapeError(f"a point has shape {point.shape}, not ({legal},)")
    if not np.isfinite(point).all():
        raise ValueError(f"point {point} holds NaN or infinity")
    return point
