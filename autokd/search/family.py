"""From a point to its students' graphs, and to what they cost.

Drawing is cheap and torch-free, and follows from point and seed alone; so the process that leads a
search draws a family to know its size before training, and the worker that trains it draws the
same family again.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from autokd.errors import ConstraintViolated
from autokd.graphs import GENERATORS, ArchGraph, InputShape, cost
from autokd.parameters import Point, part
from autokd.seeds import derive_seed
from autokd.study import Constraints, StudySpec

__all__ = ["check_constraints", "draw_family", "family_cost", "slot_seed"]


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
        point: The point.
        seed: The slot's seed.
        shape: What a student reads and answers.

    Returns:
        ``family_size`` graphs.

    Raises:
        InfeasibleError: If a graph cannot meet its budget.
    """
    generator = GENERATORS[spec.search_space.generator]
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
            excesses[f"{metric} {costs[metric]:,.6g} exceeds {name} = {bound:,.6g}"] = (
                costs[metric] / bound - 1
            )
    if excesses:
        raise ConstraintViolated("; ".join(excesses), violation=max(excesses.values()))
