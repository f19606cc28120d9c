"""Distillation methods as descriptions: names, parameters and what each method needs.

No torch here, so that a definition is checked without it; the losses themselves are in
`autokd.distill.losses`, one file a method, and a test holds the two lists equal.
"""

from dataclasses import dataclass

from autokd.parameters import Parameter

__all__ = ["METHODS", "Method"]


@dataclass(frozen=True, slots=True)
class Method:
    """One distillation method.

    Attributes:
        name: How a search space names it.
        parameters: Its parameters; a search space writes them as ``kd.NAME``.
        needs_teacher: Whether it reads the teacher's logits.
        source: Where it comes from.
    """

    name: str
    parameters: tuple[Parameter, ...]
    needs_teacher: bool
    source: str


_TEMPERATURE = Parameter(
    "temperature", "float", 4.0, "softening of both networks' logits, > 0", low=0.1, high=100.0
)
_SOFT_WEIGHT = Parameter(
    "soft_weight",
    "float",
    0.9,
    "weight of the soft targets; the hard labels get the rest",
    low=0.0,
    high=1.0,
)

METHODS: dict[str, Method] = {
    "none": Method("none", (), False, "cross-entropy with the hard labels"),
    "kd": Method(
        "kd", (_TEMPERATURE, _SOFT_WEIGHT), True, "Hinton et al. 2015, arXiv:1503.02531, section 2"
    ),
}
"""Every method by name."""
