"""Points of one search space as points of another.

What both spaces have under the same name means the same: a generator's parameters while it is the
same generator, a method's parameters whether they stand in its own table or beside it. A value
that the other space does not allow is not bent to one that it does.
"""

import math

from autokd.methods import settle
from autokd.parameters import Point, Value
from autokd.space import (
    METHOD,
    CategoricalDomain,
    Domain,
    FixedDomain,
    FloatDomain,
    IntDomain,
    SearchSpace,
    contains,
)

__all__ = ["SIZE", "distillation", "middle", "shared_part", "translated"]

SIZE = "architecture.params_budget"
"""The parameter without which a student of a front is another student."""


def shared_part(space: SearchSpace, point: Point) -> dict[str, Value]:
    """Take over the values of another space's point that this one allows.

    Args:
        space: The space to translate to.
        point: A point of another space.

    Returns:
        Values by this space's names, in its order. If the point's method is none of this space's,
        nothing of its distillation is taken.
    """
    known = {name: value for name, value in point.items() if not name.startswith("kd.")}
    if point[METHOD] in space.methods:
        known[METHOD] = point[METHOD]
        known |= distillation(space, point)
    return {
        dimension.name: _typed(known[dimension.name], dimension.domain)
        for dimension in space.dimensions()
        if dimension.name in known and contains(dimension.domain, known[dimension.name])
    }


def translated(space: SearchSpace, point: Point) -> dict[str, Value]:
    """Complete what another space's point shares with this one.

    Args:
        space: The space to translate to.
        point: A point of another space, or a part of one.

    Returns:
        A point of this space: what it lacks has its fixed value or the middle of its domain.
    """
    taken = shared_part(space, point)
    method = taken.get(METHOD, space.methods[0])
    return {
        dimension.name: taken.get(dimension.name, middle(dimension.domain))
        for dimension in space.active({METHOD: method})
    }


def distillation(space: SearchSpace, point: Point) -> dict[str, Value]:
    """Name the parameters of a point's method as a space does.

    Args:
        space: The space.
        point: A point of any space with one of this one's methods; what it does not say has the
            method's default.

    Returns:
        Values, legal here or not, of the parameters that the method has here.
    """
    _, settled = settle(point)
    return {
        dimension.name: settled[dimension.name.rpartition(".")[2]]
        for dimension in space.active(point)
        if dimension.methods is not None
    }


def middle(domain: Domain) -> Value:
    """Give the value in the middle of a domain.

    Args:
        domain: The domain.

    Returns:
        Of numbers the mean of both ends, the geometric one where they are drawn by their
        logarithm; of values without an order the first.
    """
    match domain:
        case FixedDomain(value=value):
            return value
        case CategoricalDomain(choices=choices):
            return choices[0]
        case FloatDomain():
            return _mean(domain)
        case IntDomain():
            return round(_mean(domain))


def _mean(domain: FloatDomain | IntDomain) -> float:
    low, high = domain.low, domain.high
    return math.sqrt(low * high) if domain.log else (low + high) / 2


def _typed(value: Value, domain: Domain) -> Value:
    return float(value) if isinstance(domain, FloatDomain) else value
