"""What autokd's own sampler is told of a study: its space, and what a point will cost.

The sampler (`autokd.sampler`) knows Optuna's distributions and nothing of students. Here a search
space becomes what it knows, and a family that was drawn becomes a preview: its size where that is
an objective, its cost as features, and a key that tells repeats.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autokd.errors import InfeasibleError
from autokd.parameters import Point, Value
from autokd.pareto import Axis, minimised
from autokd.runs import Record
from autokd.runs.importance import optuna_distribution
from autokd.sampler import Condition, Preview, Previewer, Space
from autokd.search.family import Draw, repeat_key
from autokd.space import (
    METHOD,
    CategoricalDomain,
    Dimension,
    FixedDomain,
    FloatDomain,
    IntDomain,
    SearchSpace,
)
from autokd.study import StudySpec

__all__ = ["make_previewer", "preview_of", "preview_queued", "sampler_space"]

_REFUSED = Preview("", is_feasible=False)


def sampler_space(space: SearchSpace) -> Space:
    """Say what is searched in Optuna's terms.

    Args:
        space: The search space.

    Returns:
        Distributions of the parameters that are searched, and which method each belongs to.
    """
    found = {d.name: optuna_distribution(d.domain) for d in space.dimensions()}
    searched = {name: distribution for name, distribution in found.items() if distribution}
    return Space(
        searched,
        {
            dimension.name: Condition(METHOD, _indices(dimension, space.methods))
            for dimension in space.dimensions()
            if dimension.name in searched
            and dimension.methods is not None
            and not dimension.methods.issuperset(space.methods)
        },
    )


def make_previewer(spec: StudySpec, draw: Draw, *, seed: int) -> Previewer:
    """Make the preview of a slot's points.

    Args:
        spec: The study.
        draw: Draws a point's family.
        seed: The slot's seed.

    Returns:
        The preview; a point whose family is refused is not feasible.
    """
    completed, axes = _completing(spec.search_space), spec.axes

    def preview(params: Mapping[str, Any]) -> Preview:
        point = completed(params)
        try:
            family = draw(point, seed)
        except InfeasibleError:
            return _REFUSED
        searched = {name: value for name, value in family.point.items() if name in params}
        return _preview(axes, repeat_key(family.digests, point), family.cost, point=searched)

    return preview


def preview_queued(spec: StudySpec, draw: Draw, point: Point, *, seed: int) -> Preview:
    """Make the preview of a point that no sampler proposed.

    Args:
        spec: The study.
        draw: Draws a point's family.
        point: The whole point; a baseline's too.
        seed: The slot's seed.

    Returns:
        The preview, the same that `preview_of` makes once there is a record.
    """
    try:
        family = draw(point, seed)
    except InfeasibleError:
        return _REFUSED
    return _preview(spec.axes, repeat_key(family.digests, point), family.cost, point={})


def preview_of(spec: StudySpec, record: Record) -> Preview:
    """Make the preview that a trial had from what is kept of it.

    Args:
        spec: The study.
        record: The record of a trial whose family was drawn.

    Returns:
        The preview.
    """
    return _preview(spec.axes, repeat_key(record.graphs, record.point), record.cost, point={})


def _preview(
    axes: Sequence[Axis], key: str, cost: Mapping[str, float], *, point: Point
) -> Preview:
    # Latency is measured, and only of what is begun.
    cost = {name: value for name, value in sorted(cost.items()) if name != "latency_s"}
    known = {
        index: float(minimised([[cost[axis.metric]]], [axis])[0, 0])
        for index, axis in enumerate(axes)
        if axis.metric in cost
    }
    features = tuple(math.log1p(value) for value in cost.values())
    return Preview(key, known, point, features)


def _completing(space: SearchSpace) -> Callable[[Mapping[str, Any]], dict[str, Value]]:
    """Make what adds to a sampler's point all that is not searched.

    A space's dimensions are worked out once here, and not once for each of thousands of points.
    """
    known = [(d.name, d.methods, _only_value(d)) for d in space.dimensions()]

    def completed(params: Mapping[str, Any]) -> dict[str, Value]:
        point: dict[str, Value] = {}
        for name, methods, only in known:
            if methods is None or point[METHOD] in methods:
                point[name] = params.get(name, only)
        return point

    return completed


def _only_value(dimension: Dimension) -> Value:
    match dimension.domain:
        case FixedDomain(value=value):
            return value
        case CategoricalDomain(choices=choices):
            return choices[0]
        case FloatDomain(low=low) | IntDomain(low=low):
            return low


def _indices(dimension: Dimension, methods: tuple[str, ...]) -> frozenset[int]:
    assert dimension.methods is not None
    return frozenset(i for i, method in enumerate(methods) if method in dimension.methods)
