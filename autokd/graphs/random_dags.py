"""Random graphs with a direction: the wiring of one sub-graph.

Every undirected graph comes from networkx with an integer seed; an edge then points from the lower
to the higher index, so no cycle can arise. A draw that falls apart is connected here instead of
drawn again: the number of edges added is kept, since it says how far the sub-graph is from what
its parameters ask for.

Source: Xie et al. 2019, arXiv:1904.01569, section 3 (graphs to networks); Ru et al. 2020,
arXiv:2004.01395.
"""

from dataclasses import dataclass

import networkx as nx

__all__ = ["Dag", "barabasi_albert", "effective_neighbours", "erdos_renyi", "watts_strogatz"]


@dataclass(frozen=True, slots=True)
class Dag:
    """A connected directed graph without cycles, its nodes numbered in topological order.

    Attributes:
        inputs: For every node the earlier nodes that it reads, ascending; empty for a source.
        added_edges: Edges that were added to connect the draw, 0 for one that was connected.
    """

    inputs: tuple[tuple[int, ...], ...]
    added_edges: int = 0

    @property
    def sources(self) -> tuple[int, ...]:
        """Nodes that read no other, ascending: they read what the graph reads."""
        return tuple(node for node, inputs in enumerate(self.inputs) if not inputs)

    @property
    def sinks(self) -> tuple[int, ...]:
        """Nodes that no other reads, ascending: together they are the graph's output."""
        read = {source for inputs in self.inputs for source in inputs}
        return tuple(node for node in range(len(self.inputs)) if node not in read)


def effective_neighbours(nodes: int, neighbours: int) -> int:
    """Say how many neighbours a Watts-Strogatz graph gives a node before rewiring.

    networkx joins half of them on each side, so an odd number acts as the even one below, and a
    node has no more neighbours than there are other nodes.

    Args:
        nodes: Nodes of the graph, >= 1.
        neighbours: Neighbours asked for, >= 0.

    Returns:
        An even number in [0, nodes - 1].
    """
    return min(neighbours, nodes - 1) // 2 * 2


def watts_strogatz(nodes: int, *, neighbours: int, rewiring: float, seed: int) -> Dag:
    """Draw a ring of neighbours, some of whose edges are rewired.

    Args:
        nodes: Nodes, >= 1.
        neighbours: Neighbours on the ring, >= 0; see `effective_neighbours`.
        rewiring: Probability that an edge gets another end, in [0, 1].
        seed: Of networkx.

    Returns:
        The graph, connected.

    Source: Watts and Strogatz 1998, doi:10.1038/30918.
    """
    if nodes == 1:
        return Dag(((),))
    even = effective_neighbours(nodes, neighbours)
    return _directed(nx.watts_strogatz_graph(nodes, even, rewiring, seed=seed))


def erdos_renyi(nodes: int, *, edge_probability: float, seed: int) -> Dag:
    """Draw every possible edge independently.

    Args:
        nodes: Nodes, >= 1.
        edge_probability: Of each edge, in [0, 1].
        seed: Of networkx.

    Returns:
        The graph, connected.

    Source: Gilbert 1959, doi:10.1214/aoms/1177706098, the model known as Erdos-Renyi G(n, p).
    """
    return _directed(nx.gnp_random_graph(nodes, edge_probability, seed=seed))


def barabasi_albert(nodes: int, *, attachments: int, seed: int) -> Dag:
    """Grow a graph whose new nodes prefer neighbours that have many.

    Args:
        nodes: Nodes, >= 1.
        attachments: Edges of each new node, >= 1; at most ``nodes - 1`` act.
        seed: Of networkx.

    Returns:
        The graph; it is always connected.

    Source: Barabasi and Albert 1999, doi:10.1126/science.286.5439.509.
    """
    if nodes == 1:
        return Dag(((),))
    return _directed(nx.barabasi_albert_graph(nodes, min(attachments, nodes - 1), seed=seed))


def _directed(graph: "nx.Graph[int]") -> Dag:
    added = _connect(graph)
    inputs = tuple(
        tuple(sorted(other for other in graph[node] if other < node)) for node in range(len(graph))
    )
    return Dag(inputs, added)


def _connect(graph: "nx.Graph[int]") -> int:
    # The first node of a part and the node one below it lie in different parts, and the other part
    # starts earlier; one edge between the two per part therefore leads every part back to node 0.
    firsts = [min(part) for part in nx.connected_components(graph)]
    added = [(first - 1, first) for first in firsts if first > 0]
    graph.add_edges_from(added)
    return len(added)
