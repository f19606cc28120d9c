"""What every generator promises, and what the shipped search spaces make of it."""

import math
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.errors import DefinitionError, InfeasibleError
from autokd.graphs import GENERATORS, ArchGraph, Generator, InputShape, cost, count_params
from autokd.parameters import Parameter, Value

SPACES = sorted((Path(__file__).parents[2] / "search_spaces").glob("*.toml"))
DIGITS = InputShape(1, 8, 10)
CIFAR = InputShape(3, 32, 10)
SHAPES = [DIGITS, InputShape(1, 28, 10), CIFAR, InputShape(3, 32, 100), InputShape(3, 224, 10)]
every_generator = pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS)
every_space = pytest.mark.parametrize("path", SPACES, ids=[path.stem for path in SPACES])

LARGEST_INT = 8
"""Keeps the graphs of hypothesis small."""


def legal_values(parameter: Parameter) -> st.SearchStrategy[Value]:
    if parameter.type == "categorical":
        return st.sampled_from(parameter.choices)
    assert parameter.low is not None
    assert parameter.high is not None
    if parameter.type == "int":
        return st.integers(int(parameter.low), min(int(parameter.high), LARGEST_INT))
    return st.floats(parameter.low, parameter.high)


def points(generator: Generator) -> st.SearchStrategy[dict[str, Value]]:
    legal = {p.name: legal_values(p) for p in generator.parameters}
    return st.fixed_dictionaries({**legal, "params_budget": st.floats(2e4, 1e6)})


seeds = st.integers(0, 2**31 - 1)


@every_generator
@given(data=st.data(), seed=seeds, shape=st.sampled_from(SHAPES))
def test_student_is_valid_repeatable_and_within_budget(
    generator: Generator, data: st.DataObject, seed: int, shape: InputShape
) -> None:
    point = data.draw(points(generator))
    graph = attempt(generator, point, seed=seed, shape=shape)
    if isinstance(graph, InfeasibleError):
        assert graph.violation > 0.03
        return
    assert is_connected(graph)
    assert generator.draw(point, seed=seed, shape=shape).to_json() == graph.to_json()
    assert ArchGraph.from_json(graph.to_json()) == graph
    assert cost(graph, shape).params == pytest.approx(point["params_budget"], rel=0.03)


def attempt(
    generator: Generator, point: dict[str, Value], *, seed: int, shape: InputShape
) -> ArchGraph | InfeasibleError:
    try:
        return generator.draw(point, seed=seed, shape=shape)
    except InfeasibleError as error:
        return error


def is_connected(graph: ArchGraph) -> bool:
    """Whether every node is reached from the stem and leads to the last node."""
    last = len(graph.nodes) - 1
    reached, leading = {0}, {last}
    for index, node in enumerate(graph.nodes):
        if reached & set(node.inputs):
            reached.add(index)
    for index in range(last, -1, -1):
        if index in leading:
            leading |= set(graph.nodes[index].inputs)
    return len(reached) == len(leading) == last + 1


@pytest.mark.parametrize("name", sorted(set(GENERATORS) - {"chain"}))
def test_seeds_give_members_of_one_family(name: str) -> None:
    generator = GENERATORS[name]
    drawn = [generator.draw({"params_budget": 1e6}, seed=s, shape=CIFAR) for s in range(5)]
    assert len({graph.digest for graph in drawn}) == 5


@every_generator
def test_parameters_are_described_and_their_defaults_legal(generator: Generator) -> None:
    assert GENERATORS[generator.name] is generator
    for parameter in generator.parameters:
        assert parameter.description
        assert parameter.default is None or parameter.accepts(parameter.default)
    needed = [p.name for p in generator.parameters if p.default is None]
    assert needed == ["params_budget"]


@every_generator
def test_illegal_parameters_are_refused_by_name(generator: Generator) -> None:
    with pytest.raises(DefinitionError, match="params_budget is missing"):
        generator.draw({}, seed=0, shape=CIFAR)
    with pytest.raises(DefinitionError, match=r"op must be one of .* found 'conv9x9'"):
        generator.draw({"params_budget": 1e5, "op": "conv9x9"}, seed=0, shape=CIFAR)
    with pytest.raises(DefinitionError, match="did you mean 'params_budget'"):
        generator.draw({"param_budget": 1e5}, seed=0, shape=CIFAR)


def draw_value(domain: dict[str, Any], rng: random.Random) -> Value:
    match domain["type"]:
        case "fixed":
            return domain["value"]  # type: ignore[no-any-return]
        case "categorical":
            return rng.choice(domain["choices"])  # type: ignore[no-any-return]
        case "int":
            return rng.randint(domain["low"], domain["high"])
    if domain.get("log"):
        return math.exp(rng.uniform(math.log(domain["low"]), math.log(domain["high"])))
    return rng.uniform(domain["low"], domain["high"])


def draw_students(
    path: Path, n: int
) -> Iterator[tuple[dict[str, Value], ArchGraph | InfeasibleError]]:
    """Draw points and students of a shipped search space."""
    space = tomllib.loads(path.read_text())
    shape, rng = shape_of(space), random.Random(0)
    for seed in range(n):
        point = {name: draw_value(d, rng) for name, d in space["architecture"].items()}
        yield point, attempt(GENERATORS[space["generator"]], point, seed=seed, shape=shape)


def shape_of(space: dict[str, Any]) -> InputShape:
    return DIGITS if space["architecture"]["params_budget"]["low"] < 1e4 else CIFAR


def check_students(path: Path, n: int) -> None:
    shape = shape_of(tomllib.loads(path.read_text()))
    n_infeasible = 0
    for point, graph in draw_students(path, n):
        if isinstance(graph, InfeasibleError):
            assert graph.violation > 0.03
            n_infeasible += 1
            continue
        assert is_connected(graph)
        assert count_params(graph, shape) == pytest.approx(point["params_budget"], rel=0.03)
    assert n_infeasible < 0.05 * n


def test_every_family_has_a_search_space_for_digits_and_one_for_larger_images() -> None:
    found = {(s["generator"], shape_of(s)) for s in (tomllib.loads(p.read_text()) for p in SPACES)}
    assert found >= {(name, shape) for name in GENERATORS for shape in (DIGITS, CIFAR)}


@every_space
def test_shipped_students_meet_their_budget(path: Path) -> None:
    check_students(path, 200)


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_space
def test_ten_thousand_shipped_students_meet_their_budget(path: Path) -> None:
    check_students(path, 10_000)


@pytest.mark.parametrize(
    ("name", "smallest", "largest"), [("digits", 9, 40), ("flat_digits", 9, 30)]
)
def test_reduced_spaces_have_the_op_nodes_that_they_say(
    name: str, smallest: int, largest: int
) -> None:
    path = next(path for path in SPACES if path.stem == name)
    graphs = [g for _, g in draw_students(path, 300) if isinstance(g, ArchGraph)]
    n_ops = [sum("conv" in node.op for node in graph.nodes) for graph in graphs]
    assert (min(n_ops), max(n_ops)) == (smallest, largest)
