"""Random graphs with a direction: the wiring of one sub-graph.

Every undirected graph is the one that networkx draws from an integer seed; an edge then points
from the lower to the higher index, so no cycle can arise. A draw that falls apart is connected
here instead of drawn again: the number of edges added is kept, since it says how far the sub-graph
is from what its parameters ask for.

A hierarchical student has some sixty small Watts-Strogatz graphs, and networkx's general graphs
take half the time of drawing it. So those are drawn here, with the same random numbers.

Source: Xie et al. 2019, arXiv:1904.01569, section 3 (graphs to networks); Ru et al. 2020,
arXiv:2004.01395.
"""

import itertools
import random
from dataclasses import dataclass

import networkx as nx

__all__ = ["Dag", "barabasi_albert", "effective_neighbours", "erdos_renyi", "watts_strogatz"]

_Links = list[set[int]]
"""For every node of an undirected graph its neighbours."""


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
        seed: Of Python's generator, as networkx uses it.

    Returns:
        The graph of `networkx.watts_strogatz_graph`, connected.

    Source: Watts and Strogatz 1998, doi:10.1038/30918.
    """
    numbers = random.Random(seed)
    distances = range(1, effective_neighbours(nodes, neighbours) // 2 + 1)
    links: _Links = [set() for _ in range(nodes)]
    for node, distance in itertools.product(range(nodes), distances):
        _link(links, node, (node + distance) % nodes)
    for distance, node in itertools.product(distances, range(nodes)):
        if numbers.random() < rewiring:
            _rewire(links, node, (node + distance) % nodes, numbers=numbers)
    return _directed(links)


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
    return _directed(_links(nx.gnp_random_graph(nodes, edge_probability, seed=seed)))


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
    drawn = nx.barabasi_albert_graph(nodes, min(attachments, nodes - 1), seed=seed)
    return _directed(_links(drawn))


def _links(graph: "nx.Graph[int]") -> _Links:
    return [set(graph[node]) for node in range(len(graph))]


def _link(links: _Links, one: int, other: int) -> None:
    links[one].add(other)
    links[other].add(one)


def _rewire(links: _Links, node: int, old: int, *, numbers: random.Random) -> None:
    """Give an edge of a node another end, unless the node reaches all others already."""
    everyone = range(len(links))
    new = numbers.choice(everyone)
    while new == node or new in links[node]:
        new = numbers.choice(everyone)
        if len(links[node]) == len(links) - 1:
            return
    links[node].remove(old)
    links[old].remove(node)
    _link(links, node, new)


def _directed(links: _Links) -> Dag:
    added = _connect(links)
    inputs = (sorted(other for other in links[node] if other < node) for node in range(len(links)))
    return Dag(tuple(map(tuple, inputs)), added)


def _connect(links: _Links) -> int:
    # The first node of a part and the node one below it lie in different parts, and the other part
    # starts earlier; one edge between the two per part therefore leads every part back to node 0.
    firsts = [first for first in _firsts(links) if first > 0]
    for first in firsts:
        _link(links, first - 1, first)
    return len(firsts)


def _firsts(links: _Links) -> list[int]:
    """Find the lowest node of every part."""
    firsts = []
    seen: set[int] = set()
    for first in range(len(links)):
        if first not in seen:
            firsts.append(first)
            found = {first}
            while found:
                seen |= found
                found = set().union(*(links[node] for node in found)) - seen
    return firsts
