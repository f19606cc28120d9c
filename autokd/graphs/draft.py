"""A student whose widths are still open: what a generator writes before the budget solves them.

A draft is a list of nodes like that of an architecture graph, except that a node's ``channels``
hold the number of its stage, 1 to 3. Every student has three stages, each with half the resolution
of the one before. Functions here count stages from 0.
"""

from collections.abc import Callable, Sequence
from typing import cast

from autokd.graphs.ir import InputShape, Merge, Node, Op
from autokd.graphs.random_dags import Dag, effective_neighbours
from autokd.parameters import Value

__all__ = ["N_STAGES", "Draft", "split_stages"]

N_STAGES = 3

_SMALL_IMAGE = 40
"""Pixels a side from which the stem reduces the image by 4, as in NAGO."""

Place = Callable[[int, tuple[int, ...]], int]


class Draft:
    """Nodes in topological order, begun with the stem.

    Args:
        shape: What the student reads; its size decides the strides.
        op: Operation of the op nodes, ``conv3x3`` or ``sepconv3x3``.

    Attributes:
        nodes: The nodes, their ``channels`` being stages from 1 to 3.
        notes: What the generator has to say.
    """

    def __init__(self, shape: InputShape, op: Value) -> None:
        finest = 1 if shape.size < _SMALL_IMAGE else 4
        self._strides = tuple(finest * 2**stage for stage in range(N_STAGES))
        self._op = cast(Op, op)
        self.nodes = [Node("stem", (), 1, finest)]
        self.notes: list[str] = []

    def add_op(self, inputs: tuple[int, ...], stage: int) -> int:
        """Add an op node.

        Args:
            inputs: Nodes that it reads, ascending, none of a later stage; merged by ``sum``.
            stage: From 0.

        Returns:
            The new node.
        """
        return self._add(self._op, inputs, stage=stage, merge="sum")

    def merge(self, inputs: tuple[int, ...], stage: int, *, how: Merge) -> int:
        """Make one node of several, by a node without operation.

        Args:
            inputs: Nodes to merge, ascending, none of a later stage.
            stage: From 0.
            how: ``sum`` or ``mean``.

        Returns:
            The new node, or the only input as it is.
        """
        if len(inputs) == 1:
            return inputs[0]
        return self._add("identity", inputs, stage=stage, merge=how)

    def wire(self, dag: Dag, inputs: tuple[int, ...], *, stage: int, place: Place) -> int:
        """Add a sub-graph: its sources read what it reads, its sinks are averaged.

        Args:
            dag: How its nodes are connected.
            inputs: Nodes that it reads, ascending; merged once for all its sources.
            stage: From 0; of its merges.
            place: Adds one node of the sub-graph, given its number in ``dag`` and the nodes that
                it reads, and returns the node that stands for it.

        Returns:
            The node that stands for the sub-graph.
        """
        if len(dag.sources) > 1:
            inputs = (self.merge(inputs, stage, how="sum"),)
        placed: list[int] = []
        for node, sources in enumerate(dag.inputs):
            placed.append(place(node, tuple(placed[source] for source in sources) or inputs))
        return self.merge(tuple(placed[sink] for sink in dag.sinks), stage, how="mean")

    def wire_ops(self, dag: Dag, inputs: tuple[int, ...], *, stage: int) -> int:
        """Add a sub-graph of op nodes.

        Args:
            dag: How they are connected.
            inputs: Nodes that the sub-graph reads, ascending.
            stage: From 0.

        Returns:
            The node that stands for the sub-graph.
        """
        return self.wire(
            dag, inputs, stage=stage, place=lambda _, sources: self.add_op(sources, stage)
        )

    def note_ring(self, parameter: str, *, nodes: int, neighbours: int) -> None:
        """Say so when a ring has fewer neighbours than its parameter asks for.

        Args:
            parameter: Name of the parameter.
            nodes: Nodes of each graph, >= 1.
            neighbours: Neighbours asked for.
        """
        effective = effective_neighbours(nodes, neighbours)
        if effective != neighbours:
            self.notes.append(f"{parameter} {neighbours} acts as {effective}")

    def note_repairs(self, kind: str, added: Sequence[int]) -> None:
        """Say how many graphs were drawn in several parts.

        Args:
            kind: What the graphs are, ``bottom``.
            added: Edges that connected each graph, 0 for one that needed none.
        """
        repaired, edges = sum(n > 0 for n in added), sum(added)
        if repaired:
            self.notes.append(
                f"{repaired} of {len(added)} {kind} graphs connected by {edges} added "
                f"{'edge' if edges == 1 else 'edges'}"
            )

    def _add(self, op: Op, inputs: tuple[int, ...], *, stage: int, merge: Merge) -> int:
        self.nodes.append(Node(op, inputs, stage + 1, self._strides[stage], merge))
        return len(self.nodes) - 1


def split_stages(nodes: int) -> list[int]:
    """Give nodes to the stages in index order, a third each.

    Args:
        nodes: How many, >= 3.

    Returns:
        The stage of every node, from 0; what does not divide goes to the earlier stages.
    """
    each, rest = divmod(nodes, N_STAGES)
    return [stage for stage in range(N_STAGES) for _ in range(each + (stage < rest))]
