"""What the methods of a search space need, and whether the study has it.

A study that lacks something is refused while its file is read, naming the method and the need. So
is a file that says of data or a teacher what nothing would read.
"""

from collections.abc import Iterable, Mapping, Sequence

from autokd.checking import Sourced, illegal
from autokd.domains import values
from autokd.errors import DefinitionError
from autokd.methods import Method, Needs, find_method
from autokd.space import SearchSpace
from autokd.teaching import AssistantSpec, TeacherSpec
from autokd.views import ViewsSpec

__all__ = ["check_read", "check_requirements", "united"]


def united(needs: Iterable[Needs]) -> Needs:
    """Say what is needed for several methods to be drawn.

    Args:
        needs: What each needs.

    Returns:
        Every flag that one of them has, and the largest counts; where there are assistants, the
        teacher too, who teaches them.
    """
    every = tuple(needs)
    return Needs(
        teacher=any(one.teacher or one.assistants for one in every),
        teachers=max((one.teachers for one in every), default=0),
        assistants=max((one.assistants for one in every), default=0),
        features=any(one.features for one in every),
        tuning=any(one.tuning for one in every),
        class_labels=any(one.class_labels for one in every),
        mixed_views=any(one.mixed_views for one in every),
        eager=any(one.eager for one in every),
    )


def check_requirements(
    space: SearchSpace,
    *,
    views: ViewsSpec,
    teacher: TeacherSpec,
    teachers: Sequence[TeacherSpec],
    assistants: Sequence[AssistantSpec],
) -> None:
    """Refuse a study that lacks what one of its methods needs.

    Args:
        space: The search space.
        views: The study's ``[views]``.
        teacher: Its ``[teacher]``.
        teachers: Its ``[[teachers]]``.
        assistants: Its ``[[assistants]]``.

    Raises:
        PydanticCustomError: As `autokd.checking.illegal` makes it, for a validator.
    """
    for method in map(find_method, space.methods):
        _check_networks(method, teacher=teacher, teachers=teachers, assistants=assistants)
        _check_views(method, views)
    _check_answers(space, views, asked=(teacher, *teachers))
    for number, further in enumerate(teachers):
        if further.source == "module":
            only = "must not be 'module', which only [teacher] can be"
            raise illegal(f"teachers.{number}.source", only)


def check_read(tables: Mapping[str, Sourced], *, source: str) -> None:
    """Refuse keys that nothing would read.

    Who writes them expects something of them: ``weights`` of a teacher that the study trains would
    be forgotten without a word.

    Args:
        tables: The tables of a file that have a source, by name.
        source: The file, as messages shall name it.

    Raises:
        DefinitionError: If a key is not read for the source of its table.
    """
    for table, spec in tables.items():
        for key in spec.unread:
            legal = " or ".join(map(repr, spec.read_by[key]))
            raise DefinitionError(
                f"{source}: [{table}.{key}] is read for source {legal} alone, "
                f"found source {spec.source!r}"
            )


def _check_networks(
    method: Method,
    *,
    teacher: TeacherSpec,
    teachers: Sequence[TeacherSpec],
    assistants: Sequence[AssistantSpec],
) -> None:
    needs, who = method.needs, f"method {method.name!r}"
    if needs.features and teacher.source == "probabilities":
        why = f"{who} needs features of the teacher, which has only answers"
        raise illegal("teacher.source", f"must not be 'probabilities': {why}")
    if len(teachers) < needs.teachers:
        found = f"{who} needs further teachers, found {len(teachers)}"
        raise illegal("teachers", f"must be a list of {needs.teachers} or more: {found}")
    if len(assistants) < needs.assistants:
        found = f"{who} needs assistants, found {len(assistants)}"
        raise illegal("assistants", f"must be a list of {needs.assistants} or more: {found}")


def _check_views(method: Method, views: ViewsSpec) -> None:
    needs, who = method.needs, f"method {method.name!r}"
    if needs.class_labels and views.mix != "none":
        why = f"{who} needs class labels, which mixed views do not have"
        raise illegal("views.mix", f"must be 'none': {why}, found {views.mix!r}")
    if needs.mixed_views and views.mix == "none":
        legal = "must be 'mixup' or 'cutmix'"
        raise illegal("views.mix", f"{legal}: {who} needs mixed views, found 'none'")


def _check_answers(space: SearchSpace, views: ViewsSpec, *, asked: Sequence[TeacherSpec]) -> None:
    """Refuse views that a teacher cannot answer to."""
    roles = _own_views(space)
    if roles and views.mix != "none":
        why = f"[kd.teacher_views] has {roles}, and a mixed image has no other view"
        raise illegal("views.mix", f"must be 'none': {why}, found {views.mix!r}")
    if any(teacher.source == "probabilities" for teacher in asked):
        if views.mix != "none":
            why = "a teacher of source 'probabilities' cannot answer to mixed images"
            raise illegal("views.mix", f"must be 'none': {why}, found {views.mix!r}")
        if roles:
            why = f"[kd.teacher_views] has {roles}, and probabilities are the same for every view"
            raise illegal("teacher.source", f"must not be 'probabilities': {why}")


def _own_views(space: SearchSpace) -> list[str]:
    """List the views other than the student's that a point can ask for."""
    domains = [d.domain for d in space.dimensions() if d.name.endswith(".teacher_views")]
    found = {str(value) for domain in domains for value in values(domain)}
    return sorted(found - {"same"})
