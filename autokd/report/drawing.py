"""Drawings of students: an architecture graph as inline SVG.

From left to right runs the longest path from the stem; colour is the stage, shape the operation,
size the channels. Whoever wants a node's numbers rests the pointer on it. The merge of a node's
inputs is left out: it is the same for all nodes of a student.
"""

from collections import Counter
from dataclasses import dataclass
from math import sqrt

from autokd.graphs.ir import ArchGraph, Node
from autokd.report.layout import Layout, depths, lay_out

__all__ = ["describe", "draw", "legend"]

_STAGES = ("#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#0072B2")
_EDGE, _OUTLINE = "#9aa7b4", "#33404d"
_WIDTH, _HEIGHT, _MARGIN = 460.0, 150.0, 14.0
_COLUMN, _ROW = (13.0, 38.0), (9.0, 20.0)
"""Smallest and largest distance between columns and between rows."""
_ASPECT = 5
_SMALLEST, _LARGEST = 3.0, 8.5
_OPS = ("stem", "conv3x3", "sepconv3x3", "identity")


@dataclass(frozen=True, slots=True)
class _Frame:
    layout: Layout
    width: float
    height: float
    column: float
    row: float
    left: float
    top: float

    def at(self, place: tuple[float, float]) -> tuple[float, float]:
        return self.left + self.column * place[0], self.top + self.row * place[1]


def draw(graph: ArchGraph, *, widest: int | None = None) -> str:
    """Draw a graph.

    Args:
        graph: The graph.
        widest: Channels of the largest marker, >= 1, to compare drawings; None takes the graph's
            own.

    Returns:
        An ``svg`` element that scales to the width it is given. It holds numbers and names of
        operations only, no text from outside.
    """
    frame, stages = _frame(lay_out(graph)), _stages(graph)
    most = widest or max(node.channels for node in graph.nodes)
    edges = "".join(f'<path d="{_curve(frame, path)}"/>' for path in frame.layout.edges)
    marks = "".join(
        _mark(index, node, frame, stages[index], most) for index, node in enumerate(graph.nodes)
    )
    return (
        f'<svg class="drawing" viewBox="0 0 {frame.width:.0f} {frame.height:.0f}" role="img" '
        f'aria-label="{describe(graph)}">'
        f'<g fill="none" stroke="{_EDGE}" stroke-width="1.1">{edges}</g>'
        f'<g stroke="{_OUTLINE}" stroke-width="0.8">{marks}</g></svg>'
    )


def describe(graph: ArchGraph) -> str:
    """Sum a graph up in a line.

    Args:
        graph: The graph.

    Returns:
        ``24 nodes, 41 edges, depth 12; channels 8, 16, 32``: the channels of each stage, the
        commonest where they differ.
    """
    n_edges = sum(len(node.inputs) for node in graph.nodes)
    stages = _stages(graph)
    widths = [
        Counter(
            node.channels for node, at in zip(graph.nodes, stages, strict=True) if at == stage
        ).most_common(1)[0][0]
        for stage in range(max(stages) + 1)
    ]
    channels = ", ".join(str(width) for width in widths)
    size = f"{len(graph.nodes)} nodes, {n_edges} edges, depth {max(depths(graph))}"
    return f"{size}; channels {channels}"


def legend(n_stages: int) -> str:
    """Explain colours and shapes.

    Args:
        n_stages: Stages that the drawings have, >= 1.

    Returns:
        HTML for one line.
    """
    colours = [
        (f"stage {stage + 1}", _shape("conv3x3", 7, 7, 5.5), _colour(stage))
        for stage in range(n_stages)
    ]
    shapes = [(op, _shape(op, 7, 7, 5), "#ffffff") for op in _OPS]
    return "".join(
        f'<span class="key"><svg width="14" height="14" fill="{colour}" stroke="{_OUTLINE}">'
        f"{shape}</svg>{name}</span>"
        for name, shape, colour in colours + shapes
    )


def _stages(graph: ArchGraph) -> list[int]:
    strides = sorted({node.stride for node in graph.nodes})
    return [strides.index(node.stride) for node in graph.nodes]


def _colour(stage: int) -> str:
    return _STAGES[stage % len(_STAGES)]


def _frame(layout: Layout) -> _Frame:
    """Fill the width; a graph too deep even for the narrowest columns gets a wider drawing."""
    n_across, n_down = layout.n_columns - 1, layout.n_rows - 1
    column = _within(_COLUMN, (_WIDTH - 2 * _MARGIN) / max(n_across, 1))
    width = max(_WIDTH, column * n_across + 2 * _MARGIN)
    row = _within(_ROW, width / _ASPECT / max(n_down, 1))
    height = max(_HEIGHT, row * n_down + 2 * _MARGIN)
    left, top = (width - column * n_across) / 2, (height - row * n_down) / 2
    return _Frame(layout, width, height, column, row, left, top)


def _within(bounds: tuple[float, float], number: float) -> float:
    return min(max(number, bounds[0]), bounds[1])


def _curve(frame: _Frame, path: tuple[tuple[float, float], ...]) -> str:
    places = [frame.at(place) for place in path]
    texts = [(f"{x:.1f}", f"{y:.1f}") for x, y in places]
    pieces = [f"M{' '.join(texts[0])}"]
    for (x, _), (to_x, _), (_, y), (end, to_y) in zip(
        places, places[1:], texts, texts[1:], strict=False
    ):
        if to_y == y:  # level runs are most of a deep graph's edges
            pieces[-1:] = [f"H{end}"] if pieces[-1].startswith("H") else [pieces[-1], f"H{end}"]
        else:
            middle = f"{(x + to_x) / 2:.1f}"
            pieces.append(f"C{middle} {y} {middle} {to_y} {end} {to_y}")
    return "".join(pieces)


def _mark(index: int, node: Node, frame: _Frame, stage: int, most: int) -> str:
    x, y = frame.at(frame.layout.nodes[index])
    largest = min(_LARGEST, 0.44 * frame.column, 0.44 * frame.row)
    radius = _SMALLEST + (largest - _SMALLEST) * sqrt(node.channels / most)
    read = f", reads {', '.join(str(source) for source in node.inputs)}" if node.inputs else ""
    title = f"node {index}: {node.op}, {node.channels} channels, stride {node.stride}{read}"
    return f'<g fill="{_colour(stage)}"><title>{title}</title>{_shape(node.op, x, y, radius)}</g>'


def _shape(op: str, x: float, y: float, radius: float) -> str:
    if op == "conv3x3":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
    if op == "sepconv3x3":
        half = radius * 0.9
        left, top, side = f"{x - half:.1f}", f"{y - half:.1f}", f"{2 * half:.1f}"
        return f'<rect x="{left}" y="{top}" width="{side}" height="{side}"/>'
    r = radius * 1.15
    triangle = ((x - r, y - r), (x + r, y), (x - r, y + r))
    diamond = ((x - r, y), (x, y - r), (x + r, y), (x, y + r))
    corners = triangle if op == "stem" else diamond
    return f'<path d="M{"L".join(f"{to_x:.1f} {to_y:.1f}" for to_x, to_y in corners)}Z"/>'
