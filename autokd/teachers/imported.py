"""A user's own network, named ``"package.module:function"``.

The name is the only place where a definition makes autokd run code, and it is code that the user
wrote or installed.
"""

import importlib
import inspect
import operator

from torch import nn

from autokd.errors import TeacherError

__all__ = ["imported_model", "is_import_name"]


def is_import_name(model: str) -> bool:
    """Tell a function's name from a model's.

    Args:
        model: ``teacher.model`` of a study.

    Returns:
        Whether it has the form ``package.module:function``.
    """
    return ":" in model


def imported_model(name: str) -> nn.Module:
    """Import a function and call it without arguments.

    Args:
        name: ``package.module:function``; a class works as well. The module must be importable.

    Returns:
        What it returns.

    Raises:
        TeacherError: If there is no such module or function, if it needs arguments, or if it
            returns no module of torch.
    """
    module_name, _, attribute = name.partition(":")
    try:
        function = operator.attrgetter(attribute)(importlib.import_module(module_name))
    except (ImportError, AttributeError, ValueError) as error:
        raise TeacherError(f"[teacher.model] {name!r} cannot be imported: {error}") from error
    _check_callable(name, function)
    module = function()
    if not isinstance(module, nn.Module):
        found = type(module).__name__
        raise TeacherError(
            f"[teacher.model] {name!r} must return a torch.nn.Module, found {found}"
        )
    return module


def _check_callable(name: str, function: object) -> None:
    if not callable(function):
        found = type(function).__name__
        raise TeacherError(f"[teacher.model] {name!r} must be a function, found {found}")
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError) as error:
        raise TeacherError(
            f"[teacher.model] {name!r} is called without arguments: {error}"
        ) from error
