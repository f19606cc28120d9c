"""What a searched quantity is called and which values it may take.

Generators and distillation methods describe their parameters with `Parameter`; a search space then
gives each one a domain inside these legal values (`autokd.space`). One small module below both,
because neither may import the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["GENERATOR", "Parameter", "Point", "Value", "part"]

TypeName = Literal["int", "float", "categorical"]

Value = int | float | str | bool
"""One value of one parameter."""

Point = Mapping[str, Value]
"""One drawn value for every active parameter by full name: ``{"kd.temperature": 4.0, ...}``."""

GENERATOR = "generator"
"""Name under which a point says that another generator than the search space's draws its students:
that of a baseline, whose ``architecture`` part this generator reads.
"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a generator or of a distillation method.

    Attributes:
        name: Name without prefix, ``params_budget``.
        type: ``int``, ``float`` or ``categorical``.
        default: Value when a search space does not mention the parameter; None means that it must
            be mentioned.
        description: One line with the unit, shown by ``autokd show`` and in error messages.
        low: Smallest legal value; None for categorical parameters.
        high: Largest legal value; None for categorical parameters.
        choices: All legal values of a categorical parameter, else empty.
    """

    name: str
    type: TypeName
    default: Value | None
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()

    def accepts(self, value: object) -> bool:
        """Say whether a value is legal.

        Args:
            value: Anything; a bool is not a number here, an int is a legal float.

        Returns:
            True if the value has the right type and lies inside the legal values. NaN is never
            legal.
        """
        if self.type == "categorical":
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        numbers = (int,) if self.type == "int" else (int, float)
        if isinstance(value, bool) or not isinstance(value, numbers):
            return False
        assert self.low is not None  # only a categorical parameter has no interval
        assert self.high is not None
        return self.low <= value <= self.high

    def legal(self) -> str:
        """Describe the legal values, for a message.

        Returns:
            ``one of ['conv3x3', 'sepconv3x3']`` or ``an int in [3, 10]``.
        """
        if self.type == "categorical":
            return f"one of {list(self.choices)}"
        article = "an" if self.type == "int" else "a"
        return f"{article} {self.type} in [{self.low:g}, {self.high:g}]"


def part(point: Point, prefix: str) -> dict[str, Value]:
    """Take one part of a point: what its generator reads, or its distillation method.

    Args:
        point: Values by full name.
        prefix: ``architecture`` or ``kd``.

    Returns:
        Its values by name without prefix, in the point's order.
    """
    start = f"{prefix}."
    return {name.removeprefix(start): v for name, v in point.items() if name.startswith(start)}
