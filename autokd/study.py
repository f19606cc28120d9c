"""The study: what is searched, for what, with which data and teacher, and for how long.

A study file is checked whole before anything is loaded. `StudySpec` is all that the rooms below
`search` know of a study; nothing in it is a torch object. Its tables are in `autokd.sections`,
`autokd.teaching` and `autokd.views`; that its methods have what they need is checked in
`autokd.requirements`. Its *fingerprint* covers what changes results and leaves out what does not
(titles and the budget).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from autokd.checking import Checked, illegal, validate
from autokd.constraints import Constraints
from autokd.definitions import find, read, shown
from autokd.errors import DefinitionError
from autokd.methods import Needs, find_method
from autokd.pareto import Axis
from autokd.requirements import check_read, check_requirements, united
from autokd.sections import (
    METRICS,
    Budget,
    DataSpec,
    Direction,
    Fidelity,
    Latency,
    Metric,
    Objective,
    SamplerSpec,
    Schedule,
    Training,
)
from autokd.space import SearchSpace, read_space
from autokd.start import Start
from autokd.teaching import AssistantSpec, Features, TeacherSpec
from autokd.views import TableKind, ViewsSpec

__all__ = [
    "COST_OPTIONS",
    "METRICS",
    "AssistantSpec",
    "Budget",
    "Constraints",
    "DataSpec",
    "Direction",
    "Features",
    "Fidelity",
    "Latency",
    "Metric",
    "Objective",
    "SamplerSpec",
    "Schedule",
    "Start",
    "StudySpec",
    "TeacherSpec",
    "Training",
    "ViewsSpec",
    "fingerprint",
    "load_study",
    "read_study",
]

COST_OPTIONS = frozenset({"cuda_graph", "recompute"})
"""Options of `Training` that change what training costs, and not what comes out of it."""

_MEASURED = ("top1", "ece", "agreement", "nll", "kl", "cev", "sde")
_LEAST_TOP1 = 1e-6
"""A bound below the top1 of a student that gets a single image right."""


class StudySpec(Checked):
    """A study file, with its search space in place.

    Attributes:
        title: One line for people.
        search_space: What is searched; the file names a shipped search space, or a file by its
            path, relative to the study file or to the current folder.
        data: Images: which, and how they are cut into splits.
        teacher: The network that teaches.
        teachers: Further teachers, for methods that read several.
        assistants: Networks between teacher and student, for methods that read them.
        features: Which maps of the teacher are compared, for methods that read them.
        training: How students are trained; may be an empty table.
        fidelity: Ladder of rungs.
        objectives: What is sought: different metrics, of which at least one is measured on images
            unless ``constraints.min_top1`` is set.
        budget: When to stop.
        views: Augmented passes over the training images.
        sampler: What proposes points.
        start: What is tried before the sampler is asked.
        constraints: Bounds on what is known before training, and on top1.
        latency: How latency is measured.
        family_size: Students drawn from a point's family and trained in one trial; metrics are
            their mean.
        seed: Seed of the study: points, graphs, weights and batches follow from it.
    """

    later: ClassVar = frozenset({"teachers", "assistants", "features", "start"})

    title: str
    search_space: SearchSpace
    data: DataSpec
    teacher: TeacherSpec
    teachers: Annotated[tuple[TeacherSpec, ...], Field(strict=False)] = ()
    assistants: Annotated[tuple[AssistantSpec, ...], Field(strict=False)] = ()
    features: Features = Features()
    training: Training
    fidelity: Fidelity
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, strict=False)]
    budget: Budget
    views: ViewsSpec = ViewsSpec()
    sampler: SamplerSpec = SamplerSpec()
    start: Start = Start()
    constraints: Constraints = Constraints()
    latency: Latency = Latency()
    family_size: Annotated[int, Field(ge=1)] = 1
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        metrics = [objective.metric for objective in self.objectives]
        if len(set(metrics)) < len(metrics):
            raise illegal("objectives", f"must name different metrics, found {metrics}")
        if not set(metrics) & set(_MEASURED) and self.constraints.min_top1 is None:
            legal = f"must name one of {list(_MEASURED)} unless constraints.min_top1 is set"
            raise illegal("objectives", f"{legal}, found {metrics}")
        conditional = self.search_space.conditional()
        if self.sampler.name == "gp" and conditional:
            # Optuna's gp would draw them at random, with no more than a warning.
            found = f"and {conditional} depend on kd.method"
            raise illegal("sampler.name", f"must not be 'gp' where parameters depend, {found}")
        if self.sampler.name == "nsga2" and not self.search_space.is_searched():
            found = "and every parameter has a single value"
            raise illegal(
                "sampler.name", f"must not be 'nsga2' where nothing is searched, {found}"
            )
        check_requirements(
            self.search_space,
            views=self.views,
            teacher=self.teacher,
            teachers=self.teachers,
            assistants=self.assistants,
        )
        return self

    @property
    def needs(self) -> Needs:
        """What the study's methods need, taken together."""
        return united(find_method(name).needs for name in self.search_space.methods)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The objectives as `autokd.pareto` reads them, in their order."""
        return tuple(objective.axis for objective in self.objectives)

    @property
    def race_axes(self) -> tuple[Axis, ...]:
        """What the race compares: the objectives, and top1 where it is bounded and no objective.

        Without it a race for the fewest params would stop whoever might reach ``min_top1``. Every
        top1 above 0 counts.
        """
        axes = self.axes
        if self.constraints.min_top1 is None or any(axis.metric == "top1" for axis in axes):
            return axes
        return (*axes, Axis("top1", "maximize", "linear", 0.0))

    @property
    def needs_latency(self) -> bool:
        """Whether latency has to be measured."""
        is_objective = any(objective.metric == "latency_s" for objective in self.objectives)
        return is_objective or self.constraints.max_latency_s is not None

    @property
    def table_kind(self) -> TableKind:
        """How the teacher's outputs are kept."""
        return self.views.table_kind(self.fidelity.max_epochs)

    def smoke(self) -> "StudySpec":
        """Shrink the study to seconds.

        Returns:
            The same study with few images of each class, two rungs, short teachers without a
            bound on their accuracy, short assistants, a ``min_top1`` that no student misses, one
            baseline at most, and a handful of trials.
        """
        few = {"train_limit": min(self.data.train_limit or 256, 256), "least_per_class": 4}
        least = None if self.constraints.min_top1 is None else _LEAST_TOP1
        return self.model_copy(
            update={
                "data": self.data.model_copy(update=few),
                "teacher": self.teacher.quick(),
                "teachers": tuple(spec.quick() for spec in self.teachers),
                "assistants": tuple(a.model_copy(update={"epochs": 1}) for a in self.assistants),
                "fidelity": Fidelity(min_epochs=1, max_epochs=2, eta=2),
                "budget": Budget(trials=4),
                "start": Start(chain=self.start.chain[:1]),
                "constraints": self.constraints.model_copy(update={"min_top1": least}),
                "family_size": min(self.family_size, 2),
            }
        )


