"""From a point to its students' graphs, and to what they cost.

Drawing is cheap and torch-free, and follows from point and seed alone; so the process that leads a
search draws a family to know its size before training, and the worker that trains it draws the
same family again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from autokd.constraints import plain
from autokd.errors import ConstraintViolated
from autokd.graphs import ArchGraph, InputShape, cost
from autokd.parameters import Point, part
from autokd.seeds import derive_seed
from autokd.study import Constraints, StudySpec

__all__ = [
    "Draw",
    "Family",
    "check_constraints",
    "draw_family",
    "family_cost",
    "make_draw",
    "repeat_key",
    "slot_seed",
]


@dataclass(frozen=True, slots=True)
class Family:
    """A point's students, as far as they are known before training.

    Attributes:
        digests: Of their graphs: equal digests are equal students.
        cost: What they cost by metric, and whatever else is known of them that may tell how good
            they will be: numbers >= 0, the family's mean.
        graphs: The graphs, where there are files to be written of them.
        point: Values of the point as they come out, where several points come to the same.
    """

    digests: tuple[str, ...]
    cost: dict[str, float]
    graphs: tuple[ArchGraph, ...] = ()
    point: Point = field(default_factory=dict)


Draw = Callable[[Point, int], Family]
"""From a point and a slot's seed to its family; raises `InfeasibleError` if it is refused."""


def make_draw(spec: StudySpec, shape: InputShape) -> Draw:
    """Make the function that draws a study's families.

    Args:
        spec: The study.
        shape: What a student reads and answers.

    Returns:
        The function. It checks the bounds on what is known here, latency not among them, and
        remembers the families of the latest seed: a sampler has most often looked at the one that
        is then begun.
    """
    known: dict[str, Family] = {}
    latest = -1

    def draw(point: Point, seed: int) -> Family:
        nonlocal latest
        if seed != latest:
            known.clear()
            latest = seed
        key = repr(sorted(point.items()))
        if key not in known:
            graphs = draw_family(spec, point, seed=seed, shape=shape)
            costs = family_cost(graphs, shape)
            check_constraints(spec.constraints, costs)
            known[key] = Family(tuple(graph.digest for graph in graphs), costs, graphs)
        return known[key]

    return draw


def repeat_key(digests: Sequence[str], point: Point) -> str:
    """Name what is trained: students and how they are distilled.

    Args:
        digests: Of the family's graphs.
        point: The point.

    Returns:
        Equal texts for trials of which the second would repeat the first.
    """
    distilled = sorted(part(point, "kd").items())
    return f"{','.join(digests)} {distilled}"


def slot_seed(study_seed: int, slot: int) -> int:
    """Derive a slot's seed.

    Args:
        study_seed: Seed of the study.
        slot: Slot number.

    Returns:
        Seed from which the slot's graphs and weights follow, in [0, 2**31).
    """
    return derive_seed(study_seed, "slot", slot)


def draw_family(
    spec: StudySpec, point: Point, *, seed: int, shape: InputShape
) -> tuple[ArchGraph, ...]:
    """Draw a point's students.

    Args:
        spec: The study.
        point: The point, or that of a baseline.
        seed: The slot's seed.
        shape: What a student reads and answers.

    Returns:
        ``family_size`` graphs.

    Raises:
        InfeasibleError: If a graph cannot meet its budget.
    """
    generator = spec.search_space.generator_of(point)
    parameters = part(point, "architecture")
    return tuple(
        generator.draw(parameters, seed=derive_seed(seed, "graph", member), shape=shape)
        for member in range(spec.family_size)
    )


def family_cost(graphs: Sequence[ArchGraph], shape: InputShape) -> dict[str, float]:
    """Count what a family costs.

    Args:
        graphs: Its graphs.
        shape: What a student reads and answers.

    Returns:
        ``params``, ``macs`` and ``peak_bytes``, the mean over the family.
    """
    costs = [cost(graph, shape) for graph in graphs]
    return {
        "params": fmean(c.params for c in costs),
        "macs": fmean(c.macs for c in costs),
        "peak_bytes": fmean(c.peak_bytes for c in costs),
    }


def check_constraints(constraints: Constraints, costs: Mapping[str, float]) -> None:
    """Refuse a family that exceeds a bound.

    Args:
        constraints: The study's bounds.
        costs: What the family costs; a bound on a metric that is not in it is not checked.

    Raises:
        ConstraintViolated: With the largest relative excess over any bound.
    """
    excesses = {}
    for name, bound in constraints.model_dump(exclude_none=True).items():
        metric = name.removeprefix("max_")
        if metric in costs and costs[metric] > bound:
            told = f"{metric} {plain(costs[metric])} exceeds {name} = {plain(bound)}"
            excess = costs[metric] - bound
            excesses[f"{told} by {plain(excess)}"] = excess / bound
    if excesses:
        raise ConstraintViolated("; ".join(excesses), violation=max(excesses.values()))
