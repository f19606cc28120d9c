"""Plain chains: the hand-designed baseline that a search over random graphs has to beat.

Three stages of equal depth, one op node after the other. With shortcuts, every op node but the
first of a stage adds its output to its input; the first changes channels and resolution and stands
alone.
"""

from collections.abc import Mapping

from autokd.graphs.budget import fit
from autokd.graphs.draft import N_STAGES, Draft
from autokd.graphs.ir import ArchGraph, InputShape
from autokd.graphs.settings import OP, PARAMS_BUDGET, Settings
from autokd.parameters import Parameter, Value

__all__ = ["PARAMETERS", "chain"]

PARAMETERS: tuple[Parameter, ...] = (
    PARAMS_BUDGET,
    OP,
    Parameter("depth", "int", 3, "op nodes of a stage", low=1, high=50),
    Parameter(
        "shortcuts",
        "categorical",
        True,
        "whether op nodes add their output to their input",
        choices=(False, True),
    ),
)


def chain(parameters: Mapping[str, Value], *, seed: int, shape: InputShape) -> ArchGraph:
    """Write out one chain.

    Args:
        parameters: Values of `PARAMETERS` by name.
        seed: Without effect, since a chain leaves nothing to chance; generators are called alike.
        shape: What the student reads and answers.

    Returns:
        The student.

    Raises:
        DefinitionError: If a parameter is unknown, missing or illegal.
        StudentTooSmall: If the legal total nearest to the budget is too far below it.
        StudentTooLarge: If the legal total nearest to the budget is too far above it.
    """
    del seed
    settings = Settings(parameters, PARAMETERS)
    draft = Draft(shape, settings.choice("op"))
    with_shortcut = bool(settings.choice("shortcuts"))
    output = 0
    for stage in range(N_STAGES):
        output = draft.add_op((output,), stage)
        for _ in range(settings.integer("depth") - 1):
            output = _block(draft, output, stage=stage, with_shortcut=with_shortcut)
    return fit(draft, settings.number("params_budget"), shape=shape)


def _block(draft: Draft, source: int, *, stage: int, with_shortcut: bool) -> int:
    op = draft.add_op((source,), stage)
    return draft.merge((source, op), stage, how="sum") if with_shortcut else op
