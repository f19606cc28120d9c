"""The search space: a generator, and the domains of its and of the distillation's parameters.

A search-space file names a generator and gives each parameter a *domain*, checked here against
what the generator and the methods declare legal. Parameters that a file does not mention keep
their default; parameters of a distillation method are active only in points that draw this
method; how they are named is in `autokd.kd_table`. Left out: drawing. A sampler draws a point
(`autokd.search`), a generator a graph.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import field_validator, model_validator

from autokd.checking import Checked, illegal, nearest, validate
from autokd.definitions import find, read, shown
from autokd.domains import (
    CategoricalDomain,
    Domain,
    FixedDomain,
    FloatDomain,
    IntDomain,
    TaggedDomain,
    check_domain,
    contains,
    values,
)
from autokd.errors import DefinitionError
from autokd.graphs import GENERATORS, Generator
from autokd.kd_table import METHOD, Dimension, check_kd, flattened, kd_dimensions
from autokd.parameters import GENERATOR, Parameter, Point

__all__ = [
    "METHOD",
    "CategoricalDomain",
    "Dimension",
    "Domain",
    "FixedDomain",
    "FloatDomain",
    "IntDomain",
    "SearchSpace",
    "contains",
    "load_space",
    "read_space",
]


class SearchSpace(Checked):
    """A search-space file.

    Tables of methods are kept flat: ``[kd.dkd.beta]`` is the domain ``kd["dkd.beta"]``.

    Attributes:
        title: One line for people.
        generator: What draws the students, by its name (`autokd.graphs.GENERATORS`).
        architecture: Domains of the generator's parameters by name; one without a default must be
            there.
        kd: Domains of ``method``, which must be there, and of the methods' parameters by name.
    """

    title: str
    generator: str
    architecture: dict[str, TaggedDomain]
    kd: dict[str, TaggedDomain]

    @field_validator("kd", mode="before")
    @classmethod
    def _flat(cls, raw: Any) -> Any:
        return flattened(raw) if isinstance(raw, Mapping) else raw

    @model_validator(mode="after")
    def _legal(self) -> Self:
        _check_generator(self.generator)
        _check_architecture(self.architecture, self._generator_parameters())
        check_kd(self.kd)
        return self

    @property
    def methods(self) -> tuple[str, ...]:
        """Distillation methods that a point of this space can name."""
        return tuple(str(value) for value in values(self.kd["method"]))

    def dimensions(self) -> tuple[Dimension, ...]:
        """List every parameter of the space, the method before what depends on it.

        Returns:
            Architecture parameters in the generator's order, then ``kd.method``, then the
            methods' parameters.
        """
        return (
            *self._architecture_dimensions(),
            Dimension(METHOD, self.kd["method"]),
            *kd_dimensions(self.kd),
        )

    def is_searched(self) -> bool:
        """Say whether there is anything to search.

        Returns:
            False if every parameter has a single value.
        """
        return any(len(set(values(dimension.domain))) > 1 for dimension in self.dimensions())

    def conditional(self) -> list[str]:
        """Name the searched parameters that only some of the space's methods have.

        Returns:
            Full names, in the order of `dimensions`.
        """
        return [
            dimension.name
            for dimension in self.dimensions()
            if dimension.methods is not None
            and not isinstance(dimension.domain, FixedDomain)
            and dimension.methods != set(self.methods)
        ]

    def generator_of(self, point: Point) -> Generator:
        """Find what draws a point's students.

        Args:
            point: A point of this space, or a baseline, which names a generator of its own.

        Returns:
            The generator.
        """
        return GENERATORS[str(point.get(GENERATOR, self.generator))]

    def active(self, point: Point) -> tuple[Dimension, ...]:
        """List the parameters that a point with this method has.

        Args:
            point: A point, or the part of one that names ``kd.method``.

        Returns:
            The active dimensions in the order of `dimensions`.
        """
        method = point[METHOD]
        return tuple(d for d in self.dimensions() if d.methods is None or method in d.methods)

    def check_point(self, point: Point) -> None:
        """Refuse a point that this space cannot contain.

        Args:
            point: Values by full name.

        Raises:
            DefinitionError: If a name is missing or unknown, or a value lies outside its domain.
        """
        _check_value(point, METHOD, self.kd["method"])
        domains = {dimension.name: dimension.domain for dimension in self.active(point)}
        for name in sorted(set(point) - set(domains)):
            legal = sorted(domains)
            raise DefinitionError(
                f"the point's [{name}] is not one of {legal}{nearest(name, legal)}"
            )
        for name, domain in domains.items():
            _check_value(point, name, domain)

    def _generator_parameters(self) -> dict[str, Parameter]:
        return {p.name: p for p in GENERATORS[self.generator].parameters}

    def _architecture_dimensions(self) -> Iterator[Dimension]:
        for name, parameter in self._generator_parameters().items():
            domain = self.architecture.get(name) or _default(parameter)
            yield Dimension(f"architecture.{name}", domain)


def load_space(name: str | Path, *, beside: Path | None = None) -> SearchSpace:
    """Read and check a search space.

    Args:
        name: A shipped name, or a path that ends in ``.toml``.
        beside: File whose folder a relative path is tried against first; None means the current
            folder only.

    Returns:
        The search space.

    Raises:
        DefinitionError: If the file is missing or says something illegal.
    """
    path = find("search_spaces", name, beside=beside)
    return read_space(read(path), source=shown(path))


def read_space(raw: Mapping[str, Any], *, source: str) -> SearchSpace:
    """Check what a search-space file says.

    Args:
        raw: The parsed file.
        source: The file, as messages shall name it.

    Returns:
        The search space.

    Raises:
        DefinitionError: If it says something illegal.
    """
    return validate(SearchSpace, raw, source=source)


def _default(parameter: Parameter) -> FixedDomain:
    assert parameter.default is not None  # `_check_architecture` refused the space otherwise
    return FixedDomain(type="fixed", value=parameter.default)


def _check_generator(name: str) -> None:
    if name not in GENERATORS:
        legal = sorted(GENERATORS)
        raise illegal("generator", f"must be one of {legal}, found {name!r}{nearest(name, legal)}")


def _check_architecture(domains: Mapping[str, Domain], legal: Mapping[str, Parameter]) -> None:
    for name, domain in domains.items():
        key = f"architecture.{name}"
        if name not in legal:
            raise illegal(key, f"is not one of {sorted(legal)}{nearest(name, legal)}")
        check_domain(key, domain, legal[name])
    for name, parameter in legal.items():
        if parameter.default is None and name not in domains:
            raise illegal(f"architecture.{name}", f"is missing: {parameter.description}")


def _check_value(point: Point, name: str, domain: Domain) -> None:
    if name not in point:
        raise DefinitionError(f"the point lacks [{name}]")
    if not contains(domain, point[name]):
        where = f"outside its domain ({domain})"
        raise DefinitionError(f"the point's [{name}] is {where}, found {point[name]!r}")
