"""Distillation methods as descriptions: names, parameters, needs, sources and costs.

No torch here, so that a definition is checked without it; the losses themselves are in
`autokd.distill.losses`, one file a method, and a test holds each to its description. A method is
added by a file there and a description in the module of its group here. A user names one of their
own by import path.
"""

from autokd.checking import nearest
from autokd.errors import DefinitionError
from autokd.methods.alone import ALONE
from autokd.methods.common import SHARED_DEFAULTS
from autokd.methods.data import DATA
from autokd.methods.ensembles import ENSEMBLES
from autokd.methods.features import FEATURES
from autokd.methods.held_out import HELD_OUT
from autokd.methods.logits import LOGITS
from autokd.methods.method import Method, Needs
from autokd.methods.named import imported, named_method
from autokd.methods.online import ONLINE
from autokd.methods.options import OPTIONS, options_of
from autokd.parameters import Point, Value, part

__all__ = [
    "METHODS",
    "OPTIONS",
    "SHARED_DEFAULTS",
    "Method",
    "Needs",
    "find_method",
    "imported",
    "options_of",
    "settle",
]

METHODS: dict[str, Method] = {
    method.name: method
    for group in (ALONE, LOGITS, ENSEMBLES, FEATURES, ONLINE, DATA, HELD_OUT)
    for method in group
}
"""Every method by name."""


def find_method(name: str) -> Method:
    """Find a method.

    Args:
        name: A name in `METHODS`, or ``"package.module:function"``, which is imported.

    Returns:
        The method.

    Raises:
        DefinitionError: If there is no such method.
    """
    if ":" in name:
        return named_method(name)
    if name not in METHODS:
        legal = sorted(METHODS)
        raise DefinitionError(f"must be one of {legal}, found {name!r}{nearest(name, legal)}")
    return METHODS[name]


def settle(point: Point) -> tuple[Method, dict[str, Value]]:
    """Find the method that a point draws, and all that it is called with.

    Args:
        point: Values by full name. Names that it lacks have their default, so that a point drawn
            before there were options, or for a space that mentions none, is settled too.

    Returns:
        The method, and its parameters and options by their own names.

    Raises:
        DefinitionError: If there is no such method.
    """
    drawn = part(point, "kd")
    method = find_method(str(drawn["method"]))
    settled: dict[str, Value] = {}
    for parameter in (*method.parameters, *options_of(method)):
        assert parameter.default is not None  # a test holds every method to it
        shared = drawn.get(parameter.name, parameter.default)
        settled[parameter.name] = drawn.get(f"{method.table}.{parameter.name}", shared)
    return method, settled
