"""Which students a retraining trains: one graph from several seeds, or several of a family."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autokd.errors import ExportError, InfeasibleError
from autokd.export.origin import Members
from autokd.graphs import ArchGraph, InputShape
from autokd.parameters import part
from autokd.seeds import derive_seed

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["MAX_DRAWS", "Member", "choose_members"]

MAX_DRAWS = 20
"""Draws for each fresh student before the family counts as one that cannot meet its budget."""


@dataclass(frozen=True, slots=True)
class Member:
    """One student to train.

    Attributes:
        graph: The student.
        seed: Of its weights and training, in [0, 2**31).
    """

    graph: ArchGraph
    seed: int


def choose_members(
    run: "Run", slot: int, *, n: int, members: Members, shape: InputShape
) -> list[Member]:
    """Choose what is trained.

    Args:
        run: The run.
        slot: The trial's slot.
        n: Students, >= 1.
        members: ``same`` for the trial's first student, ``fresh`` for new ones of its family,
            drawn with its parameters from seeds that the search did not use.
        shape: What a student reads and answers.

    Returns:
        The students, each with a seed of its own; equal arguments give equal ones.

    Raises:
        ExportError: If too few fresh draws meet the budget.
        RunError: If the run has no such trial.
    """
    root = derive_seed(run.seed(slot), "retrain")
    seeds = [derive_seed(root, "weights", index) for index in range(n)]
    if members == "same":
        return [Member(run.graph(slot), seed) for seed in seeds]
    graphs = _draw(run, slot, n=n, root=root, shape=shape)
    return [Member(graph, seed) for graph, seed in zip(graphs, seeds, strict=True)]


def _draw(run: "Run", slot: int, *, n: int, root: int, shape: InputShape) -> list[ArchGraph]:
    point = run.point(slot)
    generator, parameters = run.spec.search_space.generator_of(point), part(point, "architecture")
    graphs: list[ArchGraph] = []
    for index in range(MAX_DRAWS * n):
        try:
            seed = derive_seed(root, "graph", index)
            graphs.append(generator.draw(parameters, seed=seed, shape=shape))
        except InfeasibleError:
            continue  # a few in a hundred; the next draw takes its place
        if len(graphs) == n:
            return graphs
    raise ExportError(
        f"only {len(graphs)} of {MAX_DRAWS * n} fresh draws of trial {slot} meet its budget; "
        f"{n} are needed"
    )
