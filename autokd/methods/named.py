"""Methods of one's own: a function or class that a search space names by its import path.

Its parameters are its keyword-only arguments, each with a default that tells its type: int, float
or bool. Attributes of the function may say more: ``needs`` (`Needs`) and ``matches_logits``.
Numbers have no legal interval but what the loss itself refuses, except that ``temperature`` and
``soft_weight`` are those of all methods.
"""

import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any

from autokd.errors import DefinitionError
from autokd.methods.common import flag, soft_weight, temperature
from autokd.methods.method import Method, Needs
from autokd.parameters import Parameter

__all__ = ["imported", "named_method"]

_ADVICE = "a method of your own is named 'package.module:function'"
_OWN = "parameter of a method of one's own"


def named_method(name: str) -> Method:
    """Describe a method of one's own by importing it.

    Args:
        name: ``"package.module:function"``; the function is called ``loss(seen, **parameters)``, a
            class made as ``Loss(setting, **parameters)``.

    Returns:
        Its description; without ``needs`` it reads the teacher's logits and nothing else.

    Raises:
        DefinitionError: If it cannot be imported, or an argument tells no type or has an illegal
            default.
    """
    loss = imported(name)
    return Method(
        name=name,
        parameters=tuple(_parameters(name, loss)),
        source=_first_line(loss),
        implementation=name,
        needs=_attribute(name, loss, "needs", Needs()),
        cost="not known",
        matches_logits=_attribute(name, loss, "matches_logits", False),
    )


def imported(name: str) -> Callable[..., Any]:
    """Import a method's function or class.

    Args:
        name: ``"package.module:function"``.

    Returns:
        The function or class.

    Raises:
        DefinitionError: If there is no such module or name, or it cannot be called.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise DefinitionError(f"{name!r} cannot be imported: {error}; {_ADVICE}") from error
    if not callable(found):
        kind = type(found).__name__
        raise DefinitionError(f"{name!r} must be a function or a class, found {kind}")
    return found  # type: ignore[no-any-return]


def _first_line(loss: Callable[..., Any]) -> str:
    # Not `inspect.getdoc`, which would give a class without one that of `torch.nn.Module`.
    lines = (loss.__doc__ or "").strip().splitlines()
    return lines[0] if lines else "a method of one's own"


def _parameters(name: str, loss: Callable[..., Any]) -> list[Parameter]:
    try:
        arguments = inspect.signature(loss).parameters.values()
    except ValueError as error:  # some functions written in C do not tell
        raise DefinitionError(f"{name!r} does not tell its arguments: {error}") from error
    keywords = [a for a in arguments if a.kind is inspect.Parameter.KEYWORD_ONLY]
    found = [_parameter(name, keyword) for keyword in keywords]
    for parameter in found:
        if not parameter.accepts(parameter.default):
            legal = f"must be {parameter.legal()}, found {parameter.default!r}"
            raise DefinitionError(f"{name!r}: the default of {parameter.name!r} {legal}")
    return found


def _parameter(name: str, argument: inspect.Parameter) -> Parameter:
    match argument.name, argument.default:
        case _, bool() as default:
            return flag(argument.name, default, _OWN)
        case "temperature", int() | float() as default:
            return temperature(float(default))
        case "soft_weight", int() | float() as default:
            return soft_weight(float(default))
        case _, int() as default:
            return Parameter(argument.name, "int", default, _OWN, low=-math.inf, high=math.inf)
        case _, float() as default:
            return Parameter(argument.name, "float", default, _OWN, low=-math.inf, high=math.inf)
    raise DefinitionError(
        f"{name!r}: keyword argument {argument.name!r} must have a default that is an int, a "
        "float or a bool, which tells its type"
    )


def _attribute(name: str, loss: Callable[..., Any], attribute: str, default: Any) -> Any:
    found = getattr(loss, attribute, default)
    if not isinstance(found, type(default)):
        legal = type(default).__name__
        raise DefinitionError(f"{name!r}: {attribute} must be a {legal}, found {found!r}")
    return found
