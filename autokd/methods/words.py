"""Methods in words, for ``autokd list`` and ``autokd show``."""

from dataclasses import fields

from autokd.methods.method import Method, Needs
from autokd.methods.options import options_of
from autokd.parameters import Parameter

__all__ = ["described", "needed"]

_WORDS = {
    "teacher": "teacher",
    "teachers": "further teachers",
    "assistants": "assistants",
    "features": "features",
    "tuning": "tuning images",
    "class_labels": "class labels",
    "mixed_views": "mixed views",
}
"""Words by field of `Needs`; that steps cannot be replayed is a cost, not something to provide."""


def needed(needs: Needs) -> str:
    """Say what a study must have for a method.

    Args:
        needs: The method's.

    Returns:
        ``teacher, assistants (2 or more)``, or ``nothing``.
    """
    found = []
    for field in fields(needs):
        value = getattr(needs, field.name)
        if value and field.name in _WORDS:
            count = "" if isinstance(value, bool) else f" ({value} or more)"
            found.append(f"{_WORDS[field.name]}{count}")
    return ", ".join(found) or "nothing"


def described(method: Method) -> list[str]:
    """Describe a method.

    Args:
        method: The method.

    Returns:
        Lines: source, needs and cost, then every parameter and option as a search space names it,
        with its legal values and default.
    """
    return [
        f"{method.name}: {method.source}",
        f"needs   {needed(method.needs)}",
        f"costs   {method.cost}",
        f"loss    {method.implementation}",
        *_listed("parameters", method.table, method.parameters),
        *_listed("options", method.table, options_of(method)),
    ]


def _listed(title: str, table: str, parameters: tuple[Parameter, ...]) -> list[str]:
    lines = []
    for parameter in parameters:
        value = str(parameter.default)
        if isinstance(parameter.default, float):
            value = f"{parameter.default:.4g}"
        lines += [
            f"  [kd.{table}.{parameter.name}] {parameter.legal()}, default {value}",
            f"      {parameter.description}",
        ]
    return ["", title, *lines] if lines else []
