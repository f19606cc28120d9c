"""Architecture graphs: what they are, what they cost, which generators draw them. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from autokd.graphs import chain as _chain
from autokd.graphs import flat as _flat
from autokd.graphs import hierarchical as _hierarchical
from autokd.graphs.cost import Cost, cost, count_params
from autokd.graphs.ir import ArchGraph, InputShape, Node
from autokd.parameters import Parameter, Value

__all__ = [
    "GENERATORS",
    "ArchGraph",
    "Cost",
    "Draw",
    "Generator",
    "InputShape",
    "Node",
    "cost",
    "count_params",
]


class Draw(Protocol):
    """What a generator's function is: from parameters, a seed and an input shape to a student."""

    def __call__(
        self, parameters: Mapping[str, Value], *, seed: int, shape: InputShape
    ) -> ArchGraph:
        """Draw one student of the family that the parameters describe.

        Args:
            parameters: Values by name, without ``architecture.``; those with a default may miss.
            seed: Decides all that the parameters leave open.
            shape: What the student reads and answers.

        Returns:
            The student; equal arguments give an equal one.

        Raises:
            DefinitionError: If a parameter is unknown, missing or illegal.
            StudentTooSmall: If the legal total nearest to the budget is too far below it.
            StudentTooLarge: If the legal total nearest to the budget is too far above it.
        """


@dataclass(frozen=True, slots=True)
class Generator:
    """A generator as a search space names it.

    Attributes:
        name: Name in `GENERATORS`.
        parameters: Its parameters; a search space writes them as ``architecture.NAME``.
        draw: Draws one student from values by name (without ``architecture.``), seed and shape.
    """

    name: str
    parameters: tuple[Parameter, ...]
    draw: Draw


GENERATORS: dict[str, Generator] = {
    "hierarchical": Generator(
        "hierarchical", _hierarchical.PARAMETERS, _hierarchical.hierarchical
    ),
    "flat": Generator("flat", _flat.PARAMETERS, _flat.flat),
    "chain": Generator("chain", _chain.PARAMETERS, _chain.chain),
}
"""Every generator by name."""
