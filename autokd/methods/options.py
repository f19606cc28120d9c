"""Options: schedules and inputs that any method with a teacher takes.

An option is a parameter like any other once a search space mentions it, ``[kd.standardise]`` for
all methods that take it or ``[kd.dkd.standardise]`` for one; a space that does not mention it has
points without it.
"""

from autokd.methods.common import flag, fraction
from autokd.methods.method import Method
from autokd.parameters import Parameter

__all__ = ["OPTIONS", "options_of"]

_SCHEDULES = (
    fraction(
        "kd_off_fraction",
        1.0,
        "share of training after which only the hard labels count, 1: never",
        low=0.01,
    ),
    fraction(
        "soft_warmup_fraction",
        0.0,
        "share of training over which the hard labels give way to the method, 0: none",
    ),
)

_TEACHER_VIEWS = Parameter(
    "teacher_views",
    "categorical",
    "same",
    "what the teacher sees: the student's view, the plain image, or a view of its own that is "
    "weaker or stronger",
    choices=("same", "plain", "weak", "strong"),
)

_STANDARDISE = flag(
    "standardise", False, "whether logits are brought to mean 0 and deviation 1 before comparison"
)

OPTIONS: tuple[Parameter, ...] = (*_SCHEDULES, _TEACHER_VIEWS, _STANDARDISE)
"""Every option."""


def options_of(method: Method) -> tuple[Parameter, ...]:
    """List the options that a method takes.

    Args:
        method: The method.

    Returns:
        None without a teacher; no views of its own for a teacher whose maps are read or whose
        views are mixed; standardising only where two rows of logits are compared.
    """
    needs = method.needs
    if not (needs.teacher or needs.assistants):
        return ()
    has_views = not (needs.features or needs.mixed_views)
    return (
        *_SCHEDULES,
        *((_TEACHER_VIEWS,) if has_views else ()),
        *((_STANDARDISE,) if method.matches_logits else ()),
    )
