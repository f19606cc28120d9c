"""What is known of a point before it is tried.

A student's graph is drawn in milliseconds and trained in minutes. Whoever can say what a point
will cost, or that it is not feasible, or that it has been tried before, says it here, and the
sampler looks at many points before it lets one be tried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Preview", "Previewer"]


@dataclass(frozen=True, slots=True)
class Preview:
    """One point, before it is tried.

    Attributes:
        key: Names the trial; one whose key an earlier trial had is not proposed again.
        known: Objectives that are known already, by their index, in the study's direction; the
            same of them for every feasible point.
        point: What the point comes to, under the same names, where several come to the same: a
            model then learns from that; empty where it is the point itself.
        features: Numbers that may help to predict the other objectives, the same ones for every
            feasible point; their scale does not matter.
        is_feasible: False for a point that is not worth trying; the rest is then empty.
    """

    key: str
    known: Mapping[int, float] = field(default_factory=dict)
    point: Mapping[str, Any] = field(default_factory=dict)
    features: tuple[float, ...] = ()
    is_feasible: bool = True


Previewer = Callable[[Mapping[str, Any]], Preview]
"""From a point's values by name to what is known of it; the same for the same point."""
