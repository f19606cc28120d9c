"""Makers of parameters that several methods have.

``temperature`` and ``soft_weight`` are the *shared* names: a search space gives one domain to all
of its methods that have them, ``[kd.temperature]``, or one to a single method,
``[kd.dkd.temperature]``. Any other name belongs to its method alone, since ``beta`` is something
else in every paper.
"""

from autokd.parameters import Parameter

__all__ = ["SHARED_DEFAULTS", "flag", "fraction", "soft_weight", "temperature", "weight"]

SHARED_DEFAULTS = {"temperature": 4.0, "soft_weight": 0.9}
"""Most methods' default of each shared parameter, by name."""


def temperature(default: float = SHARED_DEFAULTS["temperature"]) -> Parameter:
    """Describe the temperature.

    Args:
        default: The method's own, in [0.1, 100].

    Returns:
        The parameter ``temperature``.
    """
    description = "softening of both networks' logits, > 0"
    return Parameter("temperature", "float", default, description, low=0.1, high=100.0)


def soft_weight(default: float = SHARED_DEFAULTS["soft_weight"]) -> Parameter:
    """Describe the weight of the soft targets.

    Args:
        default: The method's own, in [0, 1].

    Returns:
        The parameter ``soft_weight``.
    """
    description = "weight of the soft targets; the hard labels get the rest"
    return Parameter("soft_weight", "float", default, description, low=0.0, high=1.0)


def weight(name: str, default: float, description: str) -> Parameter:
    """Describe a factor of one term of a loss.

    Args:
        name: The parameter's name.
        default: The method's own, in [0, 1e6].
        description: What it multiplies, one line.

    Returns:
        The parameter.
    """
    return Parameter(name, "float", default, description, low=0.0, high=1e6)


def fraction(name: str, default: float, description: str, *, low: float = 0.0) -> Parameter:
    """Describe a share.

    Args:
        name: The parameter's name.
        default: The method's own, in [low, 1].
        description: Of what it is a share, one line.
        low: Smallest legal share, in [0, 1].

    Returns:
        The parameter.
    """
    return Parameter(name, "float", default, description, low=low, high=1.0)


def flag(name: str, default: bool, description: str) -> Parameter:
    """Describe a choice between yes and no.

    Args:
        name: The parameter's name.
        default: The method's own.
        description: What it turns on, one line.

    Returns:
        The parameter.
    """
    return Parameter(name, "categorical", default, description, choices=(False, True))