def load_study(name: str | Path) -> StudySpec:
    """Read and check a study with its search space.

    Args:
        name: A shipped name, or a path that ends in ``.toml``.

    Returns:
        The study.

    Raises:
        DefinitionError: If a file is missing or says something illegal.
    """
    path = find("studies", name)
    return read_study(read(path), source=shown(path), path=path)


def read_study(raw: Mapping[str, Any], *, source: str, path: Path | None = None) -> StudySpec:
    """Check what a study file says.

    Args:
        raw: The parsed file; ``search_space`` is a name, a path, or the parsed search space.
        source: The file, as messages shall name it.
        path: Where the file is, for a relative search-space path.

    Returns:
        The study.

    Raises:
        DefinitionError: If it, or the search space that it names, says something illegal.
    """
    match raw.get("search_space"):
        case str() as name:
            raw = {**raw, "search_space": _named_space(name, source=source, path=path)}
        case Mapping() as table:
            raw = {**raw, "search_space": read_space(table, source=f"{source}: [search_space]")}
        case None:
            pass  # `validate` says that it is missing
        case found:
            legal = "a name, a path or a table"
            raise DefinitionError(f"{source}: [search_space] must be {legal}, found {found!r}")
    spec = validate(StudySpec, raw, source=source)
    more = {f"teachers.{number}": further for number, further in enumerate(spec.teachers)}
    check_read({"data": spec.data, "teacher": spec.teacher, **more}, source=source)
    return spec


def fingerprint(spec: StudySpec) -> dict[str, str]:
    """Hash what changes results, part by part.

    Args:
        spec: The study.

    Returns:
        A short hash for each part of the study but titles, ``budget`` and the options of training
        that only change its cost, by the part's name, so that a refusal to resume can name what
        changed.
    """
    parts = spec.model_dump(
        mode="json",
        exclude={
            "title": True,
            "budget": True,
            "search_space": {"title": True},
            "training": set(COST_OPTIONS),
        },
    )
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]
        for name, part in parts.items()
    }


def _named_space(name: str, *, source: str, path: Path | None) -> SearchSpace:
    try:
        file = find("search_spaces", name, beside=path)
    except DefinitionError as error:
        raise DefinitionError(f"{source}: [search_space] {error}") from error
    return read_space(read(file), source=shown(file))
