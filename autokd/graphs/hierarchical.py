"""NAGO's hierarchical graphs: a graph of cells, each a graph of modules, each a graph of op nodes.

Top (Watts-Strogatz), middle (Erdos-Renyi) and bottom (Watts-Strogatz) have parameters of their
own, and every single sub-graph a seed of its own. Several inputs of a sub-graph are merged by a
weighted sum before its sources read them, its sinks are averaged into its output. Cells form three
stages, a third each in index order; nothing but the pooling of a finer input reduces the
resolution.

Left out, as in the paper's main experiments: other merges and operations, searched stage ratios.

Source: Ru et al. 2020, arXiv:2004.01395, section 3.
"""

from collections.abc import Mapping

from autokd.graphs.budget import fit
from autokd.graphs.draft import N_STAGES, Draft, split_stages
from autokd.graphs.ir import ArchGraph, InputShape
from autokd.graphs.random_dags import Dag, erdos_renyi, watts_strogatz
from autokd.graphs.settings import OP, PARAMS_BUDGET, Settings
from autokd.parameters import Parameter, Value
from autokd.seeds import derive_seed

__all__ = ["PARAMETERS", "hierarchical"]

_RING = "neighbours on the ring, odd numbers act as the even one below"
_REWIRING = "probability that an edge is rewired, in [0, 1]"

PARAMETERS: tuple[Parameter, ...] = (
    PARAMS_BUDGET,
    OP,
    Parameter("top_nodes", "int", 5, "cells", low=3, high=20),
    Parameter("top_neighbours", "int", 4, f"of a cell: {_RING}", low=2, high=10),
    Parameter("top_rewiring", "float", 0.5, f"between cells: {_REWIRING}", low=0, high=1),
    Parameter("middle_nodes", "int", 1, "modules of a cell", low=1, high=10),
    Parameter(
        "middle_edges", "float", 0.5, "probability of an edge between modules", low=0, high=1
    ),
    Parameter("bottom_nodes", "int", 4, "op nodes of a module", low=1, high=40),
    Parameter("bottom_neighbours", "int", 4, f"of an op node: {_RING}", low=2, high=10),
    Parameter("bottom_rewiring", "float", 0.5, f"between op nodes: {_REWIRING}", low=0, high=1),
)


def hierarchical(parameters: Mapping[str, Value], *, seed: int, shape: InputShape) -> ArchGraph:
    """Draw one student of the family.

    Args:
        parameters: Values of `PARAMETERS` by name.
        seed: Decides every sub-graph.
        shape: What the student reads and answers.

    Returns:
        The student; equal arguments give an equal one.

    Raises:
        DefinitionError: If a parameter is unknown, missing or illegal.
        StudentTooSmall: If the legal total nearest to the budget is too far below it.
        StudentTooLarge: If the legal total nearest to the budget is too far above it.
    """
    settings = Settings(parameters, PARAMETERS)
    drawing = _Drawing(settings, seed=seed, draft=Draft(shape, settings.choice("op")))
    drawing.draw()
    return fit(drawing.draft, settings.number("params_budget"), shape=shape)


class _Drawing:
    """One call of the generator; ``_added`` holds the edges that connected each sub-graph."""

    def __init__(self, settings: Settings, *, seed: int, draft: Draft) -> None:
        self._settings, self._seed, self.draft = settings, seed, draft
        self._stages = split_stages(settings.integer("top_nodes"))
        self._added: dict[str, list[int]] = {"top": [], "middle": [], "bottom": []}

    def draw(self) -> None:
        top = self._ring("top")
        self.draft.wire(top, (0,), stage=N_STAGES - 1, place=self._cell)
        for level in ("top", "bottom"):
            self.draft.note_ring(
                f"{level}_neighbours",
                nodes=self._settings.integer(f"{level}_nodes"),
                neighbours=self._settings.integer(f"{level}_neighbours"),
            )
        for level, added in self._added.items():
            self.draft.note_repairs(level, added)

    def _cell(self, cell: int, inputs: tuple[int, ...]) -> int:
        def module(number: int, inputs: tuple[int, ...]) -> int:
            return self._module(cell, number, inputs)

        return self.draft.wire(self._middle(cell), inputs, stage=self._stages[cell], place=module)

    def _module(self, cell: int, module: int, inputs: tuple[int, ...]) -> int:
        bottom = self._ring("bottom", cell, module)
        return self.draft.wire_ops(bottom, inputs, stage=self._stages[cell])

    def _ring(self, level: str, *place: int) -> Dag:
        dag = watts_strogatz(
            self._settings.integer(f"{level}_nodes"),
            neighbours=self._settings.integer(f"{level}_neighbours"),
            rewiring=self._settings.number(f"{level}_rewiring"),
            seed=derive_seed(self._seed, level, *place),
        )
        self._added[level].append(dag.added_edges)
        return dag

    def _middle(self, cell: int) -> Dag:
        dag = erdos_renyi(
            self._settings.integer("middle_nodes"),
            edge_probability=self._settings.number("middle_edges"),
            seed=derive_seed(self._seed, "middle", cell),
        )
        self._added["middle"].append(dag.added_edges)
        return dag
