"""What `fidelity` trains: the study, its random students, and the candidates.

Images, teacher, views, search space and ladder are those of the shipped study of FashionMNIST,
with fewer images and smaller batches, so that two processes can train forty students six times
each in about two hours: 1,280 images to train on in batches of 64, which makes 20 steps an epoch
and 360 to the top rung, where the shipped study has 1,350; and 2,400 images for validation, so
that the noise of a score is that of the training more than that of the images.

A student is a random point of the search space, its distillation parameters included, and a graph
drawn from it, both named by the number of the draw. Numbers whose draw is infeasible are left out.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, get_args

from autokd.definitions import find, read
from autokd.distill import PreparedStudy
from autokd.domains import CategoricalDomain, Domain, FixedDomain, IntDomain
from autokd.errors import InfeasibleError
from autokd.graphs import GENERATORS, ArchGraph, InputShape
from autokd.parameters import Value, part
from autokd.seeds import derive_seed
from autokd.students import Student, build
from autokd.study import Schedule, StudySpec, read_study

CANDIDATES: tuple[Schedule, ...] = get_args(Schedule)
YARDSTICK = "yardstick"
"""Begins the names of the trainings that all candidates are measured by."""

NORMS = "norms"
"""Names what is no training: how long fresh batch norms take."""

_FASHION_DATA = {"train_limit": 3_680, "validation_fraction": 2_400 / 3_680, "download": False}
_QUICK_DATA = {"train_limit": 250}


@dataclass(frozen=True)
class Case:
    """A student that is not built yet.

    Attributes:
        number: Number of the draw.
        point: Its point.
        graph: Its graph.
    """

    number: int
    point: dict[str, Value]
    graph: ArchGraph


def study_spec(*, is_quick: bool) -> StudySpec:
    """Make the study from a shipped one: FashionMNIST, or for a quick look a few digits."""
    name = "digits" if is_quick else "fashion_mnist"
    raw: dict[str, Any] = deepcopy(dict(read(find("studies", name))))
    raw["data"] |= _QUICK_DATA if is_quick else _FASHION_DATA
    raw["teacher"]["min_top1"] = 0.0  # of fewer images it learns less
    raw["training"] |= {"batch_size": 64, "precision": "float32"}
    if is_quick:
        raw["teacher"]["epochs"] = 2
        raw["fidelity"] = {"min_epochs": 2, "max_epochs": 6, "eta": 3}
    return read_study(raw, source=f"fidelity, {name}")


def yardstick_epochs(spec: StudySpec) -> int:
    """Say how long the trainings last that all candidates are measured by."""
    return 2 * spec.fidelity.max_epochs


def feasible(spec: StudySpec, shape: InputShape, n: int) -> list[Case]:
    """Draw the first students that can be built."""
    return list(islice(_drawn(spec, shape), n))


def draw(spec: StudySpec, number: int, shape: InputShape) -> Case:
    """Draw a student.

    Raises:
        InfeasibleError: If the graph cannot meet its budget.
    """
    generator = random.Random(derive_seed(number, "point"))
    dimensions = spec.search_space.dimensions()
    point = {each.name: _value(each.domain, generator) for each in dimensions}
    graph = GENERATORS[spec.search_space.generator].draw(
        part(point, "architecture"), seed=derive_seed(number, "graph"), shape=shape
    )
    return Case(number, point, graph)


def make_student(case: Case, study: PreparedStudy, *, seed: int) -> Student:
    """Build a student, untrained, with weights of a seed."""
    mean, std = study.dataset.mean, study.dataset.std
    return build(case.graph, study.shape, mean=mean, std=std, seed=derive_seed(seed, "weights"))


def _drawn(spec: StudySpec, shape: InputShape) -> Iterator[Case]:
    for number in count():
        try:
            yield draw(spec, number, shape)
        except InfeasibleError:
            continue


def _value(domain: Domain, generator: random.Random) -> Value:
    match domain:
        case FixedDomain(value=value):
            return value
        case CategoricalDomain(choices=choices):
            return generator.choice(choices)
        case IntDomain(low=low, high=high, log=False):
            return generator.randint(low, high)
    assert domain.type == "float", "no whole number of these spaces is drawn in its log"
    if domain.log:
        return float(domain.low * (domain.high / domain.low) ** generator.random())
    return generator.uniform(domain.low, domain.high)
