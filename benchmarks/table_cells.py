"""What a cell of NAS-Bench-201 shows without training.

A cell has four nodes and six edges, each with an operation. Edges that lead nowhere, since no path
of operations from the cell's input to its output runs through them, do nothing, and are left out.
Whoever draws a cell as a graph sees this for nothing, as autokd sees its students; an Optuna
sampler is given the six operations alone, which is what its interface takes.

Source of the cells: Dong, Yang 2020, arXiv:2001.00326, figure 1.
"""

from collections.abc import Sequence

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""From which node to which, in the order of the table's six parameters."""

_CONVOLUTIONS = ("nor_conv_1x1", "nor_conv_3x3")
_PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
"""Every path from input to output, as places in `EDGES`."""


def known_of(ops: Sequence[str]) -> dict[str, float]:
    """Describe a cell.

    Args:
        ops: Operation of each edge.

    Returns:
        The share of each operation among the six edges, edges that lead nowhere not counted; how
        many paths from input to output there are; and the most convolutions on one of them.
    """
    open_paths = [path for path in _PATHS if all(ops[edge] != "none" for edge in path)]
    used = {edge for path in open_paths for edge in path}
    shares = {f"share_{op}": sum(ops[edge] == op for edge in used) / len(ops) for op in OPS[1:]}
    depths = [sum(ops[edge] in _CONVOLUTIONS for edge in path) for path in open_paths]
    return {**shares, "n_paths": float(len(open_paths)), "depth": float(max(depths, default=0))}
