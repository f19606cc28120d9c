"""What a generator is called with, checked, completed and typed; and what all generators share."""

import difflib
from collections.abc import Mapping

from autokd.errors import DefinitionError
from autokd.parameters import Parameter, Value

__all__ = ["OP", "PARAMS_BUDGET", "Settings"]

PARAMS_BUDGET = Parameter(
    name="params_budget",
    type="float",
    default=None,
    description="weights that the student shall have, count, hit within 3 %",
    low=500,
    high=2e7,
)
"""Size of the student; without a default, since only the data say what is small."""

OP = Parameter(
    name="op",
    type="categorical",
    default="conv3x3",
    description="operation of every op node",
    choices=("conv3x3", "sepconv3x3"),
)
"""Operation of the op nodes."""


class Settings:
    """One legal value for every parameter of a generator.

    Args:
        given: Values by parameter name, without prefix; a parameter with a default may be missing.
        parameters: All that the generator knows.

    Raises:
        DefinitionError: If a name is unknown, a value illegal, or one without a default missing.
    """

    def __init__(self, given: Mapping[str, Value], parameters: tuple[Parameter, ...]) -> None:
        for name in given:
            _check_name(name, [parameter.name for parameter in parameters])
        self._values = {parameter.name: _value(given, parameter) for parameter in parameters}

    def integer(self, name: str) -> int:
        """Read an ``int`` parameter.

        Args:
            name: Its name.

        Returns:
            Its value.
        """
        value = self._values[name]
        assert isinstance(value, int)
        return value

    def number(self, name: str) -> float:
        """Read a ``float`` parameter.

        Args:
            name: Its name.

        Returns:
            Its value.
        """
        value = self._values[name]
        assert isinstance(value, int | float)
        return float(value)

    def choice(self, name: str) -> Value:
        """Read a ``categorical`` parameter.

        Args:
            name: Its name.

        Returns:
            Its value.
        """
        return self._values[name]


def _check_name(name: str, known: list[str]) -> None:
    if name in known:
        return
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
    raise DefinitionError(
        f"architecture.{name} is not one of {sorted(known)}; did you mean {nearest!r}?"
    )


def _value(given: Mapping[str, Value], parameter: Parameter) -> Value:
    value = given.get(parameter.name, parameter.default)
    if value is None:
        raise DefinitionError(f"architecture.{parameter.name} is missing and has no default")
    if not parameter.accepts(value):
        raise DefinitionError(
            f"architecture.{parameter.name} must be {parameter.legal()}, found {value!r}"
        )
    return value
