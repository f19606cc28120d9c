"""Where the nodes and edges of an architecture graph go on a drawing.

The graph is layered: a node stands one column to the right of the deepest node that it reads. An
edge that skips columns gets a bend in each of them, so that it passes between nodes and not
through them. Columns are then ordered to have few crossings and placed to have few bends. Units
are abstract: one column, one row.

Source: Sugiyama, Tagawa and Toda 1981, IEEE Trans. SMC 11(2) (layers, dummy nodes, barycentre);
    Ayer et al. 1955, Ann. Math. Stat. 26(4) (pooling adjacent violators, used to keep rows one
    unit apart at the least squared displacement).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from autokd.graphs.ir import ArchGraph

__all__ = ["Layout", "depths", "lay_out"]

Place = tuple[int, int, int]
"""A node ``(index, index, column)``, or a bend of an edge ``(source, target, column)``."""

_SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing of a graph in columns and rows.

    Attributes:
        nodes: ``(column, row)`` of each node; columns count from 0, rows are >= 0 and at least one
            apart within a column.
        edges: Path of each edge as ``(column, row)`` from source to target, one column a step.
        n_columns: Columns, >= 1.
        n_rows: Height in rows, >= 1.
    """

    nodes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[tuple[float, float], ...], ...]
    n_columns: int
    n_rows: float


def depths(graph: ArchGraph) -> list[int]:
    """Measure how deep each node is.

    Args:
        graph: The graph.

    Returns:
        Edges on the longest path from the stem to each node.
    """
    found: list[int] = []
    for node in graph.nodes:
        found.append(1 + max((found[source] for source in node.inputs), default=-1))
    return found


def lay_out(graph: ArchGraph) -> Layout:
    """Place a graph.

    Args:
        graph: The graph.

    Returns:
        The same layout every time for the same graph.
    """
    column = depths(graph)
    edges = [(source, target) for target, node in enumerate(graph.nodes) for source in node.inputs]
    paths = [_path(source, target, column) for source, target in edges]
    columns: list[list[Place]] = [[] for _ in range(max(column) + 1)]
    for place in dict.fromkeys(
        [(i, i, c) for i, c in enumerate(column)] + [p for path in paths for p in path]
    ):
        columns[place[2]].append(place)
    rows = _rows(columns, paths)
    return Layout(
        nodes=tuple((c, rows[i, i, c]) for i, c in enumerate(column)),
        edges=tuple(tuple((place[2], rows[place]) for place in path) for path in paths),
        n_columns=len(columns),
        n_rows=1 + max(rows.values()),
    )


def _path(source: int, target: int, column: Sequence[int]) -> list[Place]:
    bends = [(source, target, c) for c in range(column[source] + 1, column[target])]
    return [(source, source, column[source]), *bends, (target, target, column[target])]


def _rows(columns: Sequence[list[Place]], paths: Sequence[Sequence[Place]]) -> dict[Place, float]:
    """Sweep to and fro: order each column by its neighbours, and place it as near as it fits."""
    before: dict[Place, list[Place]] = {place: [] for places in columns for place in places}
    after: dict[Place, list[Place]] = {place: [] for places in columns for place in places}
    for path in paths:
        for left, right in pairwise(path):
            after[left].append(right)
            before[right].append(left)
    rows = {place: float(row) for places in columns for row, place in enumerate(places)}
    for sweep in range(_SWEEPS):
        is_forward = sweep % 2 == 0
        neighbours = before if is_forward else after
        for places in columns if is_forward else reversed(columns):
            _arrange(places, rows, neighbours)
    lowest = min(rows.values())
    return {place: row - lowest for place, row in rows.items()}


def _arrange(
    places: list[Place], rows: dict[Place, float], neighbours: Mapping[Place, Sequence[Place]]
) -> None:
    wanted = {}
    for place in places:
        near = neighbours[place] or (place,)
        wanted[place] = sum(rows[other] for other in near) / len(near)
    places.sort(key=lambda place: (wanted[place], rows[place], place))
    rows.update(zip(places, _spread([wanted[place] for place in places]), strict=True))


def _spread(wanted: Sequence[float]) -> list[float]:
    """Move ascending rows to at least one apart, as little as possible in squares."""
    blocks: list[
        tuple[float, int]
    ] = []  # mean of what is wanted less the position, and how many share it
    for position, row in enumerate(wanted):
        mean, count = row - position, 1
        while blocks and blocks[-1][0] > mean:
            previous, n = blocks.pop()
            mean, count = (previous * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    means = [mean for mean, count in blocks for _ in range(count)]
    return [mean + position for position, mean in enumerate(means)]
