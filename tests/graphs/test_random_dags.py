from collections.abc import Callable

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.graphs.random_dags import (
    Dag,
    barabasi_albert,
    effective_neighbours,
    erdos_renyi,
    watts_strogatz,
)

seeds = st.integers(0, 2**31 - 1)
sizes = st.integers(1, 16)
shares = st.floats(0, 1)
dags = st.one_of(
    st.builds(watts_strogatz, sizes, neighbours=st.integers(0, 8), rewiring=shares, seed=seeds),
    st.builds(erdos_renyi, sizes, edge_probability=shares, seed=seeds),
    st.builds(barabasi_albert, sizes, attachments=st.integers(1, 8), seed=seeds),
)


def undirected(dag: Dag) -> "nx.Graph[int]":
    graph: nx.Graph[int] = nx.empty_graph(len(dag.inputs))
    graph.add_edges_from((s, node) for node, sources in enumerate(dag.inputs) for s in sources)
    return graph


@given(dag=dags)
def test_edges_lead_from_lower_to_higher_nodes(dag: Dag) -> None:
    for node, sources in enumerate(dag.inputs):
        assert list(sources) == sorted(set(sources))
        assert all(0 <= source < node for source in sources)


@given(dag=dags)
def test_every_draw_is_connected(dag: Dag) -> None:
    assert nx.is_connected(undirected(dag))


@given(dag=dags)
def test_sources_read_nothing_and_sinks_are_read_by_nothing(dag: Dag) -> None:
    graph = undirected(dag)
    for node in graph:
        assert (node in dag.sources) == all(other > node for other in graph[node])
        assert (node in dag.sinks) == all(other < node for other in graph[node])


@given(nodes=sizes, probability=shares, seed=seeds)
def test_repair_adds_one_edge_less_than_there_are_parts(
    nodes: int, probability: float, seed: int
) -> None:
    drawn = nx.gnp_random_graph(nodes, probability, seed=seed)
    dag = erdos_renyi(nodes, edge_probability=probability, seed=seed)
    assert dag.added_edges == nx.number_connected_components(drawn) - 1
    assert undirected(dag).number_of_edges() == drawn.number_of_edges() + dag.added_edges
    assert set(drawn.edges) <= set(undirected(dag).edges)


@given(nodes=sizes, neighbours=st.integers(0, 20), rewiring=shares, seed=seeds)
def test_rings_are_those_of_networkx(
    nodes: int, neighbours: int, rewiring: float, seed: int
) -> None:
    even = effective_neighbours(nodes, neighbours)
    drawn = nx.watts_strogatz_graph(nodes, even, rewiring, seed=seed)
    dag = watts_strogatz(nodes, neighbours=neighbours, rewiring=rewiring, seed=seed)
    found = {frozenset(edge) for edge in undirected(dag).edges}
    added = found - {frozenset(edge) for edge in drawn.edges}
    assert len(found) - len(added) == drawn.number_of_edges()
    assert len(added) == dag.added_edges == nx.number_connected_components(drawn) - 1


def test_graph_without_edges_becomes_a_path() -> None:
    dag = erdos_renyi(4, edge_probability=0, seed=0)
    assert dag == Dag(((), (0,), (1,), (2,)), added_edges=3)


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: watts_strogatz(1, neighbours=2, rewiring=0.5, seed=seed),
        lambda seed: erdos_renyi(1, edge_probability=0.5, seed=seed),
        lambda seed: barabasi_albert(1, attachments=2, seed=seed),
    ],
)
def test_single_node_is_source_and_sink(draw: Callable[[int], Dag]) -> None:
    assert draw(0) == Dag(((),))
    assert draw(0).sources == draw(0).sinks == (0,)


@pytest.mark.parametrize(
    ("nodes", "neighbours", "expected"),
    [(10, 2, 2), (10, 3, 2), (10, 5, 4), (4, 4, 2), (5, 4, 4), (3, 5, 2), (2, 2, 0), (1, 4, 0)],
)
def test_effective_neighbours_are_even_and_fewer_than_nodes(
    nodes: int, neighbours: int, expected: int
) -> None:
    assert effective_neighbours(nodes, neighbours) == expected


@given(nodes=sizes, rewiring=shares, seed=seeds)
def test_odd_neighbours_act_as_the_even_number_below(
    nodes: int, rewiring: float, seed: int
) -> None:
    odd = watts_strogatz(nodes, neighbours=5, rewiring=rewiring, seed=seed)
    assert odd == watts_strogatz(nodes, neighbours=4, rewiring=rewiring, seed=seed)


def test_ring_without_rewiring_joins_nearest_neighbours() -> None:
    dag = watts_strogatz(5, neighbours=2, rewiring=0, seed=0)
    assert dag == Dag(((), (0,), (1,), (2,), (0, 3)))


def test_more_attachments_than_nodes_join_all_to_the_first() -> None:
    assert barabasi_albert(3, attachments=9, seed=0) == Dag(((), (0,), (0,)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: watts_strogatz(12, neighbours=4, rewiring=0.5, seed=seed),
        lambda seed: erdos_renyi(12, edge_probability=0.5, seed=seed),
        lambda seed: barabasi_albert(12, attachments=3, seed=seed),
    ],
)
def test_draw_depends_on_the_seed_alone(draw: Callable[[int], Dag]) -> None:
    assert draw(3) == draw(3)
    assert len({draw(seed) for seed in range(20)}) == 20
