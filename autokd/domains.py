"""Domains: the legal values of one parameter, as a search-space file writes them.

A domain knows nothing of the parameter it belongs to; `check_domain` says whether the two fit.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from autokd.checking import Checked, illegal, nearest
from autokd.parameters import Parameter, Value

__all__ = [
    "CategoricalDomain",
    "Domain",
    "FixedDomain",
    "FloatDomain",
    "IntDomain",
    "TaggedDomain",
    "check_domain",
    "contains",
    "values",
]


class FloatDomain(Checked):
    """Real numbers from ``low`` to ``high``, both included; ``log`` draws evenly in their log."""

    type: Literal["float"]
    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        _check_interval(self.low, self.high, is_log=self.log)
        return self


class IntDomain(Checked):
    """Whole numbers from ``low`` to ``high``, both included; ``log`` draws evenly in their log."""

    type: Literal["int"]
    low: int
    high: int
    log: bool = False

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        _check_interval(self.low, self.high, is_log=self.log)
        return self


class CategoricalDomain(Checked):
    """One of several values without an order, at least two, all different."""

    type: Literal["categorical"]
    choices: Annotated[tuple[Value, ...], Field(min_length=2, strict=False)]

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len(set(self.choices)) < len(self.choices):
            raise illegal("choices", f"must all be different, found {list(self.choices)}")
        return self


class FixedDomain(Checked):
    """One value that is not searched."""

    type: Literal["fixed"]
    value: Value


Domain = FloatDomain | IntDomain | CategoricalDomain | FixedDomain
"""Any domain."""

TaggedDomain = Annotated[Domain, Field(discriminator="type")]
"""Any domain, told apart by its ``type``."""


def contains(domain: Domain, value: Value) -> bool:
    """Say whether a domain contains a value.

    Args:
        domain: The domain.
        value: The value; a bool is not a number here, an int lies among the real numbers, NaN lies
            nowhere.

    Returns:
        True if it does.
    """
    if isinstance(domain, FloatDomain | IntDomain):
        if isinstance(value, bool | str):
            return False
        has_type = isinstance(value, int) or isinstance(domain, FloatDomain)
        return has_type and domain.low <= value <= domain.high
    return any(value == legal and type(value) is type(legal) for legal in values(domain))


def values(domain: Domain) -> tuple[Value, ...]:
    """List what must be legal for the domain to be.

    Args:
        domain: The domain.

    Returns:
        The two ends of an interval, else every value.
    """
    match domain:
        case CategoricalDomain():
            return domain.choices
        case FixedDomain():
            return (domain.value,)
        case _:
            return (domain.low, domain.high)


def check_domain(key: str, domain: Domain, parameter: Parameter) -> None:
    """Refuse a domain that does not lie inside the legal values of its parameter.

    Args:
        key: Dotted key of the domain, for the message.
        domain: The domain.
        parameter: The parameter.

    Raises:
        PydanticCustomError: As `autokd.checking.illegal` makes it, for a validator.
    """
    legal = parameter.legal()
    if isinstance(domain, FloatDomain | IntDomain) and domain.type != parameter.type:
        raise illegal(f"{key}.type", f"must suit {legal}, found {domain.type!r}")
    for value in values(domain):
        if not parameter.accepts(value):
            hint = nearest(str(value), map(str, parameter.choices))
            raise illegal(key, f"must be {legal}, found {value!r}{hint}")


def _check_interval(low: float, high: float, *, is_log: bool) -> None:
    if low > high:
        raise illegal("low", f"must not exceed high, found {low} and {high}")
    if is_log and low <= 0:
        raise illegal("low", f"must be above 0 in a log domain, found {low}")
