"""Dominance, Pareto front, hypervolume and knee.

Direction is turned once, at the door: `minimised` takes metrics in their own units and returns
values that are all better when smaller. Every other function here takes such values,
``(points, objectives)``, and knows no metric; only `knee` takes the two metrics that it is
defined for. One objective is a legal case everywhere.

Values are finite numbers: NaN and infinity raise ``ValueError``, since a front that holds one has
no hypervolume. Wrong shapes raise `ShapeError`. No points at all is a legal case, an array
``(0, objectives)``.
"""

from autokd.pareto.axes import Axis, minimised, reference_point
from autokd.pareto.boxes import open_boxes
from autokd.pareto.front import dominates, is_front, knee, ranks
from autokd.pareto.levels import Levels, Standing
from autokd.pareto.volume import contributions, gain, hypervolume, hypervolume_history

__all__ = [
    "Axis",
    "Levels",
    "Standing",
    "contributions",
    "dominates",
    "gain",
    "hypervolume",
    "hypervolume_history",
    "is_front",
    "knee",
    "minimised",
    "open_boxes",
    "ranks",
    "reference_point",
]
