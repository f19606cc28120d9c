"""The ``[kd]`` table of a search space: which domain each method reads for each parameter.

``[kd.temperature]`` gives one domain to all of the space's methods that have this shared name,
``[kd.dkd.temperature]`` one to ``dkd`` alone, which wins; every other parameter belongs to its
method, ``[kd.dkd.beta]``. Tables of methods are kept flat, under ``dkd.beta``. A parameter that is
not mentioned keeps its default; an option that is not mentioned is not there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from autokd.checking import illegal, nearest
from autokd.domains import Domain, FixedDomain, check_domain, values
from autokd.errors import DefinitionError
from autokd.methods import METHODS, OPTIONS, SHARED_DEFAULTS, Method, find_method, options_of
from autokd.parameters import Parameter

__all__ = ["METHOD", "Dimension", "check_kd", "flattened", "kd_dimensions"]

METHOD = "kd.method"
"""Full name of the parameter that chooses the distillation method."""

_OPTION_NAMES = frozenset(option.name for option in OPTIONS)
_SHARED_NAMES = frozenset(SHARED_DEFAULTS) | _OPTION_NAMES


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter with its domain.

    Attributes:
        name: Full name, ``architecture.params_budget``.
        domain: Its legal values in this search space.
        methods: Distillation methods with which it is active; None means always.
    """

    name: str
    domain: Domain
    methods: frozenset[str] | None = None


def flattened(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the tables of methods to one level.

    Args:
        raw: What the file says under ``kd``.

    Returns:
        The same with ``dkd.beta`` for ``beta`` inside ``dkd``; what is flat already stays.
    """
    flat: dict[str, Any] = {}
    for key, value in raw.items():
        if _is_table_of_a_method(key, value):
            flat |= {f"{key}.{name}": domain for name, domain in value.items()}
        else:
            flat[key] = value
    return flat


def check_kd(kd: Mapping[str, Domain]) -> None:
    """Refuse a table that its methods do not go with.

    Args:
        kd: Domains by flat name, ``method`` among them.

    Raises:
        PydanticCustomError: As `autokd.checking.illegal` makes it, for a validator.
    """
    methods = _chosen(kd)
    for key, domain in kd.items():
        if key != "method":
            table, _, name = key.rpartition(".")
            parameter = _own(table, name, methods) if table else _shared(name, kd, methods)
            check_domain(f"kd.{key}", domain, parameter)


def kd_dimensions(kd: Mapping[str, Domain]) -> Iterator[Dimension]:
    """List the parameters of a table's methods.

    Args:
        kd: Domains by flat name, legal by `check_kd`.

    Yields:
        One dimension for each name, in the order of the methods and of their parameters.
    """
    domains: dict[str, Domain] = {}
    users: dict[str, set[str]] = {}
    for method in _chosen(kd):
        for parameter in _all(method):
            key = _read_by(method, parameter, kd)
            if key in kd or parameter.name not in _OPTION_NAMES:
                domains[key] = kd.get(key) or _default(parameter)
                users.setdefault(key, set()).add(method.name)
    for key, domain in domains.items():
        yield Dimension(f"kd.{key}", domain, frozenset(users[key]))


def _is_table_of_a_method(key: str, value: object) -> bool:
    if not isinstance(value, Mapping) or isinstance(value.get("type"), str) or not value:
        return False
    return key in METHODS or any(isinstance(inner, Mapping) for inner in value.values())


def _chosen(kd: Mapping[str, Domain]) -> list[Method]:
    """Find the methods that a table names, or refuse the name."""
    if "method" not in kd:
        raise illegal(METHOD, f"is missing: it chooses from {sorted(METHODS)}")
    try:
        methods = [find_method(str(name)) for name in values(kd["method"])]
    except DefinitionError as error:
        raise illegal(METHOD, str(error)) from error
    tables = [method.table for method in methods]
    if len(set(tables)) < len(tables):
        raise illegal(METHOD, f"must name functions of different names, found {tables}")
    return methods


def _read_by(method: Method, parameter: Parameter, kd: Mapping[str, Domain]) -> str:
    """Say under which key a method finds a parameter, whether or not the file mentions it."""
    own, name = f"{method.table}.{parameter.name}", parameter.name
    if own in kd or name not in _SHARED_NAMES:
        return own
    has_usual_default = name in _OPTION_NAMES or parameter.default == SHARED_DEFAULTS[name]
    return name if name in kd or has_usual_default else own


def _own(table: str, name: str, methods: Iterable[Method]) -> Parameter:
    """Find what stands in the table of one method."""
    by_table = {method.table: method for method in methods}
    if table in METHODS and table not in by_table:
        found = sorted(by_table)
        raise illegal(f"kd.{table}", f"is of no use: [kd.method] chooses from {found}")
    if table not in by_table:
        raise _unknown(table, by_table, key=f"kd.{table}")
    legal = {parameter.name: parameter for parameter in _all(by_table[table])}
    if name not in legal:
        raise _unknown(name, legal, key=f"kd.{table}.{name}")
    return legal[name]


def _shared(name: str, kd: Mapping[str, Domain], methods: Iterable[Method]) -> Parameter:
    """Find what stands beside the tables of methods."""
    pairs = [(method, parameter) for method in methods for parameter in _all(method)]
    legal = {
        parameter.name: parameter for _, parameter in pairs if parameter.name in _SHARED_NAMES
    }
    if name not in legal:
        own = {f"{method.table}.{parameter.name}" for method, parameter in pairs}
        raise _unknown(name, {*legal, *(m.table for m, _ in pairs)}, also=own, key=f"kd.{name}")
    readers = {_read_by(method, p, kd) for method, p in pairs if p.name == name}
    if name not in readers:
        raise illegal(f"kd.{name}", f"is of no use: each method has its own, {sorted(readers)}")
    return legal[name]


def _all(method: Method) -> tuple[Parameter, ...]:
    return (*method.parameters, *options_of(method))


def _unknown(
    name: str, legal: Iterable[str], *, key: str, also: Iterable[str] = ()
) -> PydanticCustomError:
    names = sorted(legal)
    hint = nearest(name, names) or nearest(name, sorted(also))
    return illegal(key, f"is not one of {names}{hint}")


def _default(parameter: Parameter) -> FixedDomain:
    assert parameter.default is not None  # a test holds every method to it
    return FixedDomain(type="fixed", value=parameter.default)
